//! Claims: of all who ask for one, exactly one is told yes. They rest on `increment` alone, and wait in the trash
//! until nobody can ask any more.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::record::{Answered, ImageRecord, Rubbish};

use super::Store;
use crate::ports::Ports;

/// How long a claim on a job lasts, in milliseconds: longer than any job takes.
pub const LEASE: u64 = 15 * 60 * 1000;

/// For how long nobody else puts an image back, in milliseconds.
const RESTORING: u64 = 10 * 1000;

/// Added to the claim on a window of time by whoever won it and gave way: more than ever ask for it.
const VOID: i64 = 1 << 32;

impl<P: Ports> Store<P> {
    /// Claims to change an image as this record has it: a job whose lease has ended, or that failed, or a label. Should the
    /// claimer die before it
    /// writes a new record, the next window of time has a new claim.
    pub async fn claim_job(&self, record: &ImageRecord) -> Result<bool, Error> {
        let (id, updated, window) = (record.id, record.updated, self.ports.now() / LEASE);
        if self.ports.increment(&Key::takeover(id, updated, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, updated, window)).await?;
        // The next window too: a claim made as one ends must hold when the next begins.
        Ok(self.ports.increment(&Key::takeover(id, updated, window + 1), 1).await? == 1)
    }

    /// Claims a job that was left by those who used the store before `since`. Should the claimer die before it writes a new
    /// record, [`Store::claim_job`] has a claim once a lease has passed since then.
    pub async fn claim_left(&self, record: &ImageRecord, since: u64) -> Result<bool, Error> {
        let (id, updated, now) = (record.id, record.updated, self.ports.now());
        if now >= since + LEASE {
            return self.claim_job(record).await;
        }
        if self.ports.increment(&Key::takeover(id, updated, since), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, updated, since)).await?;
        // Nobody else has the other claim, and nobody may while this one holds.
        self.claim_job(record).await?;
        Ok(true)
    }

    /// Claims to put back an image that is not here.
    pub async fn claim_restoring(&self, id: ImageId) -> Result<bool, Error> {
        let window = self.ports.now() / RESTORING;
        if self.ports.increment(&Key::takeover(id, 0, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, 0, window)).await?;
        Ok(passing_over(self.image(id).await)?.is_none())
    }

    /// Claims to answer the requests with an idempotency key in a window of time; `new` if nobody is known to have begun
    /// before, so that another window, too, is nobody's.
    pub async fn claim_key(&self, key: &Sha256Hex, window: u64, new: bool) -> Result<bool, Error> {
        if self.ports.increment(&Key::answering(key, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Answer(key.clone(), window)).await?;
        if !new {
            return Ok(true);
        }
        // Of two who begin at once on either side of a window's edge, each counts itself in before it looks for the
        // other, so that they cannot both miss each other. Whoever gives way makes its window void, so that it does not
        // stand in the way of those who ask in the next.
        for other in [window.saturating_sub(1), window + 1] {
            if (1..VOID).contains(&self.ports.increment(&Key::answering(key, other), 0).await?) {
                self.ports.increment(&Key::answering(key, window), VOID).await?;
                return Ok(false);
            }
        }
        // Who was before us in this window or another has written by now, or claims no more.
        Ok(self.answered(key).await?.is_none_or(|answered| answered.until <= self.ports.now()))
    }

    /// Returns what the request with an idempotency key made.
    pub async fn answered(&self, key: &Sha256Hex) -> Result<Option<Answered>, Error> {
        self.load(&Key::answered(key)).await
    }

    /// Remembers what the request with an idempotency key makes.
    pub async fn remember_key(&self, key: &Sha256Hex, answered: &Answered) -> Result<(), Error> {
        self.save(&Key::answered(key), answered).await
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
