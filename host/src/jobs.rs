//! Many images at once: lists of wanted ones, and the jobs that the store holds.

use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use futures::StreamExt as _;
use futures::stream::{self, Stream};
use tokio::sync::Notify;
use tokio::time::Sleep;
use tokio_util::sync::CancellationToken;

use crate::schedule::{self, Limits, Task};
use crate::{Burrow, Error, Image, Job, Label, Status, VaultError, millis};

/// Jobs under way for each that is packed: the others wait for their origins.
pub(crate) const OVERLAP: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Jobs read ahead of those under way, to find one whose origin is free: one slow origin keeps up the others only if more
/// than so many wait for it. Each takes some 200 bytes, of a list more if it is labelled.
const AHEAD: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// How often jobs are looked for whose worker died, and space is reclaimed.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// One piece of the work of [`Burrow::for_each`].
#[derive(Clone, Debug)]
pub struct Wanted<T> {
    /// The URL that will be asked for, if one will: no origin is asked for too much at once.
    pub url: Option<String>,
    /// What is given to the work.
    pub what: T,
}

impl Burrow {
    /// Does some work for each of `wanted`, in their order, at most eight times [`Builder::jobs`](crate::Builder::jobs)
    /// at once and [`Builder::per_origin`](crate::Builder::per_origin) for one origin; what would have to wait for its
    /// origin lets others pass. Reads at most 20,000 ahead, so a list may be of any length.
    ///
    /// When `stop` resolves, no work is begun any more; returns when what was under way has ended: how many were read
    /// and not begun.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use burrow_host::{Builder, Label, Wanted};
    /// # let burrow = Builder::new().open(&"memory:".parse()?).await?;
    /// let urls = ["http://127.0.0.1/a.png", "http://127.0.0.1/b.png"];
    /// let wanted = futures::stream::iter(urls.map(|url| Wanted { url: Some(url.into()), what: url }));
    /// let add = async |url| match burrow.ensure(url, Label::default()).await {
    ///     Ok((image, _)) => println!("{} is {:?}", image.name, image.status),
    ///     // Private addresses are refused unless a setting allows them.
    ///     Err(error) => println!("{url}: {error}"),
    /// };
    /// burrow.for_each(wanted, add, std::future::pending()).await;
    /// # Ok(()) }
    /// ```
    pub async fn for_each<T, W: Future<Output = ()>>(
        &self,
        wanted: impl Stream<Item = Wanted<T>>,
        work: impl FnMut(T) -> W,
        stop: impl Future<Output = ()>,
    ) -> usize {
        let limits = Limits { at_once: self.jobs.saturating_mul(OVERLAP), per_origin: self.per_origin, ahead: AHEAD };
        let tasks = wanted.map(|Wanted { url, what }| Task { origin: url.as_deref().and_then(origin), work: what });
        schedule::run(limits, tasks, |origin| self.origins.rests_until(origin), work, stop).await
    }

    /// Sees to it that there is an image of this URL: leaves one alone that is ready, tries one again that failed, goes on
    /// with one that was begun, and records a new one only if there is none. Returns its record, ready or failed, and
    /// whether it was ready before.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: URL or label are not acceptable, or the store failed; [`Error::Component`] and
    /// [`Error::TooLong`] as [`Burrow::work`].
    pub async fn ensure(&self, url: &str, label: Label) -> Result<(Image, bool), Error> {
        let image = match self.get_by_source(url).await {
            Ok(image) if image.status == Status::Ready => return Ok((image, true)),
            Ok(image) if image.status == Status::Failed => match self.requeue(&image.id).await {
                // Somebody else was faster.
                Err(Error::Vault(VaultError::WrongStatus(_))) => image,
                requeued => requeued?,
            },
            Err(Error::Vault(VaultError::NotFound)) => self.submit(url, label).await?,
            found => found?,
        };
        Ok((self.finish(&image.id).await?, false))
    }

    /// Does the jobs of the store, those there are and those that come, until it is told to stop; then ends those under
    /// way. Looks for new ones when it is woken.
    pub(crate) async fn do_jobs(&self, wake: Arc<Notify>, stop: CancellationToken) {
        let search = Search {
            burrow: self.clone(),
            wake,
            taken: Arc::default(),
            // Only the first pass goes by the clock, which may be set back later.
            dead_before: self.alone_since,
            after: None,
            is_at_end: false,
            found: Vec::new().into_iter(),
            pass_ends: Box::pin(tokio::time::sleep(SWEEP_EVERY)),
        };
        let taken = search.taken.clone();
        let jobs = stream::unfold(search, async |mut search| Some((search.next().await, search)));
        let work = |(id, dead_before): (String, Option<SystemTime>)| {
            let taken = taken.clone();
            async move {
                match self.work_since(&id, dead_before).await {
                    // Ready, failed with its reason in its record, removed, or somebody else's.
                    Ok(_)
                    | Err(Error::Vault(VaultError::NotFound | VaultError::WrongStatus(_)) | Error::Interrupted) => {}
                    Err(error) => tracing::error!("job {id}: {error}; it is tried again when its lease has ended"),
                }
                taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        };
        self.for_each(jobs, work, stop.cancelled_owned()).await;
    }
}

/// The origin that a URL leads to first, as requests name it.
fn origin(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.has_host().then(|| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
}

/// Looks for jobs in the store.
struct Search {
    burrow: Burrow,
    wake: Arc<Notify>,
    /// Jobs found that have not ended yet.
    taken: Arc<Mutex<HashSet<String>>>,
    dead_before: Option<SystemTime>,
    /// How far this pass has come; none at its beginning.
    after: Option<u64>,
    /// Whether this pass has come to the end, so that there is something new only when it is woken.
    is_at_end: bool,
    found: std::vec::IntoIter<Job>,
    pass_ends: Pin<Box<Sleep>>,
}

impl Search {
    /// Waits for the next job that nobody is at.
    async fn next(&mut self) -> Wanted<(String, Option<SystemTime>)> {
        loop {
            for job in self.found.by_ref() {
                let now = millis(SystemTime::now()).unwrap_or_default();
                let is_dead = self.dead_before.and_then(millis).is_some_and(|before| job.updated < before);
                let is_free = job.held_until <= now || is_dead;
                if is_free && self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(job.image.clone()) {
                    return Wanted { url: Some(job.source), what: (job.image, self.dead_before) };
                }
            }
            if self.is_at_end {
                self.dead_before = None;
                self.is_at_end = false;
                tokio::select! {
                    () = self.wake.notified() => {}
                    () = &mut self.pass_ends => {
                        self.after = None;
                        self.pass_ends.as_mut().reset(tokio::time::Instant::now() + SWEEP_EVERY);
                    }
                }
            }
            if self.after.is_none()
                && let Err(error) = self.burrow.sweep(self.dead_before).await
            {
                tracing::error!("cannot reclaim space: {error}");
            }
            match self.burrow.list_jobs(self.after, 1000).await {
                Ok(page) => {
                    self.is_at_end = page.is_last;
                    self.after = Some(page.next);
                    self.found = page.jobs.into_iter();
                }
                Err(error) => {
                    tracing::error!("cannot look for jobs: {error}");
                    tokio::time::sleep(SWEEP_EVERY).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
