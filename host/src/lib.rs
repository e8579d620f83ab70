//! The native host of Burrow: runs the component on every core over an embedded store.
//!
//! # Layout
//!
//! - [`Burrow`]: the vault for programs (`vault.rs`) and the HTTP service (`serve.rs`)
//! - [`Verification`]: care of a whole vault (`maintenance.rs`)
//! - [`archive`]: a whole vault as one tar file
//! - `streams`: streams between the host and the component, as channels
//! - `engine`: the component, compiled once, and fresh instances of it
//! - `state`: what an instance can reach; [`kv`], `outbound`, [`Variables`] are behind it
//! - `address`: which IP addresses are public
//! - `bindings`: the only generated code

mod address;
pub mod archive;
mod bindings;
mod engine;
pub mod kv;
mod maintenance;
mod outbound;
mod sending;
mod serve;
mod state;
mod streams;
mod target;
mod timed_body;
mod variables;
mod vault;

use std::sync::Arc;
use std::time::SystemTime;

pub use bindings::burrow::vault::types::{ByteRange, Error as VaultError, Image, Label, Packing, Status};
pub use bindings::exports::burrow::vault::maintenance::{Discovery, Fault, FaultKind, Restored, Verified};
pub use bindings::exports::burrow::vault::vault::{Filter, Page, Resumed, Statistics};
pub use maintenance::{Verification, fault_word};
pub use variables::Variables;
pub use vault::Content;

use kv::KeyValue;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault said no.
    #[error("{}", explain(.0))]
    Vault(VaultError),
    /// The component could not be compiled, linked or run, or it trapped.
    #[error("the component failed: {0:#}")]
    Component(#[from] wasmtime::Error),
    /// The content broke off.
    #[error("the content broke off")]
    Interrupted,
    /// An archive is none, or damaged, or cannot be read or written; the text says which and where.
    #[error("{0}")]
    Archive(String),
    /// An archive cannot be written.
    #[error("cannot write the archive: {0}")]
    Write(#[source] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] kv::KvError),
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        Self::Vault(error)
    }
}

/// The vault's error for people.
fn explain(error: &VaultError) -> String {
    match error {
        VaultError::InvalidInput(text)
        | VaultError::NotAnImage(text)
        | VaultError::FetchFailed(text)
        | VaultError::Corrupt(text)
        | VaultError::StoreFailed(text) => text.clone(),
        VaultError::NotFound => "no such image".into(),
        VaultError::WrongStatus(status) => format!("the image is {}, so this is not possible", status_word(*status)),
        VaultError::RangeNotSatisfiable(size) => {
            format!("the range lies outside the content of {size} bytes")
        }
        VaultError::LimitExceeded(limit) => {
            format!("more than the limit {} = {} allows: at least {}", limit.limit, limit.allowed, limit.seen)
        }
    }
}

/// A time as the vault has it: milliseconds since 1970.
fn millis(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok())
}

/// A status in one word, as in JSON.
pub fn status_word(status: Status) -> &'static str {
    match status {
        Status::Pending => "pending",
        Status::Storing => "storing",
        Status::Ready => "ready",
        Status::Failed => "failed",
    }
}

/// Burrow in this process: the component over one store. Cheap to clone.
#[derive(Clone)]
pub struct Burrow {
    factory: engine::Factory,
}

impl std::fmt::Debug for Burrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Burrow").finish_non_exhaustive()
    }
}

impl Default for Filter {
    /// Every image.
    fn default() -> Self {
        Self { tags: Vec::new(), status: None, name: None }
    }
}

impl Burrow {
    /// Compiles the component (the bytes of `burrow.wasm`) and joins it with a store and settings.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] if the bytes are no component for this host.
    pub fn new(component: &[u8], kv: Arc<dyn KeyValue>, variables: Variables) -> Result<Self, Error> {
        let outbound = outbound::Outbound::new(variables.allow_private_network(), variables.connect_timeout());
        Ok(Self { factory: engine::Factory::new(component, kv, variables, outbound)? })
    }
}
