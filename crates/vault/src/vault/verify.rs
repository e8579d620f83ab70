//! Verifying: whether all that is stored is whole and fits together.

use burrow_model::error::Error;
use burrow_model::key::ImageId;

use super::Vault;
use crate::ports::Ports;
use crate::store::verify::{Discovery, Plan, Verified};

impl<P: Ports> Vault<P> {
    /// Looks at everything but content, gives out what it comes upon, and mends what can be mended if that is planned:
    /// indexes and counters are made anew, and what nobody refers to goes to the trash. What an image's record refers to
    /// is never deleted.
    pub async fn verify(&self, plan: Plan, out: impl AsyncFnMut(Discovery)) -> Result<Verified, Error> {
        if plan.repair && plan.dead_before.is_none() {
            let reason = "a vault is repaired only while nobody else uses it".into();
            return Err(Error::Invalid { field: "repair", reason });
        }
        self.store.verify(plan, out).await
    }

    /// Reads and hashes the content of a ready image; returns its size in bytes if it is what it was.
    pub async fn verify_content(&self, id: ImageId) -> Result<u64, Error> {
        let verified = async { self.open(&self.get(id).await?).await?.verify().await }.await;
        if let Err(Error::Corrupt(_)) = verified {
            // It may have been removed so long ago that its content is gone, too.
            self.get(id).await?;
        }
        verified
    }
}
