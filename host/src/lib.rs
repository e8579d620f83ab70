//! The native host of Burrow: runs the component on every core over an embedded store.
//!
//! ```
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use burrow_host::{Builder, Label};
//! use tokio::io::AsyncReadExt as _;
//!
//! # let dot = b"GIF89a\x01\0\x01\0\0\0\0;".as_slice();
//! let burrow = Builder::new().open(&"memory:".parse()?).await?;
//! let label = Label { name: Some("dot.gif".into()), tags: vec!["tiny".into()] };
//! let image = burrow.put(dot, label).await?;
//! let mut bytes = Vec::new();
//! burrow.open(&image.id, None).await?.into_reader().read_to_end(&mut bytes).await?;
//! assert!(bytes == dot && image.content.unwrap().media_type == "image/gif");
//! # Ok(()) }
//! ```
//!
//! The component is built in by the feature `bundled`: `BURROW_BUNDLE` then names the file `burrow.wasm` when the program is
//! built. Without the feature, give its bytes to [`Builder::component`].
//!
//! Call everything within a Tokio runtime: it drives the sockets. Instances that compute run on threads of their own. A
//! failure is an [`Error`]; neither a panic of this library nor a trap of the component reaches the caller.
//!
//! # Layout
//!
//! - [`Builder`] makes a [`Burrow`]: the vault for programs (`vault.rs`, `content.rs`), many images at once (`jobs.rs`), and the HTTP
//!   service (`serve.rs`)
//! - `tags`: lists and renames tags; `webhook`: tells the operator's webhook
//! - [`Verification`]: verifies and repairs a whole vault (`maintenance.rs`); [`Repack`]: makes images smaller (`repack.rs`)
//! - [`archive`]: a whole vault as one tar file
//! - `streams`: streams between the host and the component, as channels
//! - `engine`: compiles the component and makes instances of it; `computing`: ends those that never pause; `idle`: instances between two calls; `pool`: the threads on which they compute
//! - `schedule`: which job begins next; `origins`: limits requests to each origin; `patience`: jobs that wait for origins
//! - `state`: what an instance can reach; [`kv`], `outbound`, [`Variables`] are behind it
//! - `target`: the host that a request names; `timed_body`: a body with a time limit; `sending`: responses being sent
//! - `metrics`: counters for `/metrics`; `guest_log`: the component's log
//! - `address`: which IP addresses are public; `private`: files that only their owner may use
//! - `types`: the types of the WIT interface; `bindings`: the only generated code

mod address;
pub mod archive;
mod bindings;
mod blobs;
mod builder;
mod computing;
mod content;
mod engine;
mod guest_log;
mod idle;
mod jobs;
pub mod kv;
mod maintenance;
mod metrics;
mod origins;
mod outbound;
mod patience;
mod pool;
mod private;
mod repack;
mod schedule;
mod sending;
mod serve;
mod state;
mod streams;
mod tags;
mod target;
mod timed_body;
mod types;
mod variables;
mod vault;
mod webhook;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

pub use builder::Builder;
pub use content::ContentStream;
pub use jobs::Wanted;
pub use maintenance::{Verification, damaged_content};
pub use outbound::Proxy;
pub use repack::{Hours, Repack};
pub use serve::{AnswerBody, ClientLimits, Handler, Limits, Service, TrustedProxies};
pub use types::{
    Alike, ByteRange, Discovery, Fault, FaultKind, Filter, Image, Job, JobsPage, KnownLikeness, Label, LikenessesPage,
    Numbers, Packing, Page, Renaming, Repackable, Repacked, Restored, Resumed, Shown, SimilarImage, SmallPicture,
    Smaller, Source, Statistics, Status, Sum, TagCount, TagsPage, VaultError, Verified,
};
pub use variables::Variables;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The vault refused the call, or could not do it.
    #[error("{}", explain(.0))]
    Vault(VaultError),
    /// The component could not be compiled, linked or run, or it trapped.
    #[error("the component failed: {0:#}")]
    Component(#[from] wasmtime::Error),
    /// The content broke off, or this [`Burrow`] was dropped while the call ran.
    #[error("the content broke off")]
    Interrupted,
    /// The work took longer than [`Builder::job_time`], so the host stopped it.
    #[error("it took longer than the {} s that one job may take", .0.as_secs())]
    TooLong(Duration),
    /// The content given to be stored cannot be read.
    #[error("cannot be read: {0}")]
    Read(#[source] std::io::Error),
    /// This process could not run the call; the text says why.
    #[error("{0}")]
    Internal(String),
    /// The bytes are no archive, or a damaged one, or cannot be read; the text says which, and where.
    #[error("{0}")]
    Archive(String),
    /// The certificates of authorities cannot be read; the text says why.
    #[error("{0}")]
    Certificates(String),
    /// The component has no setting of this name.
    #[error("there is no setting named {0}")]
    Setting(String),
    /// The archive's file cannot be written.
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

/// Describes the vault's error in one sentence for people.
fn explain(error: &VaultError) -> String {
    match error {
        VaultError::InvalidInput(text)
        | VaultError::NotAnImage(text)
        | VaultError::FetchFailed(text)
        | VaultError::Corrupt(text)
        | VaultError::Newer(text)
        | VaultError::StoreFailed(text) => text.clone(),
        VaultError::NotFound => "no such image".into(),
        VaultError::WrongStatus(status) => format!("the image is {status}, so this is not possible"),
        VaultError::RangeNotSatisfiable(size) => {
            format!("the range lies outside the content of {size} bytes")
        }
        VaultError::LimitExceeded(limit) => {
            format!("more than the limit {} = {} allows: at least {}", limit.limit, limit.allowed, limit.seen)
        }
    }
}

/// Converts a time to the vault's unit, milliseconds since 1970-01-01T00:00:00Z.
fn millis(time: SystemTime) -> Option<u64> {
    time.duration_since(SystemTime::UNIX_EPOCH).ok().and_then(|since| u64::try_from(since.as_millis()).ok())
}

/// The component that was built into this library, if one was (the feature `bundled`).
#[cfg(feature = "bundled")]
pub const COMPONENT: Option<&[u8]> = Some(include_bytes!(env!("BURROW_BUNDLE")));
/// The component that was built into this library, if one was (the feature `bundled`).
#[cfg(not(feature = "bundled"))]
pub const COMPONENT: Option<&[u8]> = None;

/// Burrow in this process: the component over one store. A [`Builder`] makes it. Clones are cheap and share it.
///
/// Each call has an instance of the component to itself. Any of them may fail with [`Error::Component`], if the instance
/// traps or cannot be made; the methods' `# Errors` have the rest.
///
/// Any call may be dropped before its end, by a time-out for instance: its instance is then dropped, too. What was
/// recorded stays recorded. A job that was begun stays a job, which the next call for it, or
/// [`do_jobs`](Self::do_jobs), takes up at once; an upload leaves no image.
#[derive(Clone)]
pub struct Burrow {
    factory: engine::Factory,
    pool: pool::Pool,
    origins: origins::Origins,
    /// Limits jobs by the address of their origin; `None` behind a proxy.
    addresses: Option<origins::Origins>,
    patience: patience::Patience,
    /// Notified when this process has recorded an image, which may be a job.
    recorded: Arc<Notify>,
    /// Cancelled when the store has been closed.
    closed: CancellationToken,
    /// Whether [`Burrow::serve`] also does the jobs that it records (the setting `run_jobs`).
    does_jobs: bool,
    /// Whether there is a webhook to tell of images (the setting `webhook_url`).
    has_webhook: bool,
    jobs: NonZeroUsize,
    per_origin: NonZeroUsize,
    job_time: Duration,
}

impl Burrow {
    /// Closes the store, so that this process or another can open it again. Waits until every clone of this `Burrow`, and
    /// whatever was made of them, has been dropped: calls, content that is being read, handlers.
    ///
    /// Without this the store is closed, too, a moment after the last of them has been dropped.
    pub async fn close(self) {
        let closed = self.closed.clone();
        drop(self);
        closed.cancelled().await;
    }
}

impl std::fmt::Debug for Burrow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Burrow").finish_non_exhaustive()
    }
}
