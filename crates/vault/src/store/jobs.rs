//! Jobs of the whole vault: their records, and claims to write them.

use burrow_model::error::Error;
use burrow_model::key::Key;
use burrow_model::record::{Rubbish, Versioned};

use super::Store;
use crate::ports::Ports;

impl<P: Ports> Store<P> {
    /// Returns the record of a job. One that is damaged or missing is `None`, and is made anew.
    pub async fn job<R: Versioned>(&self) -> Result<Option<R>, Error> {
        match self.load(&Key::job(R::JOB)).await {
            Err(Error::Corrupt(_)) => Ok(None),
            record => record,
        }
    }

    /// Writes the next version of the record of a job. It is durable when this returns, as far as the store promises it.
    /// `false` if another caller writes it, or has written it. If a caller dies of it, there is a new claim two terms of
    /// this length later.
    pub async fn claim_and_save_job<R: Versioned>(&self, record: &mut R, length: u64) -> Result<bool, Error> {
        let (before, term) = (*record.written(), self.term(length));
        if self.ports.increment(&Key::job_claim(R::JOB, before, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Job(R::JOB, before, term)).await?;
        // The owner claims the next term, too: a claim made at the end of a term must hold when the next one begins.
        let is_mine = self.ports.increment(&Key::job_claim(R::JOB, before, term + 1), 1).await? == 1;
        if !is_mine || *self.job::<R>().await?.unwrap_or_default().written() != before {
            return Ok(false);
        }
        self.save_job(record).await?;
        Ok(true)
    }

    /// Writes the next version of the record of a job that nobody else may write now.
    pub async fn save_job<R: Versioned>(&self, record: &mut R) -> Result<(), Error> {
        *record.written() += 1;
        self.save(&Key::job(R::JOB), record).await
    }
}
