//! What may be deleted waits in the trash until nobody can still be reading it.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, Key, Sha256Hex, Vaultwide};
use burrow_model::record::{Rubbish, Trash};

use super::Store;
use crate::ports::Ports;

/// How long something waits in the trash, in milliseconds: longer than any request or job that might use it.
const GRACE: u64 = 60 * 60 * 1000;

impl<P: Ports> Store<P> {
    /// Discards a blob that nobody uses and nobody will.
    pub(super) async fn discard_blob(&self, blob: BlobId) -> Result<(), Error> {
        // First nobody may find it any more. If the digest leads to another blob by now, that only costs a twin.
        if let Some(manifest) = passing_over(self.manifest(blob).await)? {
            if self.blob_of(&manifest.sha256).await? == Some(blob) {
                self.ports.delete(&Key::digest(&manifest.sha256)).await?;
            }
            // Here, where it is done once; two sweeps may delete it at once.
            self.add(Vaultwide::StoredBytes, 0_i64.saturating_sub_unsigned(manifest.stored_size())).await?;
        }
        self.discard(Rubbish::Blob(blob)).await
    }

    /// Discards a claim, or what else is not needed after a while.
    pub(super) async fn discard(&self, what: Rubbish) -> Result<(), Error> {
        let entry = Trash { after: self.ports.now() + GRACE, what };
        let seq = self.add(Vaultwide::Trash, 1).await?;
        self.save(&Key::trash(seq), &entry).await
    }

    /// Deletes what has waited long enough. Running it twice at once does no harm.
    pub async fn empty_trash(&self) -> Result<(), Error> {
        let newest = self.count(Vaultwide::Trash).await?;
        let mut emptied = self.mark(Vaultwide::Emptied).await?.unwrap_or(0);
        let before = emptied;
        for seq in before + 1..=newest {
            let key = Key::trash(seq);
            // A missing entry was deleted by a sweep at the same time, or its writer died, or is about to write it: it
            // is passed for good only when one that came after it is old enough.
            if let Some(entry) = passing_over(self.load::<Trash>(&key).await)? {
                if entry.after > self.ports.now() {
                    break;
                }
                match entry.what {
                    Rubbish::Blob(blob) => self.delete_blob(blob).await?,
                    Rubbish::Removal(id) => {
                        // A worker that died between writing the record and looking for the claim may have left it. Without
                        // a claim another sweep was here before, and the image may have been put back since.
                        if self.is_removed(id).await? {
                            self.ports.delete(&Key::image(id)).await?;
                        }
                        self.ports.delete(&Key::blob_left(id)).await?;
                        self.ports.delete(&Key::removal(id)).await?;
                    }
                    Rubbish::Takeover(id, updated, window) => {
                        self.ports.delete(&Key::takeover(id, updated, window)).await?;
                        self.ports.delete(&Key::takeover(id, updated, window + 1)).await?;
                    }
                    Rubbish::Answer(answer, window) => self.forget_answer(answer, window).await?,
                }
                self.ports.delete(&key).await?;
                emptied = seq;
            }
        }
        if emptied > before {
            self.set_mark(Vaultwide::Emptied, emptied).await?;
        }
        Ok(())
    }

    /// Forgets an idempotency key, unless it is to be remembered longer; then it goes to the end of the trash.
    async fn forget_answer(&self, key: Sha256Hex, window: u64) -> Result<(), Error> {
        let answered = passing_over(self.answered(&key).await)?;
        if answered.is_some_and(|answered| answered.until > self.ports.now()) {
            return self.discard(Rubbish::Answer(key, window)).await;
        }
        self.ports.delete(&Key::answered(&key)).await?;
        // Some stores keep a counter that was only looked at.
        for window in window.saturating_sub(1)..=window + 1 {
            self.ports.delete(&Key::answering(&key, window)).await?;
        }
        Ok(())
    }

    async fn delete_blob(&self, blob: BlobId) -> Result<(), Error> {
        // The manifest goes last, for it says how many chunks there are.
        if let Some(manifest) = passing_over(self.manifest(blob).await)? {
            self.delete_chunks(blob, u32::try_from(manifest.chunks.len()).unwrap_or(u32::MAX)).await?;
            self.delete_thumbnails(blob).await?;
            self.delete_manifest(blob).await?;
        }
        self.forget_sharing(blob).await
    }
}
