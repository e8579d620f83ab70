//! The packing pool: threads for instances that compute, so that sockets never wait for them.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::Error;

/// The most jobs that are remembered as left. Further ones are taken up when their leases end.
const MOST_LEFT: usize = 10_000;

/// Threads that run instances. A thread runs one instance at a time; an instance that waits leaves its thread to
/// others.
#[derive(Clone)]
pub(crate) struct Pool {
    runtime: Arc<Threads>,
    jobs: Arc<Mutex<Jobs>>,
}

/// The jobs of this process, by their ids.
#[derive(Debug, Default)]
struct Jobs {
    begun: HashSet<String>,
    /// Jobs whose callers were dropped before the end, and when they began. The instance that worked at one is gone, so
    /// the lease in the job's record is a dead worker's if the record changed since.
    left: HashMap<String, SystemTime>,
}

fn locked(jobs: &Mutex<Jobs>) -> MutexGuard<'_, Jobs> {
    // No code panics while it holds the lock.
    jobs.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Abort running work: waiting for it could block the caller that drops the last handle.
            runtime.shutdown_background();
        }
    }
}

impl Pool {
    /// Starts the threads.
    pub(crate) fn new(threads: NonZeroUsize) -> Result<Self, Error> {
        Self::with(threads, "packer", || ())
    }

    /// Starts threads that run only while no others want to.
    pub(crate) fn of_lowest_priority(threads: NonZeroUsize) -> Result<Self, Error> {
        Self::with(threads, "repacker", take_lowest_priority)
    }

    fn with(threads: NonZeroUsize, name: &str, start: fn()) -> Result<Self, Error> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.get())
            .thread_name(name)
            .on_thread_start(start)
            .enable_all()
            .build()
            .map_err(|error| Error::Internal(format!("cannot start the {name} threads: {error}")))?;
        Ok(Self { runtime: Arc::new(Threads(Some(runtime))), jobs: Arc::default() })
    }

    /// Whether this process runs no job.
    pub(crate) fn is_idle(&self) -> bool {
        locked(&self.jobs).begun.is_empty()
    }

    /// Runs work on the pool. Dropping the handle aborts the work.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Running<T> {
        // The runtime is there until the last handle to the pool is dropped.
        Running(self.runtime.0.as_ref().map(|runtime| AbortOnDropHandle::new(runtime.spawn(work))))
    }

    /// Begins a job; `None` if this process runs it already.
    pub(crate) fn begin(&self, id: &str) -> Option<Begun> {
        let mut jobs = locked(&self.jobs);
        if !jobs.begun.insert(id.to_owned()) {
            return None;
        }
        let left = jobs.left.remove(id);
        let since = left.unwrap_or_else(SystemTime::now);
        Some(Begun { jobs: self.jobs.clone(), id: id.to_owned(), since, left, ended: false })
    }

    /// Whether a caller of this process began the job and was dropped, so that nobody works at it.
    pub(crate) fn was_left(&self, id: &str) -> bool {
        locked(&self.jobs).left.contains_key(id)
    }
}

/// Gives the calling thread the lowest priority: on Linux each thread has one of its own. Elsewhere the priority is that of
/// the whole process, and stays.
fn take_lowest_priority() {
    const LOWEST: i32 = 19;
    if cfg!(target_os = "linux")
        && let Err(error) = rustix::process::setpriority_process(None, LOWEST)
    {
        tracing::debug!("a thread keeps its priority: {error}");
    }
}

/// Work that runs; dropping it aborts the work.
#[derive(Debug)]
pub(crate) struct Running<T>(Option<AbortOnDropHandle<T>>);

impl<T> Running<T> {
    /// Takes over a task.
    pub(crate) fn new(task: JoinHandle<T>) -> Self {
        Self(Some(AbortOnDropHandle::new(task)))
    }

    /// Waits for the result. A panic of the work becomes an error.
    pub(crate) async fn end(self) -> Result<T, Error> {
        let Some(handle) = self.0 else { return Err(Error::Interrupted) };
        handle.await.map_err(|error| {
            if error.is_panic() {
                Error::Internal("a task panicked; standard error says where".into())
            } else {
                Error::Interrupted
            }
        })
    }
}

/// Marks a job as running in this process, until it is dropped. If it is dropped before its end, the job is left.
#[derive(Debug)]
pub(crate) struct Begun {
    jobs: Arc<Mutex<Jobs>>,
    id: String,
    since: SystemTime,
    left: Option<SystemTime>,
    ended: bool,
}

impl Begun {
    /// When the caller began that left this job; `None` if none did.
    pub(crate) fn left(&self) -> Option<SystemTime> {
        self.left
    }

    /// Notes that the call has come to its end, whatever that was.
    pub(crate) fn end(mut self) {
        self.ended = true;
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut jobs = locked(&self.jobs);
        jobs.begun.remove(&self.id);
        if !self.ended && jobs.left.len() < MOST_LEFT {
            jobs.left.insert(self.id.clone(), self.since);
        }
    }
}
