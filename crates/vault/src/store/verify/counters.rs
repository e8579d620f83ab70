//! Computes the counters of `GET /stats` again, and compares them.

use burrow_model::error::Error;
use burrow_model::key::{Key, Vaultwide};

use super::blobs::Blobs;
use super::found::Found;
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;

const COUNTERS: [Vaultwide; 7] = [
    Vaultwide::Ready,
    Vaultwide::Pending,
    Vaultwide::Failed,
    Vaultwide::OriginalBytes,
    Vaultwide::StoredBytes,
    Vaultwide::Repacked,
    Vaultwide::SavedBytes,
];

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Compares the counters with what was found.
    pub(super) async fn counters(&mut self, found: &Found, blobs: &Blobs) -> Result<(), Error> {
        let store = self.store;
        // A half removed image may still be counted, and so may an image that cannot be read.
        if self.blind || (found.half_removed && !self.plan.repair) {
            return Ok(());
        }
        let of_images = [found.ready, found.pending, found.failed, found.original_bytes];
        let of_blobs = [blobs.used_bytes, blobs.repacked, blobs.saved_bytes];
        let right = of_images.into_iter().chain(of_blobs);
        for (counter, right) in COUNTERS.into_iter().zip(right) {
            let key = Key::vaultwide(counter);
            let count = self.counter(&key).await?;
            let right = i64::try_from(right).unwrap_or(i64::MAX);
            let stored = counter == Vaultwide::StoredBytes;
            // Orphans count as stored until they are in the trash.
            let orphans = i64::try_from(blobs.orphan_bytes).unwrap_or(i64::MAX);
            let with_orphans = stored && !self.plan.repair && count == right.saturating_add(orphans);
            if count == right || with_orphans || (stored && blobs.damaged) {
                continue;
            }
            let detail = format!("it is {count}, and should be {right}");
            let how = async { Ok(store.ports.increment(&key, right.saturating_sub(count)).await.map(drop)?) };
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        Ok(())
    }
}
