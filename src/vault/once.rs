//! Doing a request once, however often it is sent.

use super::Vault;
use crate::error::Error;
use crate::key::{ImageId, Sha256Hex};
use crate::ports::Ports;
use crate::record::Answered;

/// For how long a key is remembered, in milliseconds.
const REMEMBERED: u64 = 24 * 60 * 60 * 1000;

/// For how long whoever began to answer is taken to be alive, in milliseconds.
const ANSWERING: u64 = 60 * 1000;

/// Whether a request is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Once {
    /// It is: the caller alone does it now.
    First,
    /// It was, and made these images.
    Again(Vec<ImageId>),
}

impl<P: Ports> Vault<P> {
    /// Says whether the request with this key, of this fingerprint, is to be done now. If so it must make the images
    /// `planned`, by which others will know that it was done.
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
            if self.exist(&before.images).await? {
                return Ok(Once::Again(before.images.clone()));
            }
            if before.lease > now {
                return Err(Error::KeyBusy);
            }
        }
        if !self.store.claim_key(&key, now / ANSWERING, before.is_none()).await? {
            return Err(Error::KeyBusy);
        }
        let answered = Answered { fingerprint, images: planned, lease: now + ANSWERING, until: now + REMEMBERED };
        self.store.remember_key(&key, &answered).await?;
        Ok(Once::First)
    }

    /// Whether all these images exist, or have.
    async fn exist(&self, images: &[ImageId]) -> Result<bool, Error> {
        for &id in images {
            if self.store.image(id).await?.is_none() && !self.store.is_removed(id).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
