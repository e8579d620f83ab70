//! Images with the same content share one blob, and the last of them to go ends it.
//!
//! Without compare-and-swap two counters decide, like the flags of Dekker's algorithm: who comes to share a blob counts
//! itself in *before* it looks whether sharing has ended; who goes last ends sharing *before* it looks again at the
//! count. So at least one of the two sees the other: a blob is never ended under an image that has come to share it.

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Key};

use super::Store;
use crate::ports::Ports;

/// Added to the counter that ends sharing by whoever would discard the blob: more than ever end it.
const DISCARDED: i64 = 1 << 32;

impl<P: Ports> Store<P> {
    /// Comes to share a blob. If false, its last image is gone or going: use another blob.
    pub async fn share(&self, blob: BlobId) -> Result<bool, Error> {
        self.ports.increment(&Key::sharers(blob), 1).await?;
        if self.ports.increment(&Key::sharing_ended(blob), 0).await? == 0 {
            return Ok(true);
        }
        self.leave(blob).await?;
        Ok(false)
    }

    /// Stops using a blob. The last to do so discards it.
    pub async fn leave(&self, blob: BlobId) -> Result<(), Error> {
        // The counter starts at 0 with one image, so -1 is none.
        if self.ports.increment(&Key::sharers(blob), -1).await? >= 0 {
            return Ok(());
        }
        self.ports.increment(&Key::sharing_ended(blob), 1).await?;
        // Two may both have ended it and see that nobody is left; one of them discards it.
        if self.ports.increment(&Key::sharers(blob), 0).await? < 0
            && self.ports.increment(&Key::sharing_ended(blob), DISCARDED).await? / DISCARDED == 1
        {
            self.discard_blob(blob).await?;
        }
        Ok(())
    }

    /// Deletes the counters of a blob that is gone.
    pub(super) async fn forget_sharing(&self, blob: BlobId) -> Result<(), Error> {
        self.ports.delete(&Key::sharers(blob)).await?;
        Ok(self.ports.delete(&Key::sharing_ended(blob)).await?)
    }
}
