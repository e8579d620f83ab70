//! Tries a failed job again.

use burrow_model::error::Error;
use burrow_model::key::Vaultwide;
use burrow_model::record::{ImageRecord, State};
use burrow_model::status::Status;

use super::{Vault, Worker};
use crate::ports::Ports;
use crate::referrer::Referrer;
use crate::terms;

impl<P: Ports> Vault<P> {
    /// Makes a failed image a pending job again, with a new feed number, so that a resume finds it. A referrer replaces
    /// the one that it has. `None` if another caller retries it just now.
    pub async fn retry(
        &self,
        mut record: ImageRecord,
        referrer: Option<Referrer>,
        worker: Worker,
    ) -> Result<Option<ImageRecord>, Error> {
        if record.status() != Status::Failed {
            return Err(Error::NotFailed(record.status()));
        }
        self.check_jobs().await?;
        if !self.store.claim_job(&record).await? {
            return Ok(None);
        }
        let before = record.clone();
        record.seq = self.store.next_seq().await?;
        record.attempts = 0;
        record.referrer = referrer.map(|referrer| referrer.as_str().to_owned()).or(record.referrer);
        record.updated = self.ports.now().max(record.updated + 1);
        record.state = State::Pending { lease: self.lease_for(worker) };
        self.store.add(Vaultwide::Failed, -1).await?;
        self.store.add(Vaultwide::Pending, 1).await?;
        self.store.list_image(Some(&before), &record).await?;
        self.store.leave_feed(before.seq).await?;
        self.store.log(&terms::gone(before.seq)).await?;
        if self.store.is_removed(record.id).await? {
            self.store.leave_feed(record.seq).await?;
            self.store.delete_image(record.id).await?;
            self.store.log(&terms::gone(record.seq)).await?;
            if !self.store.claim_undoing(record.id).await? {
                // The remover saw it failed, and counted it out as failed.
                self.store.add(Vaultwide::Failed, 1).await?;
                self.store.add(Vaultwide::Pending, -1).await?;
            }
            return Err(Error::Removed);
        }
        Ok(Some(record))
    }
}
