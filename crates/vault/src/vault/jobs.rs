//! Lists jobs, works on one, and waits for one. A job is an image neither ready nor failed.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::record::ImageRecord;
use futures::{StreamExt as _, TryStreamExt as _};

use super::Vault;
use super::read::{AT_ONCE, MAX_SCAN, check_limit};
use crate::ports::Ports;
use crate::store::LEASE;

/// Grace period between taking a feed number and writing its entry, in milliseconds. A gap in the feed younger than
/// this may still be filled, so the next page of jobs begins before it.
const ENTERING: u64 = 10_000;

/// The waits between two reads of a job that another worker does: the first, and the longest.
const FIRST_LOOK: Duration = Duration::from_millis(20);
const LATER_LOOKS: Duration = Duration::from_millis(200);

/// Who does a recorded job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// The caller that records it: it goes on with [`Vault::work`].
    Recorder,
    /// The first worker that takes it up.
    Anybody,
}

/// One page of jobs, oldest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jobs {
    /// The images' records.
    pub jobs: Vec<ImageRecord>,
    /// The feed number after which the next page begins.
    pub next: u64,
    /// Whether this page lists the last job there is now.
    pub is_last: bool,
}

impl<P: Ports> Vault<P> {
    /// Lists jobs, oldest first: those after feed number `after`, or all.
    pub async fn jobs(&self, after: Option<u64>, limit: usize) -> Result<Jobs, Error> {
        check_limit(limit)?;
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = match after {
            Some(after) => after.min(newest),
            None => self.store.mark(Vaultwide::Settled).await?.unwrap_or(0),
        };
        let old = self.ports.now().saturating_sub(ENTERING);
        let entries = futures::stream::iter((before + 1..=newest).take(MAX_SCAN))
            .map(async |seq| Ok::<_, Error>((seq, passing_over(self.store.feed(seq).await)?)))
            .buffered(AT_ONCE);
        let (mut jobs, mut last, mut hole) = (Vec::new(), before, None);
        let mut entries = std::pin::pin!(entries);
        while jobs.len() < limit
            && let Some((seq, image)) = entries.try_next().await?
        {
            last = seq;
            let Some(image) = image else {
                hole = hole.or(Some(seq));
                continue;
            };
            if image.numbered() < old {
                // Every lower number was taken even longer ago.
                hole = None;
            }
            if image.lease().is_some() {
                jobs.push(image);
            }
        }
        let is_last = last >= newest;
        // The next page must begin before a number whose entry may still be written.
        let next = hole.filter(|_| is_last).map_or(last, |hole: u64| hole - 1);
        Ok(Jobs { jobs, next, is_last })
    }

    /// Does a job, unless it is done. Returns its record, ready or failed. By `left` the caller states that the worker
    /// that wrote the record whose `updated` is `left` is dead, and that no other worker does the job now.
    ///
    /// # Errors
    ///
    /// [`Error::Held`] if another worker holds the job; [`Error::NotFound`], or [`Error::Removed`] if it was removed
    /// meanwhile; [`Error::Corrupt`] or [`Error::Newer`] if its record cannot be read; [`Error::Store`].
    pub async fn work_on(&self, id: ImageId, left: Option<u64>) -> Result<ImageRecord, Error> {
        let record = self.get(id).await?;
        if record.lease().is_none() {
            return Ok(record);
        }
        self.take_up(record, left).await
    }

    /// The lease of a job that is recorded now.
    pub(super) fn lease_for(&self, worker: Worker) -> Lease {
        match worker {
            Worker::Recorder => self.new_lease(LEASE),
            Worker::Anybody => Lease::NOBODY,
        }
    }

    /// Does a job whose worker is presumed dead, or that has no worker.
    pub(super) async fn take_up(&self, record: ImageRecord, left: Option<u64>) -> Result<ImageRecord, Error> {
        let status = record.status();
        match self.take_over(record, left).await? {
            Some(record) => self.work(record).await,
            None => Err(Error::Held(status)),
        }
    }

    /// Waits until a job has ended, whichever worker does it, for at most `time`. Returns its record as it is then.
    pub async fn watch(&self, mut record: ImageRecord, time: Duration) -> Result<ImageRecord, Error> {
        // The time is what was slept, because the clock may be set meanwhile.
        let (mut left, mut pause) = (time, FIRST_LOOK);
        while record.lease().is_some() && !left.is_zero() {
            let slept = pause.min(left);
            self.ports.sleep(slept).await;
            left -= slept;
            pause = LATER_LOOKS.min(2 * pause);
            record = self.get(record.id).await?;
        }
        Ok(record)
    }
}
