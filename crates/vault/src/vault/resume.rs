//! Finishing what was accepted and never finished.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::Vaultwide;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use futures::StreamExt as _;

use super::Vault;
use crate::ports::Ports;
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
    /// It is a job not done.
    Open,
    /// It was a job, and was done here; it ended so, or was removed meanwhile.
    Done(Option<Status>),
    /// Ready or failed, its number taken before that time.
    Settled { since: u64 },
}

impl<P: Ports> Vault<P> {
    /// Finishes unfinished jobs, and sweeps. Whoever wrote a record before the time `dead_before`, in milliseconds since
    /// 1970, is known to be dead, so that its lease does not count.
    pub async fn resume(&self, dead_before: Option<u64>) -> Result<Resumed, Error> {
        let dead_before = dead_before.unwrap_or(0);
        let work = async |record| match self.take_up(record, dead_before).await {
            Ok(record) => Ok(Entry::Done(Some(record.status()))),
            Err(Error::Removed) => Ok(Entry::Done(None)),
            Err(Error::Held(_)) => Ok(Entry::Open),
            Err(error) => Err(error),
        };
        self.settle(dead_before, work).await
    }

    /// Notes up to which number of the feed everything is settled, and empties the trash.
    pub async fn sweep(&self, dead_before: Option<u64>) -> Result<(), Error> {
        self.settle(dead_before.unwrap_or(0), async |_| Ok(Entry::Open)).await.map(drop)
    }

    /// Sweeps, and does to each job on the way what is to be done to it. Looks only at what came after the newest number
    /// up to which everything is known to be settled.
    async fn settle(
        &self,
        dead_before: u64,
        work: impl AsyncFn(ImageRecord) -> Result<Entry, Error>,
    ) -> Result<Resumed, Error> {
        let mut resumed = Resumed::default();
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = self.store.mark(Vaultwide::Settled).await?.unwrap_or(0);
        // Whoever wrote nothing for the time of a lease is taken to be dead, too.
        let over = dead_before.max(self.ports.now().saturating_sub(LEASE));
        let entry = async |seq| match passing_over(self.store.feed(seq).await)? {
            None => Ok(Entry::Hole),
            Some(record) if record.held_until().is_some() => work(record).await,
            Some(record) => Ok(Entry::Settled { since: record.numbered() }),
        };
        let entries = futures::stream::iter(before + 1..=newest)
            .map(async |seq| Ok::<_, Error>((seq, entry(seq).await?)))
            .buffered(AT_ONCE);
        let (mut settled, mut open) = (before, false);
        let mut entries = std::pin::pin!(entries);
        while let Some(entry) = entries.next().await {
            let (seq, entry) = entry?;
            match entry {
                Entry::Done(Some(Status::Ready)) => resumed.ready += 1,
                Entry::Done(Some(_)) => resumed.failed += 1,
                Entry::Open => {
                    resumed.busy += 1;
                    open = true;
                }
                // Whoever took a number before this one was written is dead, or has entered it.
                Entry::Settled { since } if !open && since < over => settled = seq,
                Entry::Settled { .. } | Entry::Hole | Entry::Done(None) => {}
            }
        }
        if settled > before {
            self.store.set_mark(Vaultwide::Settled, settled).await?;
        }
        self.store.empty_trash().await?;
        Ok(resumed)
    }
}
