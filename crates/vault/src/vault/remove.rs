//! Removing an image.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::record::{ImageRecord, State};

use super::Vault;
use crate::ports::Ports;

impl<P: Ports> Vault<P> {
    /// Removes an image; returns whether there was one. Its content stays until no other image shares it, and a while
    /// longer for those who are reading it.
    pub async fn remove(&self, id: ImageId) -> Result<bool, Error> {
        let before = match self.store.image(id).await {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(false),
            Err(Error::Corrupt(_) | Error::Newer(_)) => {
                // What it was cannot be told, so only the record goes; what it referred to is for `verify` to find.
                let first = self.store.claim_removal(id).await?;
                self.store.delete_image(id).await?;
                return Ok(first);
            }
            Err(error) => return Err(error),
        };
        let first = self.store.claim_removal(id).await?;
        // Read again: a worker that completed the image before the claim has written it whole by now; one that
        // completes it after sees the claim, and may have deleted the record already.
        let record = self.store.image(id).await?.unwrap_or(before);
        self.store.take_out(&record).await?;
        if first {
            self.count_out(&record).await?;
        }
        Ok(first)
    }

    /// Counts a removed image out, and leaves its blob. If the worker that wrote the last state has undone that state
    /// already, what is left is the pending job.
    async fn count_out(&self, record: &ImageRecord) -> Result<(), Error> {
        match &record.state {
            State::Ready(content) if self.store.claim_undoing(record.id).await? => {
                self.store.leave(content.blob).await?;
                self.store.add(Vaultwide::OriginalBytes, 0_i64.saturating_sub_unsigned(content.size)).await?;
                self.store.add(Vaultwide::Ready, -1).await?;
            }
            State::Failed { .. } if self.store.claim_undoing(record.id).await? => {
                self.store.add(Vaultwide::Failed, -1).await?;
            }
            _ => {
                self.store.add(Vaultwide::Pending, -1).await?;
            }
        }
        Ok(())
    }
}
