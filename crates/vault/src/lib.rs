//! The vault: downloads, packs, stores, reads and removes images, over any key-value store.
//!
//! Pure: it names no WASI, and runs natively under test.
//!
//! - [`vault`]: the operations, a file each; [`vault::Vault::ingest`] is the whole pipeline
//! - [`packer`]: the middle of the pipeline: hashes, counts, sniffs, cuts, packs and verifies
//! - [`codec`], [`sniff`], [`policy`], [`headers`], [`referrer`], [`download`]: the parts of the pipeline
//! - [`compression`]: which images are repacked, with which codec
//! - [`thumbnail`]: draws thumbnails
//! - [`terms`]: what an image is found by
//! - [`webhook`]: who is told of images, and how
//! - [`store`]: typed access to the key-value store
//! - [`ports`]: the traits through which the vault reaches the outside

pub mod codec;
pub mod compression;
pub mod download;
pub mod headers;
mod jpeg;
pub mod packer;
pub mod policy;
pub mod ports;
pub mod referrer;
pub mod sniff;
pub mod store;
pub mod terms;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod thumbnail;
pub mod vault;
pub mod webhook;
