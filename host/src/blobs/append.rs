//! Appends chunks to the files of blobs, and makes many files durable at once.

use std::collections::{HashMap, HashSet};
use std::io::{Error, Result};
use std::sync::{Arc, Mutex, PoisonError};

use burrow_model::key::BlobId;

use super::{BlobFile, BlobStore, Place};

/// The smallest first chunk that begins a file. The blobs below it, of one small chunk, stay in the key-value store:
/// a file of their own would cost them more time than it saves space. docs/decisions/0011 has the measurements.
pub(crate) const FILE_BYTES: usize = 16 * 1024;

/// Files that are synced at once; a sync waits for the disk most of its time.
const SYNCS: usize = 16;

/// Files with unsynced bytes at most; and about as many others stay open for their next chunks.
const OPEN: usize = 64;

/// The only writer of the files: appends chunks, and syncs what it appended.
#[derive(Debug)]
pub(crate) struct Appender {
    store: Arc<dyn BlobStore>,
    files: HashMap<BlobId, Open>,
    /// How many files have unsynced bytes.
    unsynced: usize,
    /// A blob whose file was made since the last sync, if one was.
    made: Option<BlobId>,
    /// Blobs whose new files could not be deleted again. After a failed sync, a file that is there may not be durable.
    left: HashSet<BlobId>,
}

#[derive(Debug)]
struct Open {
    file: Arc<dyn BlobFile>,
    len: u64,
    /// The length at the last sync, if there are unsynced bytes.
    synced: Option<u64>,
}

impl Appender {
    pub(crate) fn new(store: Arc<dyn BlobStore>) -> Self {
        Self { store, files: HashMap::new(), unsynced: 0, made: None, left: HashSet::new() }
    }

    /// Whether a chunk belongs into a file.
    pub(crate) fn takes(&self, blob: BlobId, n: u32, len: usize) -> bool {
        n > 0 || len >= FILE_BYTES || self.files.contains_key(&blob)
    }

    /// Whether no chunk should be appended before a sync.
    pub(crate) fn is_full(&self) -> bool {
        self.unsynced >= OPEN
    }

    /// Appends a chunk to its blob's file. It is not durable before [`Appender::sync`].
    ///
    /// # Errors
    ///
    /// The text names the file. The caller must [`Appender::undo`].
    pub(crate) fn append(&mut self, blob: BlobId, chunk: &[u8]) -> Result<Place> {
        let appended = self.try_append(blob, chunk);
        appended.map_err(|error| named(&error, "write", &self.store.name(blob)))
    }

    fn try_append(&mut self, blob: BlobId, chunk: &[u8]) -> Result<Place> {
        if !self.files.contains_key(&blob) {
            if self.files.len() >= 2 * OPEN {
                self.files.retain(|_, open| open.synced.is_some());
            }
            if self.left.contains(&blob) {
                self.store.delete(blob)?;
                self.left.remove(&blob);
            }
            let file = self.store.make(blob)?;
            let len = file.len()?;
            if len == 0 {
                self.made = Some(blob);
            }
            self.files.insert(blob, Open { file, len, synced: None });
        }
        let Some(open) = self.files.get_mut(&blob) else { return Err(Error::other("it is not open")) };
        if open.synced.is_none() {
            open.synced = Some(open.len);
            self.unsynced += 1;
        }
        open.file.write(open.len, chunk)?;
        let place = Place { offset: open.len, len: u32::try_from(chunk.len()).map_err(Error::other)? };
        open.len += chunk.len() as u64;
        Ok(place)
    }

    /// Makes everything durable that was appended.
    ///
    /// # Errors
    ///
    /// The text names a file. The caller must [`Appender::undo`].
    pub(crate) fn sync(&mut self) -> Result<()> {
        let files = self.files.iter().filter(|(_, open)| open.synced.is_some());
        let files = files.map(|(&blob, open)| (blob, Some(&open.file)));
        let syncs: Vec<_> = files.chain(self.made.map(|blob| (blob, None))).collect();
        at_once(syncs, &|(blob, file): (BlobId, Option<&Arc<dyn BlobFile>>)| match file {
            Some(file) => file.sync().map_err(|error| named(&error, "write", &self.store.name(blob))),
            None => self.store.sync().map_err(|error| named(&error, "sync the directory of", &self.store.name(blob))),
        })?;
        self.files.values_mut().for_each(|open| open.synced = None);
        (self.unsynced, self.made) = (0, None);
        Ok(())
    }

    /// Takes back what was appended since the last sync, and frees its space. After a failed sync the system may take
    /// bytes for written that are not: they must be appended anew.
    pub(crate) fn undo(&mut self) {
        self.files.retain(|&blob, open| {
            match open.synced.take() {
                None => return true,
                Some(0) => {
                    if self.store.delete(blob).is_err() {
                        self.left.insert(blob);
                    }
                }
                // If this fails, too, the bytes stay, and nothing refers to them.
                Some(synced) => drop(open.file.set_len(synced)),
            }
            false
        });
        self.unsynced = 0;
    }

    /// Whether files are left that could not be deleted.
    pub(crate) fn has_left(&self) -> bool {
        !self.left.is_empty()
    }

    /// Closes a blob's file, because no chunk will come.
    pub(crate) fn close(&mut self, blob: BlobId) {
        if self.files.get(&blob).is_some_and(|open| open.synced.is_none()) {
            self.files.remove(&blob);
        }
    }
}

/// Calls `call` for all items on several threads; the first error is the result.
fn at_once<T: Send>(items: Vec<T>, call: &(impl Fn(T) -> Result<()> + Sync)) -> Result<()> {
    let threads = items.len().min(SYNCS);
    let items = Mutex::new(items);
    let work = || {
        loop {
            // The lock is free again before the call.
            let item = items.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(item) = item else { return Ok(()) };
            call(item)?;
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut result = work();
        for other in others {
            let outcome = other.join().unwrap_or_else(|_| Err(Error::other("a thread that synced panicked")));
            result = result.and(outcome);
        }
        result
    })
}

fn named(error: &Error, doing: &str, name: &str) -> Error {
    Error::new(error.kind(), format!("cannot {doing} {name}: {error}"))
}
