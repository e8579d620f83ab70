//! The counts of `/stats`, counted anew.

use super::blobs::Blobs;
use super::images::Found;
use super::{Discovery, FaultKind, Verifier};
use crate::error::Error;
use crate::key::{Key, Vaultwide};
use crate::ports::Ports;
use crate::store::Store;

const COUNTERS: [Vaultwide; 5] =
    [Vaultwide::Ready, Vaultwide::Pending, Vaultwide::Failed, Vaultwide::OriginalBytes, Vaultwide::StoredBytes];

/// What they were when verifying began.
pub(super) type Counts = [i64; 5];

impl<P: Ports> Store<P> {
    pub(super) async fn counts(&self) -> Result<Counts, Error> {
        let mut counts = Counts::default();
        for (count, counter) in counts.iter_mut().zip(COUNTERS) {
            *count = self.ports.increment(&Key::vaultwide(counter), 0).await?;
        }
        Ok(counts)
    }
}

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Compares the counters with what was found, unless they went on meanwhile.
    pub(super) async fn counters(&mut self, before: &Counts, found: &Found, blobs: &Blobs) -> Result<(), Error> {
        let store = self.store;
        let now = store.counts().await?;
        let went_on = !self.is_alone() && now != *before;
        if went_on || (found.half_removed && !self.plan.repair) {
            return Ok(());
        }
        let right = [found.ready, found.pending, found.failed, found.original_bytes, blobs.used_bytes];
        for ((counter, count), right) in COUNTERS.into_iter().zip(now).zip(right) {
            let right = i64::try_from(right).unwrap_or(i64::MAX);
            let stored = counter == Vaultwide::StoredBytes;
            // Orphans are counted until they are in the trash.
            let orphans = i64::try_from(blobs.orphan_bytes).unwrap_or(i64::MAX);
            let with_orphans = stored && !self.plan.repair && count == right.saturating_add(orphans);
            if count == right || with_orphans || (stored && (blobs.damaged || self.blind)) {
                continue;
            }
            let key = Key::vaultwide(counter);
            let detail = format!("it is {count}, and should be {right}");
            let how = async { Ok(store.ports.increment(&key, right.saturating_sub(count)).await.map(drop)?) };
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        Ok(())
    }
}
