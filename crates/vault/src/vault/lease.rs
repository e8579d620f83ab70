//! Decides who may write a job's record: the worker with its lease, until a removal.

use burrow_model::error::Error;
use burrow_model::lease::Lease;
use burrow_model::record::{ImageRecord, Progress, State};

use super::Vault;
use crate::ports::Ports;
use crate::store::LEASE;
use crate::terms;

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
        self.store.log(&terms::gone(record.seq)).await?;
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
        self.store.log(&terms::gone(record.seq)).await?;
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

    /// A lease that begins now.
    pub(super) fn new_lease(&self, length: u64) -> Lease {
        Lease { until: self.ports.now() + length, generation: self.settings.host.generation }
    }

    /// Whether a worker holds the job, so that others must leave it alone.
    pub fn is_held(&self, record: &ImageRecord) -> bool {
        record.lease().is_some_and(|lease| lease.is_held(self.ports.now(), self.settings.host.generation, LEASE))
    }

    /// Takes over a job that no worker holds, or whose worker is dead. `None` if another worker has the job. A caller
    /// that knows that the worker that wrote the record at the time `left` is dead must be the only one allowed to run
    /// the job.
    pub(super) async fn take_over(
        &self,
        mut record: ImageRecord,
        left: Option<u64>,
    ) -> Result<Option<ImageRecord>, Error> {
        if record.lease().is_none() {
            return Ok(None);
        }
        let is_mine = left == Some(record.updated) || (!self.is_held(&record) && self.store.claim_job(&record).await?);
        // The first attempt writes this lease.
        record.state = State::Storing { lease: self.new_lease(LEASE), progress: Progress::default() };
        Ok(is_mine.then_some(record))
    }

    /// Refuses a worker whose lease is over: another worker may have taken the job over.
    pub(super) fn check_lease(&self, record: &ImageRecord) -> Result<(), Error> {
        let is_mine = |lease: Lease| lease.is_mine(self.ports.now(), self.settings.host.generation, LEASE);
        if record.lease().is_none_or(is_mine) { Ok(()) } else { Err(Error::Held(record.status())) }
    }

    /// As [`Vault::check_lease`], for a worker that did something for a while. The clock may have been set back and
    /// come round meanwhile, so it also refuses a worker whose record is not the stored one.
    pub(super) async fn check_still(&self, record: &ImageRecord) -> Result<(), Error> {
        self.check_lease(record)?;
        match self.store.image(record.id).await? {
            Some(stored) if stored.updated != record.updated => Err(Error::Held(record.status())),
            _ => Ok(()),
        }
    }
}
