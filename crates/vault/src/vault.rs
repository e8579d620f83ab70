//! The vault: each operation on images is a method, in the file of its name.
//!
//! When a method has returned an image's record, the record is durable, as far as the store promises it.

mod accept;
mod deliver;
mod edit;
mod idempotency;
mod ingest;
mod jobs;
mod label;
mod lease;
mod measure;
mod pack;
mod progress;
mod quotas;
mod read;
mod remove;
mod rename;
mod repack;
mod restore;
mod resume;
mod retry;
mod search;
mod similar;
mod thumbnail;
mod verify;

use std::future::Future;
use std::time::Duration;

use futures::future::Either;

pub use accept::Draft;
pub use deliver::Delivered;
pub use edit::Edit;
pub use idempotency::{Answering, Once};
pub use jobs::{Jobs, Worker};
pub use label::Label;
pub use pack::Packed;
pub use quotas::Quotas;
pub use read::{MAX_PAGE, Page, Statistics};
pub use rename::Renaming;
pub use repack::{Left, Outcome, Repackable, RepackedSome};
pub use restore::{Archived, ArchivedState, Restored};
pub use resume::Resumed;
pub use search::{DayCount, Estimate, Filter, FormatCount, Numbers, TagCount, Tags};
pub use similar::{Alike, Known, Likenesses, Similar};
pub use thumbnail::Shown;

use crate::compression::Compression;
use crate::download::DownloadRules;
use crate::ports::Ports;
use crate::store::Store;
pub use crate::store::index::{Order, Shape};
pub use crate::store::verify::{Discovery, Fault, FaultKind, Plan, Verified};
use crate::webhook::Webhook;

/// The operator's settings of the vault.
#[derive(Clone, Debug)]
pub struct VaultSettings {
    /// The largest image that Burrow accepts, in bytes.
    pub max_image_bytes: u64,
    /// Which origins Burrow asks, and how long they may take.
    pub downloads: DownloadRules,
    /// Which images are repacked.
    pub compression: Compression,
    /// The most memory that repacking one image may take, in bytes, and unpacking it later. An instance has 128 MiB on
    /// some hosts.
    pub codec_memory: u64,
    /// What the host states about itself.
    pub host: HostFacts,
    /// How the index is divided.
    pub index: Shape,
    /// How much the vault takes in all.
    pub quotas: Quotas,
    /// Who is told of images.
    pub webhook: Option<Webhook>,
}

/// What the host states about itself: no operator sets it.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostFacts {
    /// How many blocks of one large image helper instances pack at once. Below 2, the instance that downloads packs.
    /// Above 0, the host may also provide helpers that draw thumbnails.
    pub packers: usize,
    /// The generation of the store, if only one process at a time can have it open, and others use it through that
    /// process: a number that no earlier opening had, and that all who use the store now have. `None` if processes
    /// share the store.
    pub generation: Option<u64>,
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self {
            max_image_bytes: 256 * 1024 * 1024,
            downloads: DownloadRules::default(),
            compression: Compression::default(),
            codec_memory: 104 * 1024 * 1024,
            host: HostFacts::default(),
            index: Shape::default(),
            quotas: Quotas::default(),
            webhook: None,
        }
    }
}

/// The vault over one set of ports. Cheap to clone: it holds only its settings and handles on the ports.
#[derive(Clone, Debug)]
pub struct Vault<P> {
    ports: P,
    store: Store<P>,
    settings: VaultSettings,
}

impl<P: Ports> Vault<P> {
    /// Makes a vault over these ports. It reads and writes nothing.
    pub fn new(ports: P, settings: VaultSettings) -> Self {
        Self { store: Store::new(ports.clone(), settings.host.generation, settings.index), ports, settings }
    }

    /// Now, in milliseconds since 1970.
    pub fn now(&self) -> u64 {
        self.ports.now()
    }

    /// Waits for `work` for at most `time`. `None` if `work` has not ended by then; it can go on.
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
