//! The HTTP service: a request in, an answer out. Knows HTTP and the vault, nothing of WASI. docs/http-api.md has the
//! contract, rule by rule.
//!
//! From the outside in:
//! - [`service`], `router`: a request is admitted, routed, answered
//! - `pages`: for people, complete without scripts; HTML is in `templates/`, style and scripts in `assets/`
//! - `api`: for programs
//! - [`access`]: tokens, cookies, links, other sites
//! - `protocol`: what HTTP itself rules: conditions, ranges, negotiation, digests, preferences
//! - `route`, [`problem`], [`message`], [`settings`]: what all of them share

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

pub use message::{Answer, Body, Job, Request};
pub use service::Service;
pub use settings::ServiceSettings;
