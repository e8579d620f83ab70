//! Access control: tokens, cookies, signed links, requests from other sites.

pub(crate) mod cookie;
pub mod cors;
pub(crate) mod hosts;
pub mod links;
pub mod token;
