//! Blobs beside the records: the packed bytes of a blob in one file, chunk after chunk.
//!
//! A file has nothing but chunks. The embedded store's tables say where each lies (docs/storage-format.md). Bytes that
//! they refer to are durable and never change; the store's writer alone appends files and deletes them.

mod append;
mod directory;

use std::collections::VecDeque;
use std::fmt;
use std::io::{ErrorKind, Result};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burrow_model::key::BlobId;
use rustix::io::Errno;

pub(crate) use append::Appender;
pub(crate) use directory::Directory;

/// Where the files of blobs are: a directory, or a test's simulation of one.
pub(crate) trait BlobStore: fmt::Debug + Send + Sync {
    /// Opens a blob's file to read it.
    fn open(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>>;
    /// Opens a blob's file to append to it; makes it if it does not exist.
    fn make(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>>;
    /// Deletes a blob's file.
    fn delete(&self, blob: BlobId) -> Result<()>;
    /// Makes durable which files there are. Until then a power cut may take back that one was made or deleted.
    fn sync(&self) -> Result<()>;
    /// Lists the blobs that have files, in any order. Other files are left out.
    fn list(&self) -> Result<Blobs>;
    /// The name of a blob's file in texts for people.
    fn name(&self, blob: BlobId) -> String;
}

/// The blobs that have files.
pub(crate) type Blobs = Box<dyn Iterator<Item = Result<BlobId>> + Send>;

/// A blob's open file.
pub(crate) trait BlobFile: fmt::Debug + Send + Sync {
    /// Its length in bytes.
    fn len(&self) -> Result<u64>;
    /// Reads `len` bytes from `offset`; fewer if the file ends before.
    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>>;
    /// Writes bytes at `offset`.
    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()>;
    /// Cuts the file off.
    fn set_len(&self, len: u64) -> Result<()>;
    /// Makes its bytes durable, and its length; not that it exists.
    fn sync(&self) -> Result<()>;
}

/// Where a chunk lies in its blob's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) offset: u64,
    pub(crate) len: u32,
}

/// Files that stay open for the next read of the same blob.
const OPEN: usize = 128;

/// Reads chunks. It keeps the files open that were read last.
#[derive(Debug)]
pub(crate) struct Reader {
    store: Arc<dyn BlobStore>,
    /// The file read last comes first.
    open: Mutex<VecDeque<(BlobId, Arc<dyn BlobFile>)>>,
    /// How many files were deleted.
    deleted: AtomicU64,
}

impl Reader {
    pub(crate) fn new(store: Arc<dyn BlobStore>) -> Self {
        Self { store, open: Mutex::default(), deleted: AtomicU64::new(0) }
    }

    /// Reads a chunk. `None` if the file does not exist or cannot be read; the log then says why. A file that ends too
    /// early yields what it has: the chunk's checksum tells.
    ///
    /// # Errors
    ///
    /// This process or machine lacks what reading takes: memory, or open files.
    pub(crate) fn read(&self, blob: BlobId, place: Place) -> Result<Option<Vec<u8>>> {
        let read = self.file(blob).and_then(|file| {
            // A damaged table must not make this take memory in proportion to a length that it states.
            let there = file.len()?.saturating_sub(place.offset).min(place.len.into());
            file.read(place.offset, usize::try_from(there).unwrap_or(usize::MAX))
        });
        match read {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) if is_passing(&error) => Err(error),
            Err(error) => {
                let name = self.store.name(blob);
                tracing::error!("cannot read {name}: {error}; the content of the images that use it counts as missing");
                Ok(None)
            }
        }
    }

    /// Forgets a file that was deleted, so that its space becomes free.
    pub(crate) fn forget(&self, blob: BlobId) {
        self.deleted.fetch_add(1, Ordering::Release);
        self.lock().retain(|(open, _)| *open != blob);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(BlobId, Arc<dyn BlobFile>)>> {
        // No code panics while it holds the lock.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>> {
        {
            let mut open = self.lock();
            if let Some(at) = open.iter().position(|(open, _)| *open == blob)
                && let Some(found) = open.remove(at)
            {
                let file = found.1.clone();
                open.push_front(found);
                return Ok(file);
            }
        }
        let deleted = self.deleted.load(Ordering::Acquire);
        let file = self.store.open(blob)?;
        let mut open = self.lock();
        // If a file was deleted meanwhile, it may be this one.
        if self.deleted.load(Ordering::Acquire) == deleted {
            open.truncate(OPEN - 1);
            open.push_front((blob, file.clone()));
        }
        Ok(file)
    }
}

/// Whether an error says nothing about the file that was to be read.
fn is_passing(error: &std::io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| [Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::INTR].contains(&errno))
}
