//! Sharing: images with the same content share one blob; the last one to release it ends it.
//!
//! Without compare-and-swap, two counters decide, like the flags of Dekker's algorithm. An image that comes to share a
//! blob counts itself in *before* it reads whether sharing has ended. An image that finds itself the last ends sharing
//! *before* it reads the count again. So at least one of the two sees the other, and a blob is never ended while an
//! image has come to share it.

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Key};

use super::Store;
use crate::ports::Ports;

/// What the image that will discard the blob adds to the counter that ends sharing: more than the number of images that
/// ever end it.
const DISCARDED: i64 = 1 << 32;

impl<P: Ports> Store<P> {
    /// Comes to share a blob. If this returns false, the blob's last image is gone or going: use another blob.
    pub async fn share(&self, blob: BlobId) -> Result<bool, Error> {
        self.ports.increment(&Key::sharers(blob), 1).await?;
        if self.ports.increment(&Key::sharing_ended(blob), 0).await? == 0 {
            return Ok(true);
        }
        self.leave(blob).await?;
        Ok(false)
    }

    /// Releases a blob. The last image to release it discards it.
    pub async fn leave(&self, blob: BlobId) -> Result<(), Error> {
        // The counter is 0 with one image, so -1 means no image.
        if self.ports.increment(&Key::sharers(blob), -1).await? >= 0 {
            return Ok(());
        }
        self.ports.increment(&Key::sharing_ended(blob), 1).await?;
        // Two images may both have ended it and see that no image is left; one of them discards it.
        if self.ports.increment(&Key::sharers(blob), 0).await? < 0
            && self.ports.increment(&Key::sharing_ended(blob), DISCARDED).await? / DISCARDED == 1
        {
            self.discard_blob(blob).await?;
        }
        Ok(())
    }

    /// Deletes the counters of a blob that is deleted.
    pub(super) async fn forget_sharing(&self, blob: BlobId) -> Result<(), Error> {
        self.ports.delete(&Key::sharers(blob)).await?;
        Ok(self.ports.delete(&Key::sharing_ended(blob)).await?)
    }
}
