//! Doing a request once, however often it is sent.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Sha256Hex};
use burrow_model::record::{Answered, ImageRecord};

use super::Vault;
use crate::ports::Ports;

/// For how long a key is remembered, in milliseconds.
const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

/// For how long whoever began to answer is taken to be alive, in milliseconds.
const ANSWERING: u64 = 60 * 1000;

/// Whether a request is to be done.
#[derive(Clone, Debug)]
pub enum Once {
    /// It is: the caller alone makes these images, those of them that do not exist, and then says [`Vault::done`].
    First(Answering),
    /// It was, and made these images.
    Again(Vec<ImageId>),
}

/// The right to answer a request with an idempotency key.
#[derive(Clone, Debug)]
pub struct Answering {
    key: Sha256Hex,
    answered: Answered,
}

impl Answering {
    /// The ids that the images must have.
    pub fn images(&self) -> &[ImageId] {
        &self.answered.images
    }
}

impl<P: Ports> Vault<P> {
    /// Says whether the request with this key, of this fingerprint, is to be done now; `planned` are the ids that its
    /// images shall have, unless somebody who died before planned others.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::KeyBusy`].
    pub async fn once(&self, key: &str, fingerprint: Sha256Hex, planned: Vec<ImageId>) -> Result<Once, Error> {
        let key = Sha256Hex::of(key.as_bytes());
        let now = self.ports.now();
        let before = self.store.answered(&key).await?.filter(|answered| answered.until > now);
        if let Some(before) = &before {
            if before.fingerprint != fingerprint {
                return Err(Error::KeyReused);
            }
            if before.done {
                return Ok(Once::Again(before.images.clone()));
            }
            if before.lease > now {
                return Err(Error::KeyBusy);
            }
        }
        if !self.store.claim_key(&key, now / ANSWERING, before.is_none()).await? {
            return Err(Error::KeyBusy);
        }
        let images = before.map_or(planned, |before| before.images);
        let answered = Answered { fingerprint, images, done: false, lease: now + ANSWERING, until: now + REMEMBERED };
        self.store.remember_key(&key, &answered).await?;
        Ok(Once::First(Answering { key, answered }))
    }

    /// Says that the images of a request with an idempotency key were made.
    pub async fn done(&self, answering: Answering) -> Result<(), Error> {
        let Answering { key, answered } = answering;
        self.store.remember_key(&key, &Answered { done: true, ..answered }).await
    }

    /// Returns an image that whoever died before has made already, if so.
    pub async fn made_before(&self, id: ImageId) -> Result<Option<ImageRecord>, Error> {
        self.store.image(id).await
    }
}
