//! The embedded store's file: opens and checks it, and runs redb's operations without panics.

use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use burrow_model::key::BlobId;
use redb::backends::FileBackend;
use redb::{Database, Error};

use super::super::{KvError, Result};
use super::disk::{Disk, Overlay};
use super::guard::guarded;
use super::tables::{self, Stored};
use super::writer::Write;
use crate::private;

const NAME: &str = "vault.redb";
/// A store that is being made. It gets its name when it is complete, so a crash never leaves half a store under it.
const UNFINISHED: &str = "vault.redb.new";

/// The words in error texts for a read, and for a commit.
const READ: &str = "read";
const WRITE: &str = "write";

/// Memory for redb's page cache. In measurements a larger cache was not faster, and redb exceeded it.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// A store's file, open and locked.
#[derive(Debug)]
pub(super) struct VaultFile {
    path: PathBuf,
    disk: Disk,
    /// The open database, or why none is open at present.
    database: RwLock<Result<Opened>>,
    /// Whether the database failed and must be opened again before the next use: after an I/O error redb refuses every
    /// operation, and after a panic its state cannot be trusted.
    failed: AtomicBool,
    /// Whether writes go to memory instead of the disk.
    held: AtomicBool,
}

#[derive(Debug)]
struct Opened {
    database: Database,
    /// Why the database is open for reading only, if it is: its writes do not reach the disk.
    held: Option<KvError>,
}

/// What went wrong in redb.
enum Fault {
    Error(Error),
    Panic(String),
}

impl VaultFile {
    pub(super) fn is_missing(directory: &Path) -> bool {
        let missing = |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        missing(directory) || (directory.is_dir() && missing(&directory.join(NAME)))
    }

    /// Opens the store in a directory, or makes a new one.
    pub(super) fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(NAME);
        make_directory(directory)?;
        if std::fs::metadata(&path).is_ok_and(|file| file.is_file() && file.len() == 0) || !path.exists() {
            create(directory, &path)?;
        }
        let file = lock(&path, OpenOptions::new().read(true).write(true))?;
        let backend = FileBackend::new(file).map_err(|error| describe(&path, "open", &Fault::Error(error.into())))?;
        Self::over(path, Disk(Arc::new(backend)))
    }

    /// Opens the store on a disk; refuses a file that is no store.
    pub(super) fn over(path: PathBuf, disk: Disk) -> Result<Self> {
        let database = RwLock::new(Err(KvError(format!("the store {} is being opened", path.display()))));
        let file = Self { path, disk, database, failed: false.into(), held: true.into() };
        // First over an overlay, so that a file that is not ours stays as it is.
        file.open_database()?;
        file.with("open", |database| Ok(tables::check(database)))?.map_err(|why| {
            let path = file.path.display();
            KvError(format!("{path} is no store that can be used: {why}"))
        })?;
        file.hold(false)?;
        Ok(file)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the database again, and from now on keeps writes from the disk (`held`) or lets them through. If the disk
    /// refuses writes, the database is open for reading only.
    pub(super) fn hold(&self, held: bool) -> Result<()> {
        self.held.store(held, Ordering::Release);
        self.open_database()
    }

    fn open_database(&self) -> Result<()> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // Two databases over one file would not see each other's writes, so drop the old one first. If it is damaged,
        // dropping it may panic, which loses nothing.
        let opening = KvError(format!("the store {} is being opened", self.path.display()));
        let old = std::mem::replace(&mut *database, Err(opening.clone()));
        let _ = guarded(|| drop(old));
        let written = if self.held.load(Ordering::Acquire) {
            Err(opening)
        } else {
            self.attempt(|builder| builder.create_with_backend(self.disk.clone()))
        };
        let (opened, result) = match written {
            Ok(database) => (Ok(Opened { database, held: None }), Ok(())),
            Err(why) => {
                let read = self.attempt(|builder| builder.create_with_backend(Overlay::new(self.disk.clone())?));
                let result = if self.held.load(Ordering::Acquire) {
                    read.as_ref().map(|_| ()).map_err(Clone::clone)
                } else {
                    Err(why.clone())
                };
                (read.map(|database| Opened { database, held: Some(why) }), result)
            }
        };
        *database = opened;
        self.failed.store(database.is_err(), Ordering::Release);
        result
    }

    fn attempt(
        &self,
        open: impl FnOnce(&redb::Builder) -> std::result::Result<Database, redb::DatabaseError>,
    ) -> Result<Database> {
        let mut builder = redb::Builder::new();
        builder.set_cache_size(CACHE_BYTES);
        let fault = match guarded(|| open(&builder)) {
            Ok(Ok(database)) => return Ok(database),
            Ok(Err(error)) => Fault::Error(error.into()),
            Err(panic) => Fault::Panic(panic),
        };
        Err(describe(&self.path, "open", &fault))
    }

    /// Calls redb. A call that writes is refused if its writes would not reach the disk.
    fn call<T>(
        &self,
        writes: bool,
        call: impl FnOnce(&Database) -> std::result::Result<T, Error>,
    ) -> Result<std::result::Result<T, Fault>> {
        if self.failed.load(Ordering::Acquire) {
            // On an error the database may still be open for reading; the checks below decide.
            let _ = self.open_database();
        }
        let opened = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let opened = opened.as_ref().map_err(Clone::clone)?;
        if let Some(why) = opened.held.as_ref().filter(|_| writes) {
            return Err(why.clone());
        }
        let result = match guarded(|| call(&opened.database)) {
            Ok(Ok(value)) => return Ok(Ok(value)),
            Ok(Err(error)) => Fault::Error(error),
            Err(panic) => Fault::Panic(panic),
        };
        self.failed.store(true, Ordering::Release);
        Ok(Err(result))
    }

    fn with<T>(&self, doing: &str, call: impl Fn(&Database) -> std::result::Result<T, Error>) -> Result<T> {
        let writes = doing == WRITE;
        match self.call(writes, &call)? {
            // Another operation met the I/O error, and redb did not try this one. Try it once.
            Err(Fault::Error(Error::PreviousIo)) => self.call(writes, &call)?,
            result => result,
        }
        .map_err(|fault| describe(&self.path, doing, &fault))
    }

    /// Returns what the store has under a key.
    pub(super) fn find(&self, key: &str) -> Result<Option<Stored>> {
        self.with(READ, |database| tables::find(database, key))
    }

    /// Lists keys: [`tables::keys`].
    pub(super) fn keys(&self, prefix: &str, limit: usize, give: impl Fn(Vec<String>) -> bool) -> Result<()> {
        self.with("list the keys of", |database| tables::keys(database, prefix, limit, &give))
    }

    /// Whether a blob's file may be needed.
    pub(super) fn needs_file(&self, blob: BlobId) -> Result<bool> {
        self.with(READ, |database| tables::needs_file(database, blob))
    }

    /// Whether any chunk is in a file.
    pub(super) fn has_files(&self) -> Result<bool> {
        self.with(READ, tables::has_files)
    }

    /// Whether files may lie beside the store that nothing needs.
    pub(super) fn is_unswept(&self) -> Result<bool> {
        self.with(READ, tables::is_unswept)
    }

    /// Records whether such files may lie there. It is durable when it returns.
    pub(super) fn set_unswept(&self, unswept: bool) -> Result<()> {
        self.with(WRITE, |database| tables::set_unswept(database, unswept))
    }

    /// Applies writes: [`tables::apply`].
    pub(super) fn commit(&self, writes: &[Write]) -> Result<Vec<BlobId>> {
        self.with(WRITE, |database| tables::apply(database, writes))
    }
}

impl Drop for VaultFile {
    fn drop(&mut self) {
        let database = self.database.get_mut().unwrap_or_else(PoisonError::into_inner);
        let database = std::mem::replace(database, Err(KvError(String::new())));
        // An error here is harmless: what redb writes when it closes only saves time at the next start.
        let _ = guarded(|| drop(database));
    }
}

/// Makes the store's directory, and those above it. Those that are there stay as they are.
fn make_directory(directory: &Path) -> Result<()> {
    private::directory().recursive(true).create(directory).map_err(|error| {
        let directory = directory.display();
        KvError(match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::NotADirectory => {
                format!("cannot use {directory} as a store: it is a file; name the directory that the store is in")
            }
            _ => format!("cannot make the store's directory {directory}: {error}; name one that can be written"),
        })
    })
}

/// Opens a file and locks it.
fn lock(path: &Path, options: &OpenOptions) -> Result<File> {
    let shown = path.display();
    let file = options.open(path).map_err(|error| {
        KvError(match error.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                format!("cannot open the store {shown}: {error}; its file and directory must be writable for this user")
            }
            ErrorKind::IsADirectory => format!("cannot open the store {shown}: it is a directory; move it away"),
            _ => format!("cannot open the store {shown}: {error}"),
        })
    })?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(KvError(format!("{} {shown} open; stop it first", KvError::HELD))),
        Err(TryLockError::Error(error)) => {
            Err(KvError(format!("cannot lock the store {shown}: {error}; put it on a disk that can lock files")))
        }
    }
}

/// Makes an empty store; a crash leaves a complete store or none.
fn create(directory: &Path, path: &Path) -> Result<()> {
    let unfinished = directory.join(UNFINISHED);
    let file = lock(&unfinished, &private::file())?;
    // Another process may have made the store before this one got the lock.
    if std::fs::metadata(path).is_ok_and(|made| made.len() > 0) {
        // What it holds is not needed any more; it may be gone already.
        let _ = std::fs::remove_file(&unfinished);
        return Ok(());
    }
    let failed = |error: &dyn Display| KvError(format!("cannot make the store {}: {error}", path.display()));
    file.set_len(0).map_err(|error| failed(&error))?;
    let backend = FileBackend::new(file).map_err(|error| failed(&error))?;
    let disk = Disk(Arc::new(backend));
    match guarded(|| tables::initialize(disk.clone())) {
        Ok(made) => made.map_err(|error| describe(path, "make", &Fault::Error(error)))?,
        Err(panic) => return Err(failed(&panic)),
    }
    std::fs::rename(&unfinished, path).map_err(|error| failed(&error))?;
    // A file is durable only when its name in the directory is.
    #[cfg(unix)]
    for directory in [Some(directory), directory.parent()].into_iter().flatten() {
        let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        File::open(directory).and_then(|directory| directory.sync_all()).map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// Describes a fault in one line: which file, what is wrong, what to do.
fn describe(path: &Path, doing: &str, fault: &Fault) -> KvError {
    let shown = path.display();
    let damaged = |why: &dyn Display| {
        format!("the store {shown} is damaged: {why}; `burrow export` saves what can be read, or restore a copy of it")
    };
    KvError(match fault {
        Fault::Panic(said) => damaged(said),
        Fault::Error(Error::Io(error)) if error.kind() == ErrorKind::InvalidData => {
            format!("{shown} is no store of Burrow's: it is not a redb file; name another directory")
        }
        Fault::Error(Error::Io(error)) if error.kind() == ErrorKind::UnexpectedEof => damaged(&"it ends too early"),
        Fault::Error(Error::Io(error)) => format!("cannot {doing} the store {shown}: {error}"),
        Fault::Error(error @ (Error::Corrupted(_) | Error::LockPoisoned(_))) => damaged(error),
        Fault::Error(Error::UpgradeRequired(version)) => {
            format!("{shown} is no store of Burrow's: it is a redb file of format {version}; name another directory")
        }
        Fault::Error(error) => format!("cannot {doing} the store {shown}: {error}"),
    })
}
