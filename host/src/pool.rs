//! The packing pool: threads for instances that compute, so that sockets never wait for them.

use std::collections::HashSet;
use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_util::task::AbortOnDropHandle;

use crate::Error;

/// Threads that run instances. A thread runs one instance at a time; an instance that waits leaves its thread to
/// others.
#[derive(Clone)]
pub(crate) struct Pool {
    runtime: Arc<Threads>,
    begun: Arc<Mutex<HashSet<String>>>,
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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(threads.get())
            .thread_name("packer")
            .enable_all()
            .build()
            .map_err(|error| Error::Internal(format!("cannot start the packing threads: {error}")))?;
        Ok(Self { runtime: Arc::new(Threads(Some(runtime))), begun: Arc::default() })
    }

    /// Runs work on the pool. Dropping the handle aborts the work.
    pub(crate) fn spawn<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Running<T> {
        // The runtime is there until the last handle to the pool is dropped.
        Running(self.runtime.0.as_ref().map(|runtime| AbortOnDropHandle::new(runtime.spawn(work))))
    }

    /// Begins a job; `None` if this process runs it already.
    pub(crate) fn begin(&self, id: &str) -> Option<Begun> {
        let is_new = self.begun.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_new.then(|| Begun { jobs: self.begun.clone(), id: id.to_owned() })
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

/// Marks a job as running in this process, until it is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    jobs: Arc<Mutex<HashSet<String>>>,
    id: String,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}
