//! Counts jobs that wait for origins, so that they take no place from others.

use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::schedule::Room;

/// Jobs beside the running ones whose origins are silent: so many for each packing thread, and so many in all. Each has an
/// instance of about 1 MiB.
const LAGGING: usize = 64;
const MOST_LAGGING: usize = 1024;

/// Jobs beside those that wait for their turn and have no instance yet.
const WAITING: usize = 4096;

/// How long an origin is silent before its job takes no place.
pub(crate) const SILENCE: Duration = Duration::from_secs(1);

/// The jobs that wait. Clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Patience(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    most_lagging: usize,
    now: watch::Sender<Now>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Now {
    waiting: usize,
    lagging: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Waiting,
    Lagging,
}

/// A job that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Waits {
    patience: Patience,
    kind: Kind,
}

impl Patience {
    /// Lets jobs wait beside those that run on so many threads.
    pub(crate) fn new(threads: NonZeroUsize) -> Self {
        let most_lagging = threads.get().saturating_mul(LAGGING).min(MOST_LAGGING);
        Self(Arc::new(Counts { most_lagging, now: watch::Sender::new(Now::default()) }))
    }

    /// The most jobs with instances that wait.
    pub(crate) fn most_lagging(&self) -> usize {
        self.0.most_lagging
    }

    /// Counts a job that has no instance yet.
    pub(crate) fn waits(&self) -> Waits {
        self.count(Kind::Waiting)
    }

    /// Counts a job whose origin is silent.
    pub(crate) fn lags(&self) -> Waits {
        self.count(Kind::Lagging)
    }

    /// Awaits something of an origin's; the job counts as one that lags when that takes long.
    pub(crate) async fn lagging<T>(&self, awaited: impl Future<Output = T>) -> T {
        let mut awaited = std::pin::pin!(awaited);
        if let Ok(came) = tokio::time::timeout(SILENCE, &mut awaited).await {
            return came;
        }
        let _lags = self.lags();
        awaited.await
    }

    fn count(&self, kind: Kind) -> Waits {
        self.change(kind, usize::saturating_add);
        Waits { patience: self.clone(), kind }
    }

    fn change(&self, kind: Kind, by: fn(usize, usize) -> usize) {
        self.0.now.send_modify(|now| match kind {
            Kind::Waiting => now.waiting = by(now.waiting, 1),
            Kind::Lagging => now.lagging = by(now.lagging, 1),
        });
    }

    fn room(&self, now: Now) -> usize {
        now.waiting.min(WAITING) + now.lagging.min(self.0.most_lagging)
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.patience.change(self.kind, usize::saturating_sub);
    }
}

impl Room for Patience {
    fn more(&self) -> usize {
        self.room(*self.0.now.borrow())
    }

    async fn beyond(&self, seen: usize) {
        // The sender is here, so the channel is not closed.
        let _ = self.0.now.subscribe().wait_for(|now| self.room(*now) > seen).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_leaves_room_and_only_so_many() {
        let patience = Patience::new(NonZeroUsize::MIN);
        let quick = patience.lagging(tokio::time::sleep(SILENCE / 2));
        quick.await;
        assert_eq!(patience.more(), 0);
        let slow = patience.lagging(tokio::time::sleep(3 * SILENCE));
        let (beyond, ()) = tokio::join!(tokio::time::timeout(2 * SILENCE, patience.beyond(0)), slow);
        assert_eq!((beyond, patience.more()), (Ok(()), 0));
        let lags: Vec<_> = (0..=LAGGING).map(|_| patience.lags()).collect();
        let waits = patience.waits();
        assert_eq!(patience.more(), LAGGING + 1);
        drop((lags, waits));
        assert_eq!(patience.more(), 0);
    }
}
