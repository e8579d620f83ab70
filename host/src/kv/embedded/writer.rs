//! The queue of writes, and the thread that commits all queued writes at once.
//!
//! A commit first appends the large chunks among the writes to the files of their blobs, and syncs these files; then
//! one transaction writes everything else, and where those chunks are. So whatever the tables refer to is durable.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use burrow_model::key::{BlobId, Kind};
use bytes::Bytes;
use tokio::sync::{Notify, oneshot};

use super::super::{KvError, Result};
use super::file::VaultFile;
use super::sweep::Sweep;
use super::tables::Stored;
use crate::blobs::{Appender, BlobStore, Place, Reader};

/// The most bytes in the queue; beyond that, writers wait for room.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// How long the writer waits before it tries a failed commit again.
const RETRY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) file: VaultFile,
    pub(super) blobs: Arc<dyn BlobStore>,
    chunks: Reader,
    state: Mutex<Queue>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes those that wait for room in the queue.
    pub(super) room: Notify,
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    writes: Vec<Write>,
    queued_bytes: usize,
    /// The newest write to each key that is queued or being committed. It is newer than the file's value.
    pending: HashMap<String, Pending>,
    /// The number of the newest write.
    version: u64,
    /// Why new writes are refused at present: a commit failed, and must succeed before any later write.
    failed: Option<KvError>,
    closed: bool,
}

#[derive(Debug)]
struct Pending {
    version: u64,
    /// `None` if the write removes the key.
    value: Option<Bytes>,
    /// Whether readers see it before it is durable. They do not if its writer waits for the disk: no reader may learn
    /// of such a write while a power cut can still take it back.
    visible: bool,
}

/// The newest value of a key; `None` if it was removed.
#[derive(Debug)]
pub(super) struct Written(pub(super) Option<Bytes>);

#[derive(Debug)]
pub(super) struct Write {
    pub(super) key: String,
    pub(super) kind: Option<Kind>,
    /// `None` if the write removes the key.
    pub(super) value: Option<Bytes>,
    /// Where the value lies in a blob's file, once it is there and durable.
    pub(super) place: Option<Place>,
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
        let (version, kind) = (self.version, Kind::of(key));
        self.writes.push(Write { key: key.to_owned(), kind, value, place: None, version, done });
        Ok(())
    }

    /// Whether a push returns at once, with success or refusal; if not, the writer waits for room.
    pub(super) fn has_room(&self, key: &str, value: Option<&Bytes>) -> bool {
        self.failed.is_some() || self.queued_bytes == 0 || self.queued_bytes + size(key, value) <= QUEUE_BYTES
    }

    /// The newest write to a key that is not in the file yet, if any.
    pub(super) fn written(&self, key: &str) -> Option<Written> {
        self.pending.get(key).map(|pending| Written(pending.value.clone()))
    }

    /// The same, if readers may see it.
    pub(super) fn seen(&self, key: &str) -> Option<Written> {
        self.pending.get(key).filter(|pending| pending.visible).map(|pending| Written(pending.value.clone()))
    }

    /// The keys with values that readers may see before the file has them.
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
    pub(super) fn new(file: VaultFile, blobs: Arc<dyn BlobStore>) -> Self {
        let chunks = Reader::new(blobs.clone());
        Self { file, blobs, chunks, state: Mutex::default(), work: Condvar::new(), room: Notify::new() }
    }

    /// Reads what is durable under a key.
    pub(super) fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        match self.file.find(key)? {
            Some(Stored::Value(value)) => Ok(Some(value)),
            Some(Stored::Chunk(blob, place)) => self
                .chunks
                .read(blob, place)
                .map_err(|error| KvError(format!("cannot read {}: {error}", self.blobs.name(blob)))),
            None => Ok(None),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Queue> {
        // No code panics while it holds the lock; even if it did, the state would be consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the writer that something is queued.
    pub(super) fn wake(&self) {
        self.work.notify_one();
    }

    /// Makes the writer end when it has written the queue.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.wake();
    }

    /// The writer thread: each commit takes all writes that queued up during the commit before.
    pub(super) fn write_all(&self) {
        let mut appender = Appender::new(self.blobs.clone());
        let mut sweep = Sweep::new(self);
        while let Some(mut batch) = self.take_queue(sweep.is_due()) {
            if batch.is_empty() {
                sweep.step(self);
                continue;
            }
            self.room.notify_waiters();
            match self.commit(&mut batch, &mut appender, &mut sweep) {
                Ok(()) => {
                    self.lock().forget(&batch);
                    for done in batch.into_iter().filter_map(|write| write.done) {
                        // The caller may be gone.
                        let _ = done.send(Ok(()));
                    }
                }
                Err(error) => self.retry(batch, error, &mut appender, &mut sweep),
            }
        }
        if appender.has_left() {
            sweep.leave();
        }
        sweep.end(self);
    }

    /// Waits for writes and takes all; `None` when the store is closed and the queue is empty. An idle writer gets no
    /// writes at once.
    fn take_queue(&self, is_idle: bool) -> Option<Vec<Write>> {
        let mut state = self.lock();
        while state.writes.is_empty() {
            if state.closed {
                return None;
            }
            if is_idle {
                break;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.queued_bytes = 0;
        Some(std::mem::take(&mut state.writes))
    }

    fn commit(&self, batch: &mut [Write], appender: &mut Appender, sweep: &mut Sweep) -> Result<()> {
        self.place(batch, appender, sweep).inspect_err(|_| appender.undo())?;
        if batch.iter().any(|write| matches!(write.kind, Some(Kind::Chunk(..))) && write.value.is_none()) {
            sweep.begin(self)?;
        }
        let emptied = self.file.commit(batch)?;
        for write in batch.iter() {
            if let (Some(Kind::Manifest(blob)), Some(_)) = (&write.kind, &write.value) {
                appender.close(*blob);
            }
        }
        for blob in emptied {
            appender.close(blob);
            self.delete_file(blob, sweep);
        }
        Ok(())
    }

    /// Appends the chunks of a batch that belong into files, and makes them durable. A chunk that the batch removes
    /// again, because its content is stored already, gets no file.
    fn place(&self, batch: &mut [Write], appender: &mut Appender, sweep: &mut Sweep) -> Result<()> {
        let chunk = |write: &Write| if let Some(Kind::Chunk(blob, n)) = write.kind { Some((blob, n)) } else { None };
        let last: HashMap<(BlobId, u32), u64> =
            batch.iter().filter_map(|write| Some((chunk(write)?, write.version))).collect();
        let mut unsynced = Vec::new();
        let settle = |appender: &mut Appender, unsynced: &mut Vec<(&mut Write, Place)>| {
            appender.sync().map_err(|error| KvError(error.to_string()))?;
            unsynced.drain(..).for_each(|(write, place)| write.place = Some(place));
            Ok(())
        };
        for write in batch {
            let (Some((blob, n)), Some(value), None) = (chunk(write), &write.value, write.place) else { continue };
            if last.get(&(blob, n)) == Some(&write.version) && appender.takes(blob, n, value.len()) {
                if appender.is_full() {
                    settle(appender, &mut unsynced)?;
                }
                sweep.begin(self)?;
                let place = appender.append(blob, value).map_err(|error| KvError(error.to_string()))?;
                unsynced.push((write, place));
            }
        }
        if unsynced.is_empty() { Ok(()) } else { settle(appender, &mut unsynced) }
    }

    /// Deletes a blob's file, which nothing needs.
    pub(super) fn delete_file(&self, blob: BlobId, sweep: &mut Sweep) {
        if let Err(error) = self.blobs.delete(blob) {
            tracing::warn!("cannot delete {}, which nothing needs: {error}", self.blobs.name(blob));
            sweep.leave();
        }
        self.chunks.forget(blob);
    }

    /// Keeps a batch that could not be committed, and all writes queued after it, and tries until they are committed.
    /// So a disk that is full for a while loses no write that was acknowledged early, and no later write overtakes it.
    /// Meanwhile new writes are refused, and reads return what they returned before.
    ///
    /// After a failed sync the system may take pages for written that are not. They do no harm: redb's last commit is
    /// complete, and each try writes all pages of the new one again.
    fn retry(&self, mut batch: Vec<Write>, mut error: KvError, appender: &mut Appender, sweep: &mut Sweep) {
        tracing::error!("{error}; writes are refused until it works again, which is tried every second");
        {
            let mut state = self.lock();
            state.failed = Some(error.clone());
            state.queued_bytes = 0;
            batch.append(&mut state.writes);
        }
        self.room.notify_waiters();
        for done in batch.iter_mut().filter_map(|write| write.done.take()) {
            // The caller may be gone.
            let _ = done.send(Err(error.clone()));
        }
        loop {
            // If the file cannot even be opened for reading, reads return that error.
            let _ = self.file.hold(true);
            let closed = self.pause();
            match self.file.hold(false).and_then(|()| self.commit(&mut batch, appender, sweep)) {
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
                sweep.leave();
                return;
            }
            self.lock().failed = Some(error.clone());
        }
    }

    /// Waits until the next try is due or the store is closed; returns whether it is closed.
    fn pause(&self) -> bool {
        let state = self.lock();
        let waited = self.work.wait_timeout_while(state, RETRY, |state| !state.closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.closed
    }
}
