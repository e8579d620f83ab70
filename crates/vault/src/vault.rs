//! The vault: what one can do with images. Each verb is a method, in the file that bears its name.
//!
//! Whoever is told of an image (a method returned its record) can rely on it: the record is durable by then.

mod accept;
mod edit;
mod idempotency;
mod ingest;
mod jobs;
mod label;
mod lease;
mod pack;
mod read;
mod remove;
mod restore;
mod resume;
mod retry;
mod thumbnail;
mod verify;

use std::future::Future;
use std::time::Duration;

use futures::future::Either;

pub use accept::Draft;
pub use edit::Edit;
pub use idempotency::{Answering, Once};
pub use jobs::{Jobs, Worker};
pub use label::Label;
pub use pack::Packed;
pub use read::{Filter, MAX_PAGE, Order, Page, Statistics};
pub use restore::{Archived, ArchivedState, Restored};
pub use resume::Resumed;
pub use thumbnail::Shown;

use crate::download::DownloadRules;
use crate::ports::Ports;
use crate::store::Store;
pub use crate::store::verify::{Discovery, Fault, FaultKind, Plan, Verified};

/// Settings that the operator may change.
#[derive(Clone, Debug)]
pub struct VaultSettings {
    /// The largest image taken, in bytes.
    pub max_image_bytes: u64,
    /// Which origins are asked, and how long they may take.
    pub downloads: DownloadRules,
    /// Blocks of one large image that other instances pack at once; below 2, it is packed where it is downloaded. No
    /// setting: the host says it.
    pub packers: usize,
    /// Since when all who use the store know of each other, in milliseconds since 1970, if they do: whoever wrote a record
    /// before is dead. No setting: the host says it, the same to all of them.
    pub alone_since: Option<u64>,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self { max_image_bytes: 256 * 1024 * 1024, downloads: DownloadRules::default(), packers: 0, alone_since: None }
    }
}

/// The vault behind one set of ports. Cheap to clone; keeps nothing between calls.
#[derive(Clone, Debug)]
pub struct Vault<P> {
    ports: P,
    store: Store<P>,
    settings: VaultSettings,
}

impl<P: Ports> Vault<P> {
    /// Opens the vault.
    pub fn new(ports: P, settings: VaultSettings) -> Self {
        Self { store: Store::new(ports.clone()), ports, settings }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.ports.now()
    }

    /// Waits for `work`, but not longer than `time`; none if it goes on.
    pub async fn wait<W: Future + Unpin>(&self, time: Duration, work: &mut W) -> Option<W::Output> {
        let sleep = std::pin::pin!(self.ports.sleep(time));
        match futures::future::select(work, sleep).await {
            Either::Left((done, _)) => Some(done),
            Either::Right(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
