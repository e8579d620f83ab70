//! The embedded store's file: opens and checks it, and runs redb's operations without panics.

use std::fmt::Display;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use redb::backends::FileBackend;
use redb::{Database, Error, ReadableDatabase as _, ReadableTableMetadata as _, TableDefinition, TableError};

use super::super::{KvError, Result};
use super::disk::{Disk, Overlay};
use super::guard::guarded;

const NAME: &str = "vault.redb";
/// A store that is being made. It gets its name when it is complete, so a crash never leaves half a store under it.
const UNFINISHED: &str = "vault.redb.new";

const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 1;

/// The word for a commit in error texts.
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
        file.with("open", |database| Ok(check(database)))?.map_err(|why| {
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

    pub(super) fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.with("read", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            Ok(table.get(key)?.map(|value| value.value().to_vec()))
        })
    }

    /// Passes all keys that begin with a prefix to `give`, in batches of about `limit`, until it returns false. The
    /// keys are those of one snapshot, read in one walk, with checks: a damaged page must not pass for the end of the
    /// list.
    pub(super) fn keys(&self, prefix: &str, limit: usize, give: impl Fn(Vec<String>) -> bool) -> Result<()> {
        let damaged = |why: &str| Error::Corrupted(format!("{why}, so some are missing"));
        self.with("list the keys of", |database| {
            let table = database.begin_read()?.open_table(VALUES)?;
            let (mut batch, mut count, mut last) = (Vec::new(), 0, None::<String>);
            for entry in table.range::<&str>((Bound::Included(prefix), Bound::Unbounded))? {
                let (key, _) = entry?;
                if last.as_deref().is_some_and(|last| key.value() <= last) {
                    return Err(damaged("its keys are out of order"));
                }
                if !key.value().starts_with(prefix) {
                    break;
                }
                count += 1;
                last = Some(key.value().to_owned());
                batch.extend(last.clone());
                if batch.len() == limit && !give(std::mem::take(&mut batch)) {
                    return Ok(());
                }
            }
            if prefix.is_empty() && count != table.len()? {
                return Err(damaged("it has fewer keys than it should have"));
            }
            give(batch);
            Ok(())
        })
    }

    /// Applies the writes in order, all or nothing. They are durable when it returns.
    pub(super) fn commit<'a>(
        &self,
        writes: &(impl Iterator<Item = (&'a str, Option<&'a Bytes>)> + Clone),
    ) -> Result<()> {
        self.with(WRITE, |database| {
            let mut transaction = database.begin_write()?;
            // Each commit waits once more for the disk. In return a file of any size opens in milliseconds after a
            // crash.
            transaction.set_quick_repair(true);
            {
                let mut table = transaction.open_table(VALUES)?;
                for (key, value) in writes.clone() {
                    match value {
                        Some(value) => table.insert(key, value.as_ref())?,
                        None => table.remove(key)?,
                    };
                }
            }
            Ok(transaction.commit()?)
        })
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

/// Checks that a redb file is a store of ours, in a format that this Burrow reads.
fn check(database: &Database) -> std::result::Result<(), String> {
    let read = database.begin_read().map_err(|error| error.to_string())?;
    let foreign = |_| "it is a redb file of another program; name another directory".to_owned();
    match read.open_table(META).and_then(|meta| Ok(meta.get("format")?.map(|format| format.value()))) {
        Ok(Some(FORMAT)) => read.open_table(VALUES).map(|_| ()).map_err(foreign),
        Ok(Some(format)) => {
            Err(format!("it has format {format}, and this Burrow knows only {FORMAT}; use the Burrow that made it"))
        }
        Ok(None) => Err("it is a redb file of another program; name another directory".into()),
        Err(TableError::Storage(error)) => Err(format!("it is damaged: {error}; restore a copy of it")),
        Err(error) => Err(foreign(error)),
    }
}

fn make_directory(directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(|error| {
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
    let file = lock(&unfinished, OpenOptions::new().read(true).write(true).create(true).truncate(false))?;
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
    match guarded(|| initialize(disk.clone())) {
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

/// Writes the tables of a new store and the number of its format.
pub(super) fn initialize(disk: Disk) -> std::result::Result<(), Error> {
    let database = redb::Builder::new().create_with_backend(disk)?;
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    transaction.open_table(VALUES)?;
    transaction.open_table(META)?.insert("format", FORMAT)?;
    Ok(transaction.commit()?)
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
