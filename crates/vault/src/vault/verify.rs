//! Verifies a vault: whether everything stored is undamaged and consistent.

use burrow_model::error::Error;
use burrow_model::key::ImageId;

use super::Vault;
use crate::ports::Ports;
use crate::store::verify::{Discovery, Plan, Verified};

impl<P: Ports> Vault<P> {
    /// Examines everything but content, and passes what it finds to `out`. If `plan` says so, it repairs: it rebuilds
    /// indexes and counters, and puts what nothing refers to into the trash. It never deletes what an image's record
    /// refers to.
    pub async fn verify(&self, plan: Plan, out: impl AsyncFnMut(Discovery)) -> Result<Verified, Error> {
        if plan.repair && !plan.alone {
            let reason = "a vault is repaired only while nobody else uses it".into();
            return Err(Error::Invalid { field: "repair", reason });
        }
        self.store.verify(plan, out).await
    }

    /// Reads and hashes the content of a ready image. Returns its size in bytes if it is the original.
    pub async fn verify_content(&self, id: ImageId) -> Result<u64, Error> {
        let verified = async { self.open(&self.get(id).await?).await?.verify().await }.await;
        if let Err(Error::Corrupt(_)) = verified {
            // If the image was removed an hour ago, its content is gone, too: then it is not found, not damaged.
            self.get(id).await?;
        }
        verified
    }
}
