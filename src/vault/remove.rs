//! Removing an image.

use super::Vault;
use crate::error::Error;
use crate::key::{ImageId, Vaultwide};
use crate::ports::Ports;
use crate::record::State;

impl<P: Ports> Vault<P> {
    /// Removes an image; returns whether there was one. Its content stays until no other image shares it, and a while
    /// longer for those who are reading it.
    pub async fn remove(&self, id: ImageId) -> Result<bool, Error> {
        if self.store.image(id).await?.is_none() {
            return Ok(false);
        }
        let first = self.store.claim_removal(id).await?;
        // Read again: a worker that completed the image before the claim has written it whole by now; one that
        // completes it after sees the claim.
        let Some(record) = self.store.image(id).await? else {
            return Ok(false);
        };
        self.store.leave_feed(record.seq).await?;
        self.store.delete_image(id).await?;
        if let State::Ready(content) = &record.state {
            self.store.leave_blob_of(id, content.blob).await?;
        }
        if first {
            let counter = match &record.state {
                State::Pending { .. } | State::Storing { .. } => Vaultwide::Pending,
                State::Failed { .. } => Vaultwide::Failed,
                State::Ready(content) => {
                    let size = 0_i64.saturating_sub_unsigned(content.size);
                    self.store.add(Vaultwide::OriginalBytes, size).await?;
                    Vaultwide::Ready
                }
            };
            self.store.add(counter, -1).await?;
        }
        Ok(first)
    }
}
