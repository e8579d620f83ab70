//! Many images at once: lists of wanted images, and the jobs in the store.

use std::collections::HashSet;
use std::future::Future;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, Stream};
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::address::network;
use crate::origins::Turn;
use crate::schedule::{self, Limits, Task};
use crate::{Burrow, Error, Image, Job, Label, Source, Status, VaultError};

/// Jobs that run at once for each packing thread: most of them wait for their origins.
pub(crate) const OVERLAP: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Jobs read ahead of the running ones, to find one whose origin is free. A slow origin holds up other origins only if
/// more than this many jobs wait for it. Each takes some 200 bytes; an entry of a list takes more if it has a label.
const AHEAD: NonZeroUsize = NonZeroUsize::new(20_000).unwrap();

/// Time to look up the name of an origin before its job begins.
const LOOK_UP: Duration = Duration::from_secs(5);

/// How often the server looks for jobs whose worker died, and reclaims space.
const SWEEP_EVERY: Duration = Duration::from_secs(30);

/// An item of the work that [`Burrow::for_each`] does.
#[derive(Clone, Debug)]
pub struct Wanted<T> {
    /// The URL that the work will request, if any. Its origin's limit delays the work.
    pub url: Option<String>,
    /// The argument of the work.
    pub what: T,
}

impl Burrow {
    /// Calls `work` for each item of `wanted`. Origins take turns: the first item begins of the origin of which the fewest
    /// run. At most eight times [`Builder::jobs`](crate::Builder::jobs) items run at once, not counting those whose origin
    /// is silent, and at most [`Builder::per_origin`](crate::Builder::per_origin) for one origin and twice as many for one
    /// address. It reads at most 20,000 items ahead, so a list may have any length.
    ///
    /// When `stop` resolves, no further item begins. Returns once the running ones have ended: the number of items that
    /// were read but did not begin.
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
        mut work: impl FnMut(T) -> W,
        stop: impl Future<Output = ()>,
    ) -> usize {
        let limits = Limits { at_once: self.jobs.saturating_mul(OVERLAP), per_origin: self.per_origin, ahead: AHEAD };
        let tasks = wanted.map(|Wanted { url, what }| {
            let origin = url.as_deref().and_then(origin);
            Task { origin: origin.clone(), work: (origin, what) }
        });
        let work = |(origin, what): (Option<String>, T)| {
            let work = work(what);
            async move {
                let _turn = match origin {
                    Some(origin) => self.turn_at_address(&origin).await,
                    None => None,
                };
                work.await;
            }
        };
        schedule::run(limits, tasks, |origin| self.origins.rests_until(origin), &self.patience, work, stop).await
    }

    /// Waits for a turn at the address of an origin: many names may lead to one. The address is that which the name has
    /// now; a name without an address needs no turn, because its job will fail. Nor do origins on this machine.
    async fn turn_at_address(&self, origin: &str) -> Turn {
        let addresses = self.addresses.as_ref()?;
        let _waits = self.patience.waits();
        let host = origin.parse::<http::uri::Authority>().ok()?.host().to_owned();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let address = match literal {
            Ok(address) => address,
            Err(_) => tokio::time::timeout(LOOK_UP, tokio::net::lookup_host((host, 0)))
                .await
                .ok()?
                .ok()?
                .map(|a| a.ip())
                .min()?,
        };
        if address.to_canonical().is_loopback() {
            return None;
        }
        addresses.turn(&network(address).to_string()).await
    }

    /// Makes sure that the vault has an image of this URL: it leaves a ready image as it is, retries a failed one with the
    /// given referrer, finishes the job of a pending one, and records a new image only if no image of the URL is found.
    /// Returns the record, ready or failed, and whether it was ready before.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`] if the vault refuses the source or the label, or the store failed; [`Error::Component`] and
    /// [`Error::TooLong`] as [`Burrow::work`].
    pub async fn ensure(&self, source: impl Into<Source>, label: Label) -> Result<(Image, bool), Error> {
        let source = source.into();
        let image = match self.get_by_source(&source.url).await {
            Ok(image) if image.status == Status::Ready => return Ok((image, true)),
            Ok(image) if image.status == Status::Failed => match self.requeue(&image.id, source.referrer).await {
                // Another caller retries it already.
                Err(Error::Vault(VaultError::WrongStatus(_))) => image,
                requeued => requeued?,
            },
            Err(Error::Vault(VaultError::NotFound)) => self.submit(source, label).await?,
            found => found?,
        };
        Ok((self.finish(&image.id).await?, false))
    }

    /// Does the jobs in the store, present and future, until `stop` resolves; then finishes those that run.
    /// [`Burrow::serve`] does so by itself. A program that serves by a [`Handler`](crate::Handler), or only submits,
    /// runs this beside it: jobs that this `Burrow` records begin at once, those that other processes record or leave
    /// within half a minute.
    pub async fn do_jobs(&self, stop: impl Future<Output = ()>) {
        let search = Search {
            burrow: self.clone(),
            wake: self.recorded.clone(),
            taken: Arc::default(),
            after: None,
            is_at_end: false,
            found: Vec::new().into_iter(),
            pass_ends: Box::pin(tokio::time::sleep(SWEEP_EVERY)),
        };
        let taken = search.taken.clone();
        let jobs = stream::unfold(search, async |mut search| Some((search.next().await, search)));
        let work = |id: String| {
            let taken = taken.clone();
            async move {
                match self.work(&id).await {
                    // Ready, failed with the reason in its record, removed, or held by another worker.
                    Ok(_)
                    | Err(Error::Vault(VaultError::NotFound | VaultError::WrongStatus(_)) | Error::Interrupted) => {}
                    Err(error) => tracing::error!("job {id}: {error}; it is tried again when its lease has ended"),
                }
                taken.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
            }
        };
        self.for_each(jobs, work, stop).await;
    }
}

/// The origin of a URL, before any redirect: host and port, as requests name it.
fn origin(url: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.has_host().then(|| url[url::Position::BeforeHost..url::Position::AfterPort].to_owned())
}

/// The search for jobs in the store.
struct Search {
    burrow: Burrow,
    wake: Arc<Notify>,
    /// Ids of jobs that this search handed out and that have not ended.
    taken: Arc<Mutex<HashSet<String>>>,
    /// The feed number up to which this pass has listed; `None` at its beginning.
    after: Option<u64>,
    /// Whether this pass has listed the last job, so the next step waits for `wake` or the next pass.
    is_at_end: bool,
    found: std::vec::IntoIter<Job>,
    pass_ends: Pin<Box<Sleep>>,
}

impl Search {
    /// Waits for the next job that no worker holds.
    async fn next(&mut self) -> Wanted<String> {
        loop {
            for job in self.found.by_ref() {
                let held = job.held && !self.burrow.pool.was_left(&job.image);
                if !held && self.taken.lock().unwrap_or_else(PoisonError::into_inner).insert(job.image.clone()) {
                    return Wanted { url: Some(job.source), what: job.image };
                }
            }
            if self.is_at_end {
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
                && let Err(error) = self.burrow.sweep().await
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
