//! What Burrow stores and says: the vocabulary that all other crates share. Pure; names no host.
//!
//! - [`key`]: the keys of the store; [`key::Kind`] reads one back
//! - [`record`]: the values; [`envelope`] checks them
//! - [`status`]: the states of an image
//! - [`error`]: how operations fail
//! - [`json`]: what clients see
//! - [`time`], [`words`]: times, and lists that people write

pub mod envelope;
pub mod error;
pub mod json;
pub mod key;
pub mod record;
pub mod status;
pub mod time;
pub mod words;
