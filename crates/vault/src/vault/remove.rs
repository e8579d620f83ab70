//! Removes an image: claims the removal, deletes what leads to the image, counts it out.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::record::{Counts, ImageRecord, State};

use super::Vault;
use crate::ports::Ports;
use crate::terms;

impl<P: Ports> Vault<P> {
    /// Removes an image. Returns whether there was one. Its content stays until no image shares it, and an hour longer
    /// for those who are reading it.
    pub async fn remove(&self, id: ImageId) -> Result<bool, Error> {
        let before = match self.store.image(id).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(false),
            Err(Error::Corrupt(_) | Error::Newer(_)) => {
                // The record cannot be read, so only the record goes. `verify` finds what it referred to.
                let first = self.store.claim_removal(id).await?;
                self.store.delete_image(id).await?;
                return Ok(first);
            }
            Err(error) => return Err(error),
        };
        let first = self.store.claim_removal(id).await?;
        // Read again: a worker that completed the image before the claim has written its record by now. A worker that
        // completes it after the claim sees the claim, and may have deleted the record already.
        let record = self.store.image(id).await?.unwrap_or(before);
        self.store.take_out(&record).await?;
        if let Some(entry) = self.unlisted_likeness(&record).await? {
            self.store.log(&entry).await?;
        }
        let mut gone = terms::gone(record.seq);
        if first {
            gone.counts = self.count_out(&record).await?;
        }
        self.store.log(&gone).await?;
        Ok(first)
    }

    /// Counts a removed image out and releases its blob. If the worker that wrote the last state has already undone
    /// that state, the image is still counted as pending. Returns what the index has to count out.
    async fn count_out(&self, record: &ImageRecord) -> Result<Vec<(String, Counts)>, Error> {
        match &record.state {
            State::Ready(content) if self.store.claim_undoing(record.id).await? => {
                self.store.leave(content.blob).await?;
                self.store.add(Vaultwide::OriginalBytes, 0_i64.saturating_sub_unsigned(content.size)).await?;
                self.store.add(Vaultwide::Ready, -1).await?;
                return Ok(terms::counted(Some(record), None));
            }
            State::Failed { .. } if self.store.claim_undoing(record.id).await? => {
                self.store.add(Vaultwide::Failed, -1).await?;
            }
            _ => {
                self.store.add(Vaultwide::Pending, -1).await?;
            }
        }
        let pending = ImageRecord { state: State::Pending { lease: Lease::NOBODY }, ..record.clone() };
        Ok(terms::counted(Some(&pending), None))
    }
}
