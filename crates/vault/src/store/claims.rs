//! Claims: of all callers that raise a claim's counter, exactly one owns the claim.
//!
//! Claims need only `increment`. They wait in the trash until no caller can raise them any more.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::record::{Answered, ImageRecord, Rubbish};

use super::Store;
use crate::ports::Ports;

/// How long a worker holds a job, in milliseconds. Every attempt begins with a new lease, and a worker whose lease
/// expired neither completes the job nor gives it up.
pub const LEASE: u64 = 15 * 60 * 1000;

/// How long the claim to restore an image lasts, in milliseconds.
const RESTORING: u64 = 10 * 1000;

/// What the owner of a claim adds when it gives way: more than the number of callers that ever raise the claim.
const VOID: i64 = 1 << 32;

impl<P: Ports> Store<P> {
    /// Claims to change an image whose record is in this state: to take over a job whose lease expired, to retry a
    /// failed job, or to change a label. If the owner dies before it writes a new record, the next window of time has a
    /// new claim.
    pub async fn claim_job(&self, record: &ImageRecord) -> Result<bool, Error> {
        let (id, updated, window) = (record.id, record.updated, self.ports.now() / LEASE);
        if self.ports.increment(&Key::takeover(id, updated, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, updated, window)).await?;
        // The owner claims the next window, too: a claim made at the end of a window must hold when the next one
        // begins.
        Ok(self.ports.increment(&Key::takeover(id, updated, window + 1), 1).await? == 1)
    }

    /// Claims a job left by a process that used the store before `since`. If the owner dies before it writes a new
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
        // No other caller has the claim of this window, and none may take it while this one holds.
        self.claim_job(record).await?;
        Ok(true)
    }

    /// Claims to restore an image that is not here.
    pub async fn claim_restoring(&self, id: ImageId) -> Result<bool, Error> {
        let window = self.ports.now() / RESTORING;
        if self.ports.increment(&Key::takeover(id, 0, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, 0, window)).await?;
        Ok(passing_over(self.image(id).await)?.is_none())
    }

    /// Claims to answer the requests with an idempotency key in a window of time. `new` says that no earlier attempt is
    /// known, so that the neighbouring windows must be unclaimed, too.
    pub async fn claim_key(&self, key: &Sha256Hex, window: u64, new: bool) -> Result<bool, Error> {
        if self.ports.increment(&Key::answering(key, window), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Answer(key.clone(), window)).await?;
        if !new {
            return Ok(true);
        }
        // Two callers may begin at once on either side of a window's edge. Each raises its own counter before it reads
        // the other's, so at least one sees the other. A caller that gives way makes its window void, so that it does
        // not block callers of the next window.
        for other in [window.saturating_sub(1), window + 1] {
            if (1..VOID).contains(&self.ports.increment(&Key::answering(key, other), 0).await?) {
                self.ports.increment(&Key::answering(key, window), VOID).await?;
                return Ok(false);
            }
        }
        // An earlier owner, in this window or another, has written its record by now, or holds no claim any more.
        Ok(self.answered(key).await?.is_none_or(|answered| answered.until <= self.ports.now()))
    }

    /// Returns the record of an idempotency key.
    pub async fn answered(&self, key: &Sha256Hex) -> Result<Option<Answered>, Error> {
        self.load(&Key::answered(key)).await
    }

    /// Writes the record of an idempotency key.
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

    /// Whether the removal of an image is claimed.
    pub async fn is_removed(&self, id: ImageId) -> Result<bool, Error> {
        Ok(self.ports.increment(&Key::removal(id), 0).await? > 0)
    }

    /// Claims to undo what the last state of a removed image was counted as, and to release its blob. The remover, if
    /// it saw that state, and the worker that wrote it may both ask. If the owner dies before it is done, a blob is
    /// left over and a counter drifts, which `verify` finds; but no image releases its blob twice.
    pub async fn claim_undoing(&self, id: ImageId) -> Result<bool, Error> {
        Ok(self.ports.increment(&Key::blob_left(id), 1).await? == 1)
    }
}
