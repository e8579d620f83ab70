//! The HTTP service: a request in, an answer out.
//!
//! It knows HTTP and the vault, and nothing of WASI. docs/http-api.md has the contract, rule by rule.
//!
//! From the outside in:
//! - [`service`], `router`: admit a request, route it, finish its answer
//! - `pages`: for people, complete without scripts; `templates/` has the HTML, `assets/` style and scripts
//! - `api`: for programs
//! - [`access`]: tokens, cookies, signed links, requests from other sites
//! - `protocol`: rules of HTTP itself: conditions, ranges, negotiation, digests, preferences
//! - `route`, [`problem`], [`message`], [`settings`]: shared by all of these

pub mod access;
mod api;
pub mod message;
mod pages;
pub mod problem;
mod protocol;
mod route;
mod router;
pub mod service;
pub mod settings;
mod texts;

pub use message::{Answer, Body, Job, Request};
pub use service::Service;
pub use settings::ServiceSettings;
