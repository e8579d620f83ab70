//! The vocabulary of Burrow: keys, records, statuses and errors. Pure; names no host.
//!
//! - [`key`]: the keys of the store; [`key::Kind`] parses one
//! - [`record`]: the values; [`envelope`] wraps them and checks them
//! - [`appearance`]: how an image is shown
//! - [`lease`]: who works at something, and until when
//! - [`name`]: how names are compared, shortened, and made into file names
//! - [`status`]: the four statuses of an image
//! - [`error`]: why an operation fails
//! - [`json`]: an image and the counts as JSON, for clients
//! - [`time`], [`words`]: times, and lists in settings

pub mod appearance;
pub mod envelope;
pub mod error;
pub mod json;
pub mod key;
pub mod lease;
pub mod name;
pub mod record;
pub mod status;
pub mod time;
pub mod words;
