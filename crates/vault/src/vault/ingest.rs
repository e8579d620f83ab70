//! The pipeline: download -> chunks (`pack.rs`) -> manifest -> record -> name.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Vaultwide};
use burrow_model::record::{Content, ImageRecord, Manifest, State};
use url::Url;

use super::lease::Committed;
use super::{Draft, Label, Packed, Vault, Worker};
use crate::download;
use crate::ports::{ByteSource, Ports};
use crate::store::LEASE;

/// The waits between a worker's attempts at a job, at least; after one more it gives up.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The longest wait that an origin may ask for: it is well within the lease of the job that waits.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Attempts after which a job is given up at once: its image kills every worker, it seems.
const MAX_ATTEMPTS: u32 = 30;

impl<P: Ports> Vault<P> {
    /// Records a job and does it. Returns its record, ready or failed.
    pub async fn ingest(&self, url: &str, label: Label) -> Result<ImageRecord, Error> {
        let record = self.accept(self.draft_job(url, label)?, Worker::Recorder).await?;
        self.work(record).await
    }

    /// Does a job that the caller holds: downloads, packs and stores, and tries again what may go better later.
    /// Returns the record as it was left: ready, or failed with the reason.
    pub async fn work(&self, mut record: ImageRecord) -> Result<ImageRecord, Error> {
        let mut waits = BACKOFF.iter();
        loop {
            if record.attempts >= MAX_ATTEMPTS {
                return self.give_up(record, format!("{MAX_ATTEMPTS} attempts were begun and not ended")).await;
            }
            record.attempts += 1;
            self.check_lease(&record)?;
            self.change(&mut record, State::Storing { lease: self.ports.now() + LEASE });
            if let Committed::Removed { .. } = self.commit_or_undo(&record).await? {
                return Err(Error::Removed);
            }
            let error = match self.attempt(&record).await {
                Ok(content) => return self.complete(record, content).await,
                Err(error) => error,
            };
            let Some(wait) = waits.next().and_then(|&wait| self.wait_after(&error, wait)) else {
                return self.give_up(record, error.to_string()).await;
            };
            self.ports.sleep(wait).await;
        }
    }

    /// How long to wait before an attempt is made again; none if that is of no use, or would take too long.
    fn wait_after(&self, error: &Error, backoff: Duration) -> Option<Duration> {
        let asked = error.retry_after();
        if !error.is_transient() || asked > MAX_WAIT {
            return None;
        }
        // Up to half as much more, so that those who failed together do not come back together.
        let [random, ..] = self.ports.ten_bytes();
        Some(backoff.max(asked) + backoff * u32::from(random) / 512)
    }

    /// Stores bytes that are given as a new image. Nothing is kept if they are not whole or no image.
    pub async fn put(&self, source: &mut impl ByteSource, label: Label) -> Result<ImageRecord, Error> {
        let packed = self.pack(source).await?;
        self.keep(self.draft(label), packed).await
    }

    /// Makes packed bytes a new image.
    pub async fn keep(&self, draft: Draft, packed: Packed) -> Result<ImageRecord, Error> {
        let content = self.share_or_complete(packed).await?;
        let record = self.new_record(draft, State::Ready(content)).await?;
        self.publish(&record).await?;
        self.store.list_image(&record).await?;
        Ok(record)
    }

    async fn attempt(&self, record: &ImageRecord) -> Result<Content, Error> {
        let source = record.source.as_deref().unwrap_or_default();
        let url = Url::parse(source).map_err(|error| Error::Invalid { field: "url", reason: error.to_string() })?;
        let mut body = download::open(&self.ports, &self.settings.downloads, url).await?;
        let packed = self.pack(&mut body).await?;
        self.share_or_complete(packed).await
    }

    /// Makes packed bytes a blob, or finds the blob that holds the same already. The content counts as used.
    pub(super) async fn share_or_complete(&self, packed: Packed) -> Result<Content, Error> {
        let Some(twin) = self.twin(&packed.manifest).await? else {
            return self.complete_blob(packed).await;
        };
        self.discard(&packed).await?;
        Ok(Content { blob: twin, ..packed.content })
    }

    /// Comes to share a blob that holds the same, packed the same and undamaged, if there is one.
    async fn twin(&self, manifest: &Manifest) -> Result<Option<BlobId>, Error> {
        let Some(twin) = self.store.blob_of(&manifest.sha256).await? else { return Ok(None) };
        let same = self.store.sound_manifest(twin).await?.as_ref() == Some(manifest);
        Ok(if same && self.store.share(twin).await? { Some(twin) } else { None })
    }

    /// Completes a blob. From the first write on its chunks stay, even if an error is reported: it may have landed.
    async fn complete_blob(&self, Packed { manifest, content }: Packed) -> Result<Content, Error> {
        self.store.save_manifest(content.blob, &manifest).await?;
        self.store.remember_blob(&content.sha256, content.blob).await?;
        self.store.add(Vaultwide::StoredBytes, signed(content.stored_size)).await?;
        Ok(content)
    }

    pub(super) async fn complete(&self, mut record: ImageRecord, content: Content) -> Result<ImageRecord, Error> {
        self.check_lease(&record)?;
        let (blob, size) = (content.blob, signed(content.size));
        self.change(&mut record, State::Ready(content));
        self.publish(&record).await?;
        self.store.add(Vaultwide::Pending, -1).await?;
        match self.commit_or_undo(&record).await? {
            Committed::Kept => return Ok(record),
            Committed::Removed { is_ours_to_undo: false } => {}
            Committed::Removed { is_ours_to_undo: true } => {
                // Its remover did not see it ready, and counts it out as pending.
                self.store.leave(blob).await?;
                self.store.add(Vaultwide::Pending, 1).await?;
                self.store.add(Vaultwide::Ready, -1).await?;
                self.store.add(Vaultwide::OriginalBytes, -size).await?;
            }
        }
        Err(Error::Removed)
    }

    async fn give_up(&self, mut record: ImageRecord, error: String) -> Result<ImageRecord, Error> {
        self.check_lease(&record)?;
        self.store.add(Vaultwide::Pending, -1).await?;
        self.store.add(Vaultwide::Failed, 1).await?;
        self.change(&mut record, State::Failed { error });
        match self.commit_or_undo(&record).await? {
            Committed::Kept => return Ok(record),
            Committed::Removed { is_ours_to_undo: false } => {}
            Committed::Removed { is_ours_to_undo: true } => {
                self.store.add(Vaultwide::Pending, 1).await?;
                self.store.add(Vaultwide::Failed, -1).await?;
            }
        }
        Err(Error::Removed)
    }

    /// Counts an image that is about to be ready, and lets its name lead to it: a name counts once the record says
    /// ready, so that this, the last write, makes all of it visible at once.
    pub(super) async fn publish(&self, record: &ImageRecord) -> Result<(), Error> {
        self.store.enter_name(record).await?;
        self.store.add(Vaultwide::Ready, 1).await?;
        self.store.add(Vaultwide::OriginalBytes, signed(record.content()?.size)).await?;
        self.store.set_mark(Vaultwide::LastUploaded, record.numbered()).await
    }

    fn change(&self, record: &mut ImageRecord, state: State) {
        record.state = state;
        // Claims are on a record as it was written at a time, so no two states have the same.
        record.updated = self.ports.now().max(record.updated + 1);
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
