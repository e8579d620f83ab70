//! The queue of writes, and the thread that commits whatever has queued up with one wait for the disk.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::super::{KvError, Result};
use super::file::VaultFile;

/// Bytes that may wait to be written; writers wait beyond.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// What failed to be written is tried again this often.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) file: VaultFile,
    state: Mutex<Queue>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes those who wait for room in the queue.
    pub(super) room: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    writes: Vec<Write>,
    queued_bytes: usize,
    /// The newest of what is queued or being committed; what the file has is older.
    pending: HashMap<String, Pending>,
    /// Number of the newest write.
    version: u64,
    /// Why nothing more is taken at present: a commit failed, and must land before anything else does.
    failed: Option<KvError>,
    closed: bool,
}

#[derive(Debug)]
struct Pending {
    version: u64,
    /// `None` is removed.
    value: Option<Bytes>,
    /// Whether readers see it already. What a writer waits for is seen once it is durable: nobody must be told of
    /// something that a power cut could take back.
    visible: bool,
}

/// The newest value of a key; `None` if it was removed.
#[derive(Debug)]
pub(super) struct Written(pub(super) Option<Bytes>);

#[derive(Debug)]
struct Write {
    key: String,
    value: Option<Bytes>,
    version: u64,
    done: Option<oneshot::Sender<Result<()>>>,
}

impl Queue {
    /// Queues a write, if there is room.
    pub(super) fn push(
        &mut self,
        key: &str,
        value: Option<Bytes>,
        done: Option<oneshot::Sender<Result<()>>>,
    ) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.version += 1;
        self.queued_bytes += size(key, value.as_ref());
        let pending = Pending { version: self.version, value: value.clone(), visible: done.is_none() };
        self.pending.insert(key.to_owned(), pending);
        self.writes.push(Write { key: key.to_owned(), value, version: self.version, done });
        Ok(())
    }

    /// Whether a write may be pushed, or would be refused; else its writer waits for room.
    pub(super) fn has_room(&self, key: &str, value: Option<&Bytes>) -> bool {
        self.failed.is_some() || self.queued_bytes == 0 || self.queued_bytes + size(key, value) <= QUEUE_BYTES
    }

    /// What was last written to a key, if it is not in the file yet.
    pub(super) fn written(&self, key: &str) -> Option<Written> {
        self.pending.get(key).map(|pending| Written(pending.value.clone()))
    }

    /// The same as far as readers may see it.
    pub(super) fn seen(&self, key: &str) -> Option<Written> {
        self.pending.get(key).filter(|pending| pending.visible).map(|pending| Written(pending.value.clone()))
    }

    /// The keys whose values readers see before they are in the file.
    pub(super) fn seen_keys(&self, prefix: &str) -> Vec<String> {
        let seen = self.pending.iter().filter(|(_, pending)| pending.visible && pending.value.is_some());
        seen.map(|(key, _)| key).filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    fn forget(&mut self, landed: &[Write]) {
        for write in landed {
            if self.pending.get(&write.key).is_some_and(|pending| pending.version == write.version) {
                self.pending.remove(&write.key);
            }
        }
    }
}

fn size(key: &str, value: Option<&Bytes>) -> usize {
    key.len() + value.map_or(0, Bytes::len)
}

impl Shared {
    pub(super) fn new(file: VaultFile) -> Self {
        Self { file, state: Mutex::default(), work: Condvar::new(), room: Notify::new() }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is locked; and if it did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the writer that something is queued.
    pub(super) fn wake(&self) {
        self.work.notify_one();
    }

    /// Lets the writer end once it has written what is queued.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake();
    }

    /// The writer: commits what has queued up while it committed what was queued before.
    pub(super) fn write_all(&self) {
        while let Some(batch) = self.take_queue() {
            self.room.notify_waiters();
            match self.commit(&batch) {
                Ok(()) => {
                    self.lock().forget(&batch);
                    for done in batch.into_iter().filter_map(|write| write.done) {
                        // Who asked may be gone.
                        let _ = done.send(Ok(()));
                    }
                }
                Err(error) => self.retry(batch, error),
            }
        }
    }

    /// Waits for writes; none once the store is closed.
    fn take_queue(&self) -> Option<Vec<Write>> {
        let mut state = self.lock();
        while state.writes.is_empty() {
            if state.closed {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.queued_bytes = 0;
        Some(std::mem::take(&mut state.writes))
    }

    fn commit(&self, batch: &[Write]) -> Result<()> {
        self.file.commit(&batch.iter().map(|write| (write.key.as_str(), write.value.as_ref())))
    }

    /// Keeps what could not be written, and everything queued after it, until it lands: what was acknowledged early is
    /// not lost to a disk that is full for a while, and nothing lands before it. Meanwhile writes are refused, and
    /// reads see what they saw.
    ///
    /// A failed sync may have left pages that the system takes for written. They are not trusted: redb's last commit is
    /// whole, and trying again writes all pages of the new one again.
    fn retry(&self, mut batch: Vec<Write>, mut error: KvError) {
        tracing::error!("{error}; writes are refused until it works again, which is tried every second");
        {
            let mut state = self.lock();
            state.failed = Some(error.clone());
            state.queued_bytes = 0;
            batch.append(&mut state.writes);
        }
        self.room.notify_waiters();
        for done in batch.iter_mut().filter_map(|write| write.done.take()) {
            // Who asked may be gone.
            let _ = done.send(Err(error.clone()));
        }
        loop {
            // If it cannot be opened to be read either, reading says so.
            let _ = self.file.hold(true);
            let closed = self.pause();
            match self.file.hold(false).and_then(|()| self.commit(&batch)) {
                Ok(()) => {
                    let mut state = self.lock();
                    state.forget(&batch);
                    state.failed = None;
                    tracing::info!("the store {} can be written again, and lost nothing", self.file.path().display());
                    return;
                }
                Err(again) => error = again,
            }
            if closed {
                tracing::error!("{error}; it is closed now, and the last {} writes are lost", batch.len());
                return;
            }
            self.lock().failed = Some(error.clone());
        }
    }

    /// Waits until it is time to try again, and returns whether the store was closed.
    fn pause(&self) -> bool {
        let state = self.lock();
        let waited = self.work.wait_timeout_while(state, RETRY, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}
