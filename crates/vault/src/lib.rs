//! The vault: everything one can do with images, over any key-value store. Pure: it runs natively under test, and never
//! names WASI.
//!
//! - [`vault`]: the verbs, a file each; [`vault::Vault::ingest`] is the pipeline
//! - [`packer`]: the middle of the pipeline: hash, count, sniff, cut, pack, verify
//! - [`codec`], [`sniff`], [`policy`], [`download`]: its parts
//! - [`thumbnail`]: small pictures
//! - [`store`]: the border around state
//! - [`ports`]: what all of it asks of the world outside

pub mod codec;
pub mod download;
pub mod packer;
pub mod policy;
pub mod ports;
pub mod sniff;
pub mod store;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod thumbnail;
pub mod vault;
