//! Finishes jobs that were accepted and never finished, goes on with a renaming, and empties the trash.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::Vaultwide;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use futures::StreamExt as _;

use super::Vault;
use crate::ports::Ports;
use crate::store::LEASE;

/// Jobs resumed at once: while one waits for its origin, the others go on.
const AT_ONCE: usize = 8;

/// For how long a sweep goes on with a renaming whose caller has left it.
const RENAMING: Duration = Duration::from_secs(1);

/// The result of a resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resumed {
    /// Jobs whose images are now ready.
    pub ready: u32,
    /// Jobs that were given up.
    pub failed: u32,
    /// Jobs that another worker holds.
    pub busy: u32,
}

/// What a sweep finds at one feed number.
enum Entry {
    /// No image is listed here: it was removed, or its writer has taken the number and not yet written the entry.
    Hole,
    /// An unfinished job.
    Open,
    /// A job that this sweep did: its status now, or `None` if the image was removed meanwhile.
    Done(Option<Status>),
    /// An image that was already ready or failed. Its number was taken before this time, in milliseconds since 1970.
    Settled { since: u64 },
}

impl<P: Ports> Vault<P> {
    /// Finishes unfinished jobs that no worker holds, and sweeps.
    pub async fn resume(&self) -> Result<Resumed, Error> {
        let work = async |record| match self.take_up(record, None).await {
            Ok(record) => Ok(Entry::Done(Some(record.status()))),
            Err(Error::Removed) => Ok(Entry::Done(None)),
            Err(Error::Held(_)) => Ok(Entry::Open),
            Err(error) => Err(error),
        };
        self.settle(work).await
    }

    /// Records the feed number up to which every image is ready, failed or removed, and empties the trash.
    pub async fn sweep(&self) -> Result<(), Error> {
        self.settle(async |_| Ok(Entry::Open)).await.map(drop)
    }

    /// Sweeps, and calls `work` on each unfinished job. It begins after the number that the last sweep recorded.
    async fn settle(&self, work: impl AsyncFn(ImageRecord) -> Result<Entry, Error>) -> Result<Resumed, Error> {
        let mut resumed = Resumed::default();
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = self.store.mark(Vaultwide::Settled).await?.unwrap_or(0);
        // A process that took a number, and has written nothing for the time of a lease, counts as dead.
        let over = self.ports.now().saturating_sub(LEASE);
        let entry = async |seq| match passing_over(self.store.feed(seq).await)? {
            None => Ok(Entry::Hole),
            Some(record) if record.lease().is_some() => work(record).await,
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
                // Every process that took an earlier number is dead by now, or has written its entry.
                Entry::Settled { since } if !open && since < over => settled = seq,
                Entry::Settled { .. } | Entry::Hole | Entry::Done(None) => {}
            }
        }
        if settled > before {
            self.store.set_mark(Vaultwide::Settled, settled).await?;
        }
        passing_over(Box::pin(self.store.build_segments()).await.map(Some))?;
        match Box::pin(self.go_on_renaming(RENAMING)).await {
            Ok(_) | Err(Error::Renaming(_)) => {}
            Err(error) => return Err(error),
        }
        self.store.empty_trash().await?;
        Ok(resumed)
    }
}
