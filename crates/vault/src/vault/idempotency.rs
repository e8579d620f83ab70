//! Does a request with an idempotency key once, however often it is sent.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Sha256Hex};
use burrow_model::record::{Answered, ImageRecord};

use super::Vault;
use crate::ports::Ports;
use crate::store::REMEMBERED;

/// How long a process that began to answer counts as alive, in milliseconds.
const ANSWERING: u64 = 60 * 1000;

/// Whether the caller must do a request.
#[derive(Clone, Debug)]
pub enum Once {
    /// It must, and no other caller may: it makes those of these images that do not exist, and then calls
    /// [`Vault::done`].
    First(Answering),
    /// The request is done, and made these images.
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
    /// Decides whether the caller must do the request with this key and fingerprint now. `planned` are the ids that its
    /// images get, unless a process that died planned others before.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`] if the key belongs to a request of another fingerprint; [`Error::KeyBusy`] if another
    /// caller is doing the request; [`Error::Corrupt`] or [`Error::Newer`] if the record of the key cannot be read;
    /// [`Error::Store`].
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
            if before.lease.is_held(now, self.settings.host.generation, ANSWERING) {
                return Err(Error::KeyBusy);
            }
        }
        if !self.store.claim_key(&key, ANSWERING, before.is_none()).await? {
            return Err(Error::KeyBusy);
        }
        let images = before.map_or(planned, |before| before.images);
        let (lease, until) = (self.new_lease(ANSWERING), now + REMEMBERED);
        let answered = Answered { fingerprint, images, done: false, lease, until };
        self.store.remember_key(&key, &answered).await?;
        Ok(Once::First(Answering { key, answered }))
    }

    /// Records that the images of a request with an idempotency key exist.
    pub async fn done(&self, answering: Answering) -> Result<(), Error> {
        let Answering { key, answered } = answering;
        self.store.remember_key(&key, &Answered { done: true, ..answered }).await
    }

    /// Returns an image of this request, if a process that died already made it.
    pub async fn made_before(&self, id: ImageId) -> Result<Option<ImageRecord>, Error> {
        self.store.image(id).await
    }
}
