//! The directory `blobs/` of an embedded store.

use std::fs::File;
use std::io::{ErrorKind, Result};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use burrow_model::key::BlobId;
use rustix::buffer::spare_capacity;

use super::{BlobFile, BlobStore, Blobs};
use crate::private;

/// A directory of blob files, each named by its blob's id. It is made with its first file.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// The directory with the blobs of the store in `store`.
    pub(crate) fn of(store: &Path) -> Self {
        Self(store.join("blobs"))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    fn file(&self, blob: BlobId) -> PathBuf {
        self.0.join(blob.to_string())
    }
}

impl BlobStore for Directory {
    fn open(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>> {
        let path = self.file(blob);
        // Opening what is no file, a pipe for one, may wait for ever.
        if !path.metadata()?.is_file() {
            return Err(std::io::Error::other("it is no file"));
        }
        Ok(Arc::new(File::open(path)?))
    }

    fn make(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>> {
        let path = self.file(blob);
        let options = private::file();
        let file = match options.open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                private::directory().create(&self.0)?;
                sync(self.0.parent().unwrap_or(&self.0))?;
                options.open(&path)?
            }
            opened => opened?,
        };
        Ok(Arc::new(file))
    }

    fn delete(&self, blob: BlobId) -> Result<()> {
        match std::fs::remove_file(self.file(blob)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn sync(&self) -> Result<()> {
        sync(&self.0)
    }

    fn list(&self) -> Result<Blobs> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Box::new(std::iter::empty())),
            Err(error) => return Err(error),
        };
        Ok(Box::new(entries.filter_map(|entry| {
            let name = match entry {
                Ok(entry) => entry.file_name(),
                Err(error) => return Some(Err(error)),
            };
            BlobId::parse(name.to_str()?).map(Ok)
        })))
    }

    fn name(&self, blob: BlobId) -> String {
        self.file(blob).display().to_string()
    }
}

fn sync(directory: &Path) -> Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    File::open(directory)?.sync_all()
}

impl BlobFile for File {
    fn len(&self) -> Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(len);
        while bytes.len() < len {
            let next = offset + bytes.len() as u64;
            if rustix::io::pread(self, spare_capacity(&mut bytes), next)? == 0 {
                break;
            }
        }
        bytes.truncate(len);
        Ok(bytes)
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        Self::set_len(self, len)
    }

    fn sync(&self) -> Result<()> {
        self.sync_data()
    }
}
