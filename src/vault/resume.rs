//! Finishing what was accepted and never finished.

use super::Vault;
use crate::error::Error;
use crate::key::Vaultwide;
use crate::ports::{Clock as _, Ports};
use crate::record::{State, Status};
use crate::store::LEASE;

/// What a resume did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Jobs finished well.
    pub ready: u32,
    /// Jobs given up.
    pub failed: u32,
    /// Jobs that somebody else is at.
    pub busy: u32,
}

impl<P: Ports> Vault<P> {
    /// Finishes unfinished jobs and empties the trash. `takeover` says that no
    /// other worker is alive, so that leases do not count.
    ///
    /// Looks only at what came after the newest number up to which everything is known to be settled.
    pub async fn resume(&self, takeover: bool) -> Result<Resumed, Error> {
        let mut resumed = Resumed::default();
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = self.store.mark(Vaultwide::Settled).await?.unwrap_or(0);
        let mut settled = before;
        let mut open = false;
        for seq in before + 1..=newest {
            match self.settle(seq, takeover, &mut resumed).await? {
                Entry::Open => open = true,
                // A hole is a removed image, or its writer is between taking the number and entering it. It is passed
                // when nobody else is alive, or an entry after it is so old that its writer must be dead.
                Entry::Hole if open || !takeover => {}
                Entry::Settled { since } if open || !(takeover || since + LEASE < self.ports.now()) => {}
                Entry::Hole | Entry::Settled { .. } => settled = seq,
            }
        }
        if settled > before {
            self.store.set_mark(Vaultwide::Settled, settled).await?;
        }
        self.store.empty_trash().await?;
        Ok(resumed)
    }

    /// Settles one feed entry if it can be.
    async fn settle(&self, seq: u64, takeover: bool, resumed: &mut Resumed) -> Result<Entry, Error> {
        let Some(record) = self.store.feed(seq).await? else {
            return Ok(Entry::Hole);
        };
        let since = record.updated;
        match &record.state {
            State::Failed { .. } | State::Ready(_) => return Ok(Entry::Settled { since }),
            State::Pending { .. } | State::Storing { .. } => {}
        }
        let Some(record) = self.take_over(record, takeover).await? else {
            resumed.busy += 1;
            return Ok(Entry::Open);
        };
        match self.work(record).await {
            Ok(record) if record.status() == Status::Ready => resumed.ready += 1,
            Ok(_) => resumed.failed += 1,
            Err(Error::Removed) => {}
            Err(error) => return Err(error),
        }
        Ok(Entry::Settled { since: self.ports.now() })
    }
}

/// What became of one number of the feed.
enum Entry {
    /// Nothing is entered there.
    Hole,
    /// Somebody is at it.
    Open,
    /// Ready, failed or removed, since that time.
    Settled { since: u64 },
}
