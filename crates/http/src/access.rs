//! Who may do what.

pub(crate) mod cookie;
pub mod cors;
pub mod links;
pub mod token;
