//! Claims: of all callers that raise a claim's counter, exactly one owns the claim.
//!
//! Claims need only `increment`. They wait in the trash until no caller can raise them any more.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::record::{Answered, ImageRecord, Rubbish};

use super::Store;
use crate::ports::Ports;

/// How long a worker holds a job, in milliseconds. Every attempt begins with a new lease, and a worker whose lease is
/// over neither completes the job nor gives it up.
pub const LEASE: u64 = 15 * 60 * 1000;

/// How long the claim to restore an image lasts, in milliseconds.
const RESTORING: u64 = 10 * 1000;

/// What the owner of a claim adds when it gives way: more than the number of callers that ever raise the claim.
const VOID: i64 = 1 << 32;

/// The generation of a term is above its 32 low bits, which number the window of time.
const GENERATION: u64 = 1 << 32;

impl<P: Ports> Store<P> {
    /// The term in which a claim is made now: the number of the window of time of this length, in this generation. An
    /// owner that died in an earlier generation is in nobody's way.
    pub(super) fn term(&self, length: u64) -> u64 {
        let window = (self.ports.now() / length).min(GENERATION - 2);
        self.generation.unwrap_or(0).saturating_mul(GENERATION).saturating_add(window)
    }

    /// Claims to change an image whose record is in this state: to take over a job whose lease is over, to retry a
    /// failed job, or to change a label. If the owner dies before it writes a new record, there is a new claim two
    /// terms later.
    pub async fn claim_job(&self, record: &ImageRecord) -> Result<bool, Error> {
        let (id, updated, term) = (record.id, record.updated, self.term(LEASE));
        if self.ports.increment(&Key::takeover(id, updated, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, updated, term)).await?;
        // The owner claims the next term, too: a claim made at the end of a term must hold when the next one begins.
        Ok(self.ports.increment(&Key::takeover(id, updated, term + 1), 1).await? == 1)
    }

    /// Claims to restore an image that is not here.
    pub async fn claim_restoring(&self, id: ImageId) -> Result<bool, Error> {
        let term = self.term(RESTORING);
        if self.ports.increment(&Key::takeover(id, 0, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Takeover(id, 0, term)).await?;
        Ok(passing_over(self.image(id).await)?.is_none())
    }

    /// Claims to answer the requests with an idempotency key, in a term of this length. `new` says that no earlier
    /// attempt is known, so that the neighbouring terms must be unclaimed, too.
    pub async fn claim_key(&self, key: &Sha256Hex, length: u64, new: bool) -> Result<bool, Error> {
        let term = self.term(length);
        if self.ports.increment(&Key::answering(key, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Answer(key.clone(), term)).await?;
        if !new {
            return Ok(true);
        }
        // Two callers may begin at once on either side of a term's edge. Each raises its own counter before it reads
        // the other's, so at least one sees the other. A caller that gives way makes its term void, so that it does not
        // block callers of the next term.
        for other in [term.saturating_sub(1), term + 1] {
            if (1..VOID).contains(&self.ports.increment(&Key::answering(key, other), 0).await?) {
                self.ports.increment(&Key::answering(key, term), VOID).await?;
                return Ok(false);
            }
        }
        // An earlier owner, in this term or another, has written its record by now, or holds no claim any more.
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
