//! The pipeline: download -> hash, count, sniff, cut, pack, verify -> chunks -> manifest -> record -> name.

use std::time::Duration;

use url::Url;

use super::{Draft, Label, Vault};
use crate::download;
use crate::error::Error;
use crate::key::{BlobId, Sha256Hex, Vaultwide};
use crate::packer::Packer;
use crate::ports::{ByteSource, Ports};
use crate::record::{Content, ImageRecord, Manifest, State};
use crate::store::LEASE;

/// The waits between a worker's attempts at a job; after one more it gives up.
const BACKOFF: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// Attempts after which a job is given up at once: its image kills every worker, it seems.
const MAX_ATTEMPTS: u32 = 30;

/// Bytes that are packed into chunks, but no image's yet.
#[derive(Clone, Debug)]
pub struct Packed {
    manifest: Manifest,
    content: Content,
}

impl Packed {
    /// SHA-256 of the original.
    pub fn sha256(&self) -> &Sha256Hex {
        &self.manifest.sha256
    }
}

impl<P: Ports> Vault<P> {
    /// Records a job and does it. Returns its record, ready or failed.
    pub async fn ingest(&self, url: &str, label: Label) -> Result<ImageRecord, Error> {
        let record = self.accept(self.draft_job(url, label)?).await?;
        self.work(record).await
    }

    /// Does a job that the caller holds: downloads, packs and stores, and tries again what may go better later.
    /// Returns the record as it was left: ready, or failed with the reason.
    pub async fn work(&self, mut record: ImageRecord) -> Result<ImageRecord, Error> {
        let mut waits = BACKOFF.iter();
        loop {
            if record.attempts >= MAX_ATTEMPTS {
                let reason = format!("{MAX_ATTEMPTS} attempts were begun and not ended");
                return self.give_up(record, &Error::Interrupted(reason)).await;
            }
            record.attempts += 1;
            self.check_lease(&record)?;
            self.change(&mut record, State::Storing { lease: self.ports.now() + LEASE });
            if self.commit_or_undo(&record).await?.is_some() {
                return Err(Error::Removed);
            }
            let error = match self.attempt(&record).await {
                Ok(content) => return self.complete(record, content).await,
                Err(error) => error,
            };
            match waits.next() {
                Some(&wait) if error.is_transient() => self.ports.sleep(wait).await,
                _ => return self.give_up(record, &error).await,
            }
        }
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

    /// Gives up packed bytes.
    pub async fn discard(&self, packed: &Packed) -> Result<(), Error> {
        let chunks = u32::try_from(packed.manifest.chunks.len()).unwrap_or(u32::MAX);
        self.store.delete_chunks(packed.content.blob, chunks).await
    }

    async fn attempt(&self, record: &ImageRecord) -> Result<Content, Error> {
        let source = record.source.as_deref().unwrap_or_default();
        let url = Url::parse(source).map_err(|error| Error::Invalid { field: "url", reason: error.to_string() })?;
        let mut body = download::open(&self.ports, &self.settings, url).await?;
        let packed = self.pack(&mut body).await?;
        self.share_or_complete(packed).await
    }

    /// Packs all of `source` into chunks that nobody can see yet: [`Vault::keep`] or [`Vault::discard`] them.
    pub async fn pack(&self, source: &mut impl ByteSource) -> Result<Packed, Error> {
        let blob = BlobId::new(self.ports.now(), &self.ports.ten_bytes());
        let mut stored = 0;
        let packed = self.pack_chunks(blob, source, &mut stored).await;
        if packed.is_err() {
            // No manifest names these chunks. Should deleting them fail too, `verify` finds them.
            self.store.delete_chunks(blob, stored).await?;
        }
        packed
    }

    /// Makes packed bytes a blob, or finds the blob that holds the same already. The content counts as used.
    pub(super) async fn share_or_complete(&self, packed: Packed) -> Result<Content, Error> {
        let Some(twin) = self.twin(&packed.manifest).await? else {
            return self.complete_blob(packed).await;
        };
        self.discard(&packed).await?;
        Ok(Content { blob: twin, ..packed.content })
    }

    async fn pack_chunks(&self, blob: BlobId, source: &mut impl ByteSource, stored: &mut u32) -> Result<Packed, Error> {
        let mut packer = Packer::new(self.settings.max_image_bytes);
        while let Some(piece) = source.next().await? {
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                rest = packer.take(rest)?;
                if packer.is_full() {
                    let (n, chunk) = packer.pack_block(&self.ports).await?;
                    self.store.put_chunk(blob, n, chunk).await?;
                    *stored = n + 1;
                }
            }
        }
        if packer.has_rest() {
            let (n, chunk) = packer.pack_block(&self.ports).await?;
            self.store.put_chunk(blob, n, chunk).await?;
            *stored = n + 1;
        }
        let (manifest, sniffed) = packer.finish()?;
        let content = Content {
            blob,
            sha256: manifest.sha256.clone(),
            size: manifest.size,
            stored_size: manifest.stored_size(),
            codec: manifest.codec,
            media_type: sniffed.media_type.to_owned(),
            dimensions: sniffed.dimensions,
        };
        Ok(Packed { manifest, content })
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
        let removed = self.commit_or_undo(&record).await?;
        if removed.is_some() {
            self.store.leave_name(&record).await?;
        }
        match removed {
            None => return Ok(record),
            Some(false) => {}
            Some(true) => {
                // Its remover did not see it ready, and counts it out as pending.
                self.store.leave(blob).await?;
                self.store.add(Vaultwide::Pending, 1).await?;
                self.store.add(Vaultwide::Ready, -1).await?;
                self.store.add(Vaultwide::OriginalBytes, -size).await?;
            }
        }
        Err(Error::Removed)
    }

    async fn give_up(&self, mut record: ImageRecord, error: &Error) -> Result<ImageRecord, Error> {
        self.check_lease(&record)?;
        self.store.add(Vaultwide::Pending, -1).await?;
        self.store.add(Vaultwide::Failed, 1).await?;
        self.change(&mut record, State::Failed { error: error.to_string() });
        match self.commit_or_undo(&record).await? {
            None => return Ok(record),
            Some(false) => {}
            Some(true) => {
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
        record.updated = self.ports.now();
    }

    /// Writes a record, unless the image was removed meanwhile. A removal claims first and deletes the record after;
    /// here the record is written first and the claim looked for after; so one of the two deletes it.
    pub(super) async fn commit(&self, record: &ImageRecord) -> Result<(), Error> {
        // Looked for before, too, so that an image is not seen again after its removal was acknowledged.
        if self.store.is_removed(record.id).await? {
            return Err(Error::Removed);
        }
        self.store.save_image(record).await?;
        if self.store.is_removed(record.id).await? {
            self.store.leave_feed(record.seq).await?;
            self.store.delete_image(record.id).await?;
            return Err(Error::Removed);
        }
        Ok(())
    }

    /// Writes a worker's record, like [`Vault::commit`]. If the image was removed meanwhile, returns whether it is left to
    /// us to undo what this state was counted as. That is claimed before the record goes: who removes the image and does
    /// not find it any more must know that it was a worker who deleted it.
    async fn commit_or_undo(&self, record: &ImageRecord) -> Result<Option<bool>, Error> {
        let before = self.store.is_removed(record.id).await?;
        if !before {
            self.store.save_image(record).await?;
            if !self.store.is_removed(record.id).await? {
                return Ok(None);
            }
        }
        let mine = self.store.claim_undoing(record.id).await?;
        if !before {
            self.store.leave_feed(record.seq).await?;
            self.store.delete_image(record.id).await?;
        }
        Ok(Some(mine))
    }

    /// Takes over an unfinished job whose worker is taken to be dead: it wrote the record before `dead_before`, or its
    /// lease has ended. None if somebody else has it.
    pub(super) async fn take_over(
        &self,
        mut record: ImageRecord,
        dead_before: u64,
    ) -> Result<Option<ImageRecord>, Error> {
        let (State::Pending { lease } | State::Storing { lease }) = record.state else { return Ok(None) };
        // Who knows who is dead is alone; others may find an ended lease at the same time.
        let mine = record.updated < dead_before || (lease <= self.ports.now() && self.store.claim_job(&record).await?);
        // Written with its first attempt.
        record.state = State::Storing { lease: self.ports.now() + LEASE };
        Ok(mine.then_some(record))
    }

    /// A worker that was held up until its lease ended must not write any more: somebody else may be at the job.
    fn check_lease(&self, record: &ImageRecord) -> Result<(), Error> {
        match record.state {
            State::Pending { lease } | State::Storing { lease } if lease <= self.ports.now() => {
                Err(Error::Interrupted("the job's lease ended, so somebody else may be at it".into()))
            }
            _ => Ok(()),
        }
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
