//! Puts what is to be deleted into the trash, and deletes it after an hour.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, Key, Sha256Hex, Vaultwide};
use burrow_model::lease::lasts;
use burrow_model::record::{Rubbish, Trash};

use super::Store;
use crate::ports::Ports;

/// How long an entry waits in the trash, in milliseconds: longer than any request or job is expected to use what it
/// names.
const GRACE: u64 = 60 * 60 * 1000;

/// How long an idempotency key is remembered, in milliseconds.
pub const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

impl<P: Ports> Store<P> {
    /// Discards a blob that no image uses or will use.
    pub(super) async fn discard_blob(&self, blob: BlobId) -> Result<(), Error> {
        // First the digest is deleted, so that no upload finds the blob. If another process makes the digest lead to
        // another blob in between, that content is stored once more than needed.
        if let Some(manifest) = passing_over(self.manifest(blob).await)? {
            if self.blob_of(&manifest.sha256).await? == Some(blob) {
                self.ports.delete(&Key::digest(&manifest.sha256)).await?;
            }
            // Counted here, because this is done once; two sweeps may delete the blob at once.
            self.add(Vaultwide::StoredBytes, 0_i64.saturating_sub_unsigned(manifest.stored_size())).await?;
            self.count_repacked(&manifest, false).await?;
        }
        self.discard(Rubbish::Blob(blob)).await
    }

    /// Puts something into the trash.
    pub(super) async fn discard(&self, what: Rubbish) -> Result<(), Error> {
        let entry = Trash { after: self.ports.now() + GRACE, what };
        let seq = self.add(Vaultwide::Trash, 1).await?;
        self.save(&Key::trash(seq), &entry).await
    }

    /// Deletes everything that has waited long enough. Two sweeps may run at once.
    pub async fn empty_trash(&self) -> Result<(), Error> {
        let newest = self.count(Vaultwide::Trash).await?;
        let mut emptied = self.mark(Vaultwide::Emptied).await?.unwrap_or(0);
        let (before, mut waits) = (emptied, false);
        for seq in before + 1..=newest {
            let key = Key::trash(seq);
            // A missing entry was deleted by another sweep, or its writer died, or is about to write it. The mark
            // passes it only when a later entry is old enough.
            if let Some(entry) = passing_over(self.load::<Trash>(&key).await)? {
                let now = self.ports.now();
                if lasts(entry.after, GRACE, now) {
                    break;
                }
                if entry.after > now {
                    // A clock was ahead when it was discarded. Nobody knows when that was, so it waits from now on.
                    self.save(&key, &Trash { after: now + GRACE, ..entry }).await?;
                    waits = true;
                    continue;
                }
                match entry.what {
                    Rubbish::Blob(blob) => self.delete_blob(blob).await?,
                    Rubbish::Removal(id) => {
                        // A worker that died after it wrote the record, and before it read the claim, may have left the
                        // record. If there is no claim, another sweep was here before, and the image may have been
                        // restored since.
                        if self.is_removed(id).await? {
                            self.ports.delete(&Key::image(id)).await?;
                        }
                        self.ports.delete(&Key::blob_left(id)).await?;
                        self.ports.delete(&Key::removal(id)).await?;
                    }
                    Rubbish::Takeover(id, updated, term) => {
                        self.ports.delete(&Key::takeover(id, updated, term)).await?;
                        self.ports.delete(&Key::takeover(id, updated, term + 1)).await?;
                    }
                    Rubbish::Answer(answer, term) => self.forget_answer(answer, term).await?,
                    Rubbish::Chunks(place, chunks) => self.delete_chunks(place, chunks).await?,
                    Rubbish::Repacking(blob, ended, term) => {
                        self.ports.delete(&Key::repacking_claim(blob, ended, term)).await?;
                        self.ports.delete(&Key::repacking_claim(blob, ended, term + 1)).await?;
                    }
                    Rubbish::Job(job, version, term) => {
                        self.ports.delete(&Key::job_claim(job, version, term)).await?;
                        self.ports.delete(&Key::job_claim(job, version, term + 1)).await?;
                    }
                    Rubbish::Log(range) => self.forget_log(range).await?,
                    Rubbish::Segment(level, first, id) => self.forget_segment(level, first, id).await?,
                    Rubbish::Building(level, first, window) => {
                        self.ports.delete(&Key::building(level, first, window)).await?;
                        self.ports.delete(&Key::building(level, first, window + 1)).await?;
                    }
                }
                self.ports.delete(&key).await?;
                if !waits {
                    emptied = seq;
                }
            }
        }
        if emptied > before {
            self.set_mark(Vaultwide::Emptied, emptied).await?;
        }
        Ok(())
    }

    /// Deletes the record of an idempotency key and its claims. A key that must be remembered longer goes to the end of
    /// the trash.
    async fn forget_answer(&self, key: Sha256Hex, term: u64) -> Result<(), Error> {
        let answered = passing_over(self.answered(&key).await)?;
        if answered.is_some_and(|answered| lasts(answered.until, REMEMBERED, self.ports.now())) {
            return self.discard(Rubbish::Answer(key, term)).await;
        }
        self.ports.delete(&Key::answered(&key)).await?;
        // Some stores keep a counter that was only read.
        for term in term.saturating_sub(1)..=term + 1 {
            self.ports.delete(&Key::answering(&key, term)).await?;
        }
        Ok(())
    }

    async fn delete_blob(&self, blob: BlobId) -> Result<(), Error> {
        // The manifest is deleted last, because it has the number of chunks.
        if let Some(manifest) = passing_over(self.manifest(blob).await)? {
            let chunks = u32::try_from(manifest.chunks.len()).unwrap_or(u32::MAX);
            self.delete_chunks(manifest.place(blob), chunks).await?;
            self.forget_repacking(blob).await?;
            self.delete_thumbnails(blob).await?;
            self.delete_manifest(blob).await?;
        }
        self.forget_sharing(blob).await
    }
}
