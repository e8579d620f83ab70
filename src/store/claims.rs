//! Claims: of all who ask for one, exactly one is told yes. They rest on `increment` alone, and wait in the trash
//! until nobody can ask any more.

use super::Store;
use crate::error::Error;
use crate::key::{ImageId, Key};
use crate::ports::Ports;
use crate::record::Rubbish;

/// How long a claim on a job lasts, in milliseconds: longer than any job takes.
pub const LEASE: u64 = 15 * 60 * 1000;

impl<P: Ports> Store<P> {
    /// Claims a job whose lease has ended. Should the claimer die before it writes a new lease, the next window of time
    /// has a new claim.
    pub async fn claim_job(&self, id: ImageId) -> Result<bool, Error> {
        let window = self.ports.now() / LEASE;
        if self.ports.increment(&Key::takeover(id, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, window)).await?;
        Ok(true)
    }

    /// Claims the removal of an image.
    pub async fn claim_removal(&self, id: ImageId) -> Result<bool, Error> {
        if self.ports.increment(&Key::removal(id), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Removal(id)).await?;
        Ok(true)
    }

    /// Whether somebody has claimed the removal of an image.
    pub async fn is_removed(&self, id: ImageId) -> Result<bool, Error> {
        Ok(self.ports.increment(&Key::removal(id), 0).await? > 0)
    }

    /// Claims to undo what the last state of a removed image was counted as, and to leave its blob. The remover, if it
    /// saw that state, and the worker that wrote it may both ask. If the claimer dies here a blob leaks and a counter
    /// drifts, which `verify` finds; but no blob is left twice.
    pub async fn claim_undoing(&self, id: ImageId) -> Result<bool, Error> {
        Ok(self.ports.increment(&Key::blob_left(id), 1).await? == 1)
    }
}
