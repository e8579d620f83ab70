//! The embedded store: a redb file, and beside it a file for each larger blob, with group commit.
//!
//! One thread writes: it commits all writes that have queued up at once. docs/decisions/0002 and 0011 have the
//! measurements.

mod disk;
mod file;
mod guard;
mod sweep;
mod tables;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use burrow_model::key::{Durability, Family};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::{KEYS_A_BATCH, KeyValue, KvError, Result, counter, sum};
use crate::blobs::{BlobStore, Directory};
use file::VaultFile;
use writer::{Shared, Written};

/// The largest value accepted. redb's own limit is 3 GiB; the writer would retry a commit that exceeds it for ever.
const VALUE_BYTES: usize = 256 * 1024 * 1024;

/// The embedded store. One process at a time has it open. Dropping it writes the queue and closes the file.
///
/// When the disk fails or is full, the store tries every second to write its queue. Until it succeeds, new writes fail
/// at once with the disk's error; reads go on. An operation that meets damage in the file returns an error and never
/// panics.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

impl Embedded {
    /// Whether opening would make a new store: the directory, or the store's file in it, does not exist.
    pub(super) fn is_missing(directory: &Path) -> bool {
        VaultFile::is_missing(directory)
    }

    /// Opens the store in a directory, or makes a new one.
    ///
    /// # Errors
    ///
    /// The text names the path. Another process has the store open; it is not Burrow's, or a newer Burrow's; it is
    /// damaged; or it cannot be read or written.
    pub fn open(directory: &Path) -> Result<Self> {
        let file = VaultFile::open(directory)?;
        let blobs = Directory::of(directory);
        if !blobs.path().is_dir() && file.has_files()? {
            let blobs = blobs.path().display();
            tracing::error!("{blobs} is missing, and most of the store is in it: copy the whole directory of a store");
        }
        Self::over(file, Arc::new(blobs))
    }

    fn over(file: VaultFile, blobs: Arc<dyn BlobStore>) -> Result<Self> {
        let shared = Arc::new(Shared::new(file, blobs));
        let writer = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let shared = shared.clone();
                move || shared.write_all()
            })
            .map_err(|error| KvError(format!("cannot start the store's writer: {error}")))?;
        Ok(Self { shared, writer: Some(writer) })
    }

    async fn write(&self, key: &str, value: Option<Bytes>) -> Result<()> {
        let size = value.as_ref().map_or(0, Bytes::len);
        if size > VALUE_BYTES {
            return Err(KvError(format!("the value of {key} has {size} bytes, and at most {VALUE_BYTES} are stored")));
        }
        let done = loop {
            let room = self.shared.room.notified();
            {
                let mut state = self.shared.lock();
                if state.has_room(key, value.as_ref()) {
                    let done = match Family::durability_of(key) {
                        Durability::Acknowledged => Some(oneshot::channel()),
                        Durability::Ordered => None,
                    };
                    let (sender, receiver) = done.unzip();
                    state.push(key, value, sender)?;
                    self.shared.wake();
                    break receiver;
                }
            }
            room.await;
        };
        match done {
            None => Ok(()),
            Some(done) => done.await.unwrap_or_else(|_| Err(closed(&self.shared))),
        }
    }
}

fn closed(shared: &Shared) -> KvError {
    KvError(format!("the store {} was closed", shared.file.path().display()))
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.close();
        if let Some(writer) = self.writer.take() {
            // Only a panic of the writer could be lost here, and it has been printed.
            let _ = writer.join();
        }
    }
}

impl KeyValue for Embedded {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        // A read takes microseconds in memory, or one read of a file, so it may block this thread.
        async move {
            let seen = self.shared.lock().seen(key);
            match seen {
                Some(Written(value)) => Ok(value.map(Vec::from)),
                None => self.shared.read(key),
            }
        }
        .boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        self.write(key, Some(value.into())).boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.write(key, None).boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        // Does not wait for the disk: it becomes durable before any write that begins after it, as the trait demands.
        async move {
            let mut state = self.shared.lock();
            let old = match state.written(key) {
                Some(Written(value)) => value.map(Vec::from),
                None => self.shared.read(key)?,
            };
            let sum = counter(key, old.as_deref()).and_then(|old| sum(key, old, delta));
            let sum =
                sum.map_err(|KvError(error)| KvError(format!("{}: {error}", self.shared.file.path().display())))?;
            if delta != 0 {
                state.push(key, Some(Bytes::copy_from_slice(&sum.to_le_bytes())), None)?;
                self.shared.wake();
            }
            Ok(sum)
        }
        .boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        // Keys that are not in the file yet come first, so a key that the writer commits meanwhile cannot be missed.
        let seen = self.shared.lock().seen_keys(prefix);
        let (shared, prefix) = (self.shared.clone(), prefix.to_owned());
        let (batches, receiver) = mpsc::channel(1);
        tokio::task::spawn_blocking(move || {
            // Listing reads the whole file, because leaves of the tree hold values too. So it gets a thread of its own.
            let listed = shared.file.keys(&prefix, KEYS_A_BATCH, |mut keys| {
                let state = shared.lock();
                keys.retain(|key| !matches!(state.seen(key), Some(Written(None))));
                drop(state);
                batches.blocking_send(Ok(keys)).is_ok()
            });
            if let Err(error) = listed {
                // The reader may be gone.
                let _ = batches.blocking_send(Err(error));
            }
        });
        let landed = stream::unfold(receiver, async |mut batches| Some((batches.recv().await?, batches)));
        stream::once(async { Ok(seen) }).chain(landed).boxed()
    }
}

#[cfg(test)]
mod tests;
