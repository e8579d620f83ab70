//! The pipeline of a job: download -> chunks (`pack.rs`) -> manifest -> record -> name.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Vaultwide};
use burrow_model::record::{Content, ImageRecord, Manifest, Progress, State};
use url::Url;

use super::lease::Committed;
use super::{Draft, Label, Packed, Vault, Worker};
use crate::download;
use crate::ports::{ByteSource, Ports};
use crate::referrer::Referrer;
use crate::store::LEASE;
use crate::terms;

/// The minimum waits before a worker's second and third attempts. After a third failure it gives up.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The longest wait that an origin may ask for. It is much shorter than the lease of the waiting job.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// Attempts after which no worker tries a job again: its image seems to kill every worker.
const MAX_ATTEMPTS: u32 = 30;

impl<P: Ports> Vault<P> {
    /// Records a job and does it. Returns its record, ready or failed.
    pub async fn ingest(&self, draft: Draft) -> Result<ImageRecord, Error> {
        let record = self.accept(draft, Worker::Recorder).await?;
        self.work(record).await
    }

    /// Does a job that the caller holds: downloads, packs and stores it, and repeats an attempt that may succeed later.
    /// Returns the record, ready or failed.
    pub async fn work(&self, mut record: ImageRecord) -> Result<ImageRecord, Error> {
        let mut waits = BACKOFF.iter();
        loop {
            if record.attempts >= MAX_ATTEMPTS {
                return self.give_up(record, format!("{MAX_ATTEMPTS} attempts began and did not end")).await;
            }
            record.attempts += 1;
            if waits.len() == BACKOFF.len() {
                self.check_lease(&record)?;
            } else {
                self.check_still(&record).await?;
            }
            let lease = self.new_lease(LEASE);
            self.change(&mut record, State::Storing { lease, progress: Progress::default() });
            if let Committed::Removed { .. } = self.commit_or_undo(&record).await? {
                return Err(Error::Removed);
            }
            let error = match self.attempt(&record).await {
                Ok(content) => return self.complete(record, content).await,
                Err(Error::Removed) => return Err(Error::Removed),
                Err(error) => error,
            };
            let Some(wait) = waits.next().and_then(|&wait| self.wait_after(&error, wait)) else {
                return self.give_up(record, error.to_string()).await;
            };
            self.ports.sleep(wait).await;
        }
    }

    /// How long to wait before the next attempt. `None` if another attempt cannot help, or the origin asks for too long
    /// a wait.
    fn wait_after(&self, error: &Error, backoff: Duration) -> Option<Duration> {
        let asked = error.retry_after();
        if !error.is_transient() || asked > MAX_WAIT {
            return None;
        }
        // Up to half of the backoff is added at random, so that jobs that failed together do not return together.
        let [random, ..] = self.ports.ten_bytes();
        Some(backoff.max(asked) + backoff * u32::from(random) / 512)
    }

    /// Stores the given bytes as a new image. If they break off or are no image, it stores nothing.
    pub async fn put(&self, source: &mut impl ByteSource, label: Label) -> Result<ImageRecord, Error> {
        let packed = self.pack(source).await?;
        self.keep(self.draft(label), packed).await
    }

    /// Makes a new image of packed bytes.
    pub async fn keep(&self, draft: Draft, packed: Packed) -> Result<ImageRecord, Error> {
        let content = self.share_or_complete(packed).await?;
        let record = self.new_record(draft, State::Ready(content)).await?;
        self.publish(&record).await?;
        self.store.list_image(None, &record).await?;
        self.list_known_likeness(&record).await;
        let since = record.created;
        self.catch_up(record, since).await
    }

    async fn attempt(&self, record: &ImageRecord) -> Result<Content, Error> {
        let source = record.source.as_deref().unwrap_or_default();
        let url = Url::parse(source).map_err(|error| Error::Invalid { field: "url", reason: error.to_string() })?;
        let referrer = record.referrer.as_deref().map(Referrer::new).transpose()?;
        let body = download::open(&self.ports, &self.settings.downloads, url, referrer.as_ref()).await?;
        self.check_bytes().await?;
        let packed = self.pack_content(&mut self.telling(record, body)).await?;
        self.share_or_complete(packed).await
    }

    /// Makes a blob of packed bytes, or shares the blob that already holds this content. In both cases the blob counts
    /// this image as a user.
    pub(super) async fn share_or_complete(&self, packed: Packed) -> Result<Content, Error> {
        let Some(twin) = self.twin(&packed.manifest).await? else {
            return self.complete_blob(packed).await;
        };
        self.discard(&packed).await?;
        Ok(Content { blob: twin, ..packed.content })
    }

    /// Shares the blob that already holds this content undamaged and packed in the same way, or repacked, if there is
    /// one.
    async fn twin(&self, manifest: &Manifest) -> Result<Option<BlobId>, Error> {
        let Some(twin) = self.store.blob_of(&manifest.sha256).await? else { return Ok(None) };
        let Some(found) = self.store.sound_manifest(twin).await? else { return Ok(None) };
        let is_repacked = found.repacked.is_some() && (&found.sha256, found.size) == (&manifest.sha256, manifest.size);
        Ok(if (is_repacked || found == *manifest) && self.store.share(twin).await? { Some(twin) } else { None })
    }

    /// Completes a blob. Once its first write has begun, the chunks stay even if the store reports an error: the write
    /// may have landed.
    async fn complete_blob(&self, Packed { manifest, content }: Packed) -> Result<Content, Error> {
        self.store.save_manifest(content.blob, &manifest).await?;
        self.store.remember_blob(&content.sha256, content.blob).await?;
        self.store.add(Vaultwide::StoredBytes, signed(content.stored_size)).await?;
        Ok(content)
    }

    pub(super) async fn complete(&self, mut record: ImageRecord, content: Content) -> Result<ImageRecord, Error> {
        self.check_still(&record).await?;
        let (blob, size, before) = (content.blob, signed(content.size), record.clone());
        let since = labelled(&record);
        record.tags = self.renamed(record.tags, since).await?;
        self.change(&mut record, State::Ready(content));
        self.publish(&record).await?;
        self.store.add(Vaultwide::Pending, -1).await?;
        self.store.log(&terms::change(Some(&before), &record)).await?;
        match self.commit_or_undo(&record).await? {
            Committed::Kept => {
                self.list_known_likeness(&record).await;
                return Ok(record);
            }
            Committed::Removed { is_ours_to_undo: false } => {}
            Committed::Removed { is_ours_to_undo: true } => {
                // The remover did not see the record as ready, so it counts the image out as pending.
                self.store.leave(blob).await?;
                self.store.add(Vaultwide::Pending, 1).await?;
                self.store.add(Vaultwide::Ready, -1).await?;
                self.store.add(Vaultwide::OriginalBytes, -size).await?;
                self.store.log(&terms::count(Some(&record), Some(&before))).await?;
            }
        }
        Err(Error::Removed)
    }

    async fn give_up(&self, mut record: ImageRecord, error: String) -> Result<ImageRecord, Error> {
        self.check_still(&record).await?;
        let before = record.clone();
        let since = labelled(&record);
        record.tags = self.renamed(record.tags, since).await?;
        self.store.add(Vaultwide::Pending, -1).await?;
        self.store.add(Vaultwide::Failed, 1).await?;
        self.change(&mut record, State::Failed { error });
        self.store.log(&terms::change(Some(&before), &record)).await?;
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

    /// Counts an image that is about to be ready, and enters its name. A name entry counts only once the record says
    /// ready. So that last write makes everything visible at once.
    pub(super) async fn publish(&self, record: &ImageRecord) -> Result<(), Error> {
        self.store.enter_name(record).await?;
        self.store.add(Vaultwide::Ready, 1).await?;
        self.store.add(Vaultwide::OriginalBytes, signed(record.content()?.size)).await?;
        self.store.set_mark(Vaultwide::LastUploaded, record.numbered()).await
    }

    fn change(&self, record: &mut ImageRecord, state: State) {
        record.state = state;
        // A claim names a record by its id and this time, so no two states of a record may have the same time.
        record.updated = self.ports.now().max(record.updated + 1);
    }
}

/// A time before which nobody here had given the image its tags.
fn labelled(record: &ImageRecord) -> u64 {
    record.restored.unwrap_or(record.created)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
