//! Decides who may write a job's record: the worker with its lease, until a removal.

use burrow_model::error::Error;
use burrow_model::record::{ImageRecord, State};

use super::Vault;
use crate::ports::Ports;
use crate::store::LEASE;

/// The result of writing a worker's record.
pub(super) enum Committed {
    /// The record is written.
    Kept,
    /// The image was removed meanwhile, so the record is deleted again.
    Removed {
        /// Whether this worker, and not the remover, must undo what the new state was counted as.
        is_ours_to_undo: bool,
    },
}

impl<P: Ports> Vault<P> {
    /// Writes a record. If the image was removed meanwhile, takes it out again and returns [`Error::Removed`].
    pub(super) async fn commit(&self, record: &ImageRecord) -> Result<(), Error> {
        if self.is_kept(record).await? {
            return Ok(());
        }
        self.store.take_out(record).await?;
        Err(Error::Removed)
    }

    /// Writes a worker's record, like [`Vault::commit`], and says who must undo its counts if the image was removed.
    ///
    /// It claims the undoing before it deletes the record: a remover that no longer finds the record must be able to
    /// tell that a worker deleted it.
    pub(super) async fn commit_or_undo(&self, record: &ImageRecord) -> Result<Committed, Error> {
        if self.is_kept(record).await? {
            return Ok(Committed::Kept);
        }
        let is_ours_to_undo = self.store.claim_undoing(record.id).await?;
        self.store.take_out(record).await?;
        Ok(Committed::Removed { is_ours_to_undo })
    }

    /// Writes a record and returns whether it stays. A removal claims first and then deletes the record; this function
    /// writes the record first and then reads the claim. So at least one of the two deletes it.
    async fn is_kept(&self, record: &ImageRecord) -> Result<bool, Error> {
        // The claim is read before, too: no reader may see the image again after its removal was acknowledged.
        if self.store.is_removed(record.id).await? {
            return Ok(false);
        }
        self.store.save_image(record).await?;
        Ok(!self.store.is_removed(record.id).await?)
    }

    /// Takes over a job whose worker is presumed dead: its record predates `dead_before`, or its lease expired. `None`
    /// if another worker has the job. A caller that passes a time after
    /// [`HostFacts::alone_since`](super::HostFacts) must be the only one allowed to run the job.
    pub(super) async fn take_over(
        &self,
        mut record: ImageRecord,
        dead_before: u64,
    ) -> Result<Option<ImageRecord>, Error> {
        let Some(lease) = record.held_until() else { return Ok(None) };
        let (is_dead, is_over) = (record.updated < dead_before, lease <= self.ports.now());
        let mine = match self.settings.host.alone_since {
            // Two kinds of worker take up such a job: those that know that its worker is dead, and those that find its
            // lease expired. They must share one claim.
            Some(since) if record.updated < since => {
                (is_dead || is_over) && self.store.claim_left(&record, since).await?
            }
            _ => is_dead || (is_over && self.store.claim_job(&record).await?),
        };
        // The first attempt writes this lease.
        record.state = State::Storing { lease: self.ports.now() + LEASE };
        Ok(mine.then_some(record))
    }

    /// Refuses a worker whose lease expired: another worker may have taken the job over.
    pub(super) fn check_lease(&self, record: &ImageRecord) -> Result<(), Error> {
        if record.held_until().is_some_and(|lease| lease <= self.ports.now()) {
            return Err(Error::Held(record.status()));
        }
        Ok(())
    }
}
