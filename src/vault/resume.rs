//! Finishing what was accepted and never finished.

use futures::StreamExt as _;

use super::Vault;
use crate::error::{Error, passing_over};
use crate::key::Vaultwide;
use crate::ports::Ports;
use crate::record::{State, Status};
use crate::store::LEASE;

/// Jobs resumed at once: while one waits for its origin, others go on.
const AT_ONCE: usize = 8;

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

/// What became of one number of the feed.
enum Entry {
    /// Nothing is entered there: the image was removed, or its writer is between taking the number and entering it.
    Hole,
    /// Somebody is at it.
    Open,
    /// Ready, failed or removed, its number taken before that time.
    Settled { since: u64 },
}

impl<P: Ports> Vault<P> {
    /// Finishes unfinished jobs and empties the trash. Whoever wrote a record before the time `dead_before`, in
    /// milliseconds since 1970, is known to be dead, so that its lease does not count.
    ///
    /// Looks only at what came after the newest number up to which everything is known to be settled.
    pub async fn resume(&self, dead_before: Option<u64>) -> Result<Resumed, Error> {
        let mut resumed = Resumed::default();
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = self.store.mark(Vaultwide::Settled).await?.unwrap_or(0);
        let dead_before = dead_before.unwrap_or(0);
        // Whoever wrote nothing for the time of a lease is taken to be dead, too.
        let over = dead_before.max(self.ports.now().saturating_sub(LEASE));
        let entries = futures::stream::iter(before + 1..=newest)
            .map(async |seq| Ok::<_, Error>((seq, self.settle(seq, dead_before).await?)))
            .buffered(AT_ONCE);
        let (mut settled, mut open) = (before, false);
        let mut entries = std::pin::pin!(entries);
        while let Some(entry) = entries.next().await {
            let (seq, (entry, outcome)) = entry?;
            match outcome {
                Some(Status::Ready) => resumed.ready += 1,
                Some(_) => resumed.failed += 1,
                None => {}
            }
            match entry {
                Entry::Open => {
                    resumed.busy += 1;
                    open = true;
                }
                // Whoever took a number before this one was written is dead, or has entered it.
                Entry::Settled { since } if !open && since < over => settled = seq,
                Entry::Settled { .. } | Entry::Hole => {}
            }
        }
        if settled > before {
            self.store.set_mark(Vaultwide::Settled, settled).await?;
        }
        self.store.empty_trash().await?;
        Ok(resumed)
    }

    /// Settles one feed entry if it can be; returns what it is now, and how the job ended if it was done here.
    async fn settle(&self, seq: u64, dead_before: u64) -> Result<(Entry, Option<Status>), Error> {
        let Some(record) = passing_over(self.store.feed(seq).await)? else { return Ok((Entry::Hole, None)) };
        if let State::Ready(_) | State::Failed { .. } = &record.state {
            return Ok((Entry::Settled { since: record.numbered() }, None));
        }
        let Some(record) = self.take_over(record, dead_before).await? else { return Ok((Entry::Open, None)) };
        let id = record.id;
        let outcome = match self.work(record).await {
            Ok(record) => Some(record.status()),
            Err(Error::Removed) => {
                // Whoever claimed its removal may have died right after.
                self.store.leave_feed(seq).await?;
                self.store.delete_image(id).await?;
                None
            }
            Err(Error::Interrupted(_)) => return Ok((Entry::Open, None)),
            Err(error) => return Err(error),
        };
        Ok((Entry::Settled { since: self.ports.now() }, outcome))
    }
}
