//! Burrow, the whole image pipeline as one component: download, compress without loss, store, serve.
//!
//! # Layout
//!
//! From the outside in:
//! - `exports`: what the component exports, HTTP and WIT, in terms of the vault *(only in the component)*
//! - `wasi`: the ports, implemented over WASI and Spin *(only in the component)*
//! - `bindings`: the only generated code *(only in the component)*
//! - [`http`]: requests to answers: routes, JSON, pages, errors
//! - [`vault`]: what one can do with images, a verb a file; [`vault::Vault::ingest`] is the pipeline
//! - [`packer`]: the middle of the pipeline: hash, count, sniff, cut, pack, verify
//! - [`codec`], [`sniff`], [`policy`], [`download`]: its parts
//! - [`thumbnail`]: small pictures
//! - [`store`]: the border around state; [`key`] and [`record`] are what is stored
//! - [`ports`], [`error`], [`time`]: what the core asks of the world, how it fails, and what a time is
//!
//! Everything but the first three is pure: it runs natively under test, and never names WASI.

#[cfg(target_family = "wasm")]
mod bindings;
#[cfg(target_family = "wasm")]
mod exports;
#[cfg(target_family = "wasm")]
mod wasi;

pub mod codec;
pub mod download;
pub mod error;
pub mod http;
pub mod key;
pub mod packer;
pub mod policy;
pub mod ports;
pub mod record;
pub mod settings;
pub mod sniff;
pub mod store;
#[cfg(test)]
mod testing;
pub mod thumbnail;
pub mod time;
pub mod vault;
