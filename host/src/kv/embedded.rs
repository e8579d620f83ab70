//! The embedded store: one redb file in a directory, written by one thread that commits whatever has queued up with
//! one wait for the disk (group commit). docs/decisions/0002 has the measurements.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use redb::{Database, DatabaseError, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use tokio::sync::{Notify, oneshot};

use super::{KeyValue, KvError, Result, is_covered};

const FILE: &str = "vault.redb";
const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: u64 = 1;

/// Memory for redb's page cache. More was not faster, and was exceeded.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Bytes that may wait to be written; writers wait beyond.
const QUEUE_BYTES: usize = 32 * 1024 * 1024;

/// The embedded store. Dropping it writes what is queued and closes the file.
#[derive(Debug)]
pub struct Embedded {
    shared: Arc<Shared>,
    writer: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    database: Database,
    state: Mutex<State>,
    /// Wakes the writer.
    work: Condvar,
    /// Wakes those who wait for room in the queue.
    room: Notify,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<Write>,
    queued_bytes: usize,
    /// The newest of what is queued or being committed; what the file has is older.
    pending: HashMap<String, Pending>,
    /// Number of the newest write.
    version: u64,
    /// Set once a commit failed: then order could not be kept any more, so nothing more is written.
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

#[derive(Debug)]
struct Write {
    key: String,
    value: Option<Bytes>,
    version: u64,
    done: Option<oneshot::Sender<Result<()>>>,
}

impl Embedded {
    /// Opens the store in a directory, or makes a new one.
    ///
    /// # Errors
    ///
    /// The text names the path: another process has it open, it is no store of Burrow's or a newer one's, or it cannot
    /// be read or written.
    pub fn open(directory: &Path) -> Result<Self> {
        let path = directory.join(FILE);
        let failed = |what: &str, error: &dyn std::fmt::Display| {
            KvError(format!("{what} the store {}: {error}", path.display()))
        };
        std::fs::create_dir_all(directory).map_err(|error| failed("cannot make the directory of", &error))?;
        let database = redb::Builder::new().set_cache_size(CACHE_BYTES).create(&path).map_err(|error| match error {
            DatabaseError::DatabaseAlreadyOpen => {
                KvError(format!("another process has the store {} open; stop it first", path.display()))
            }
            error => failed("cannot open", &error),
        })?;
        let format = prepare(&database).map_err(|error| failed("cannot prepare", &error))?;
        if format != FORMAT {
            let why = format!("it has format {format}, and this Burrow knows only {FORMAT}");
            return Err(failed("cannot use", &why));
        }
        let shared =
            Arc::new(Shared { path, database, state: Mutex::default(), work: Condvar::new(), room: Notify::new() });
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
        let size = key.len() + value.as_ref().map_or(0, Bytes::len);
        let done = loop {
            let room = self.shared.room.notified();
            {
                let mut state = self.shared.lock();
                if state.queued_bytes == 0 || state.queued_bytes + size <= QUEUE_BYTES {
                    let done = if is_covered(key) { None } else { Some(oneshot::channel()) };
                    let (sender, receiver) = done.unzip();
                    state.push(key, value, size, sender)?;
                    self.shared.work.notify_one();
                    break receiver;
                }
            }
            room.await;
        };
        match done {
            None => Ok(()),
            Some(done) => done.await.unwrap_or_else(|_| Err(self.shared.closed())),
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
        if let Some(writer) = self.writer.take() {
            // Only a panic of the writer could be lost here, and it has been printed.
            let _ = writer.join();
        }
    }
}

impl KeyValue for Embedded {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        // A read is a few microseconds of memory, or one read of the file, so it is done in place.
        async move {
            let pending = {
                let state = self.shared.lock();
                state.pending.get(key).filter(|pending| pending.visible).map(|pending| pending.value.clone())
            };
            match pending {
                Some(value) => Ok(value.map(|bytes| bytes.to_vec())),
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
        // Never waits: as every write, it is durable before those begun after it, and nobody is told of a counter.
        async move {
            let mut state = self.shared.lock();
            let old = match state.pending.get(key) {
                Some(pending) => pending.value.as_ref().map(|bytes| bytes.to_vec()),
                None => self.shared.read(key)?,
            };
            let old = match old {
                None => 0,
                Some(bytes) => {
                    let bytes = <[u8; 8]>::try_from(bytes)
                        .map_err(|bytes| KvError(format!("{key} is no counter: it has {} bytes", bytes.len())))?;
                    i64::from_le_bytes(bytes)
                }
            };
            if delta == 0 {
                return Ok(old);
            }
            let sum = old.checked_add(delta).ok_or_else(|| KvError(format!("the counter {key} overflows")))?;
            state.push(key, Some(Bytes::copy_from_slice(&sum.to_le_bytes())), key.len() + 8, None)?;
            self.shared.work.notify_one();
            Ok(sum)
        }
        .boxed()
    }

    fn keys(&self) -> BoxFuture<'_, Result<Vec<String>>> {
        async move {
            let failed = |error: redb::Error| self.shared.failed("read", &error);
            let mut keys = std::collections::BTreeSet::new();
            // Pending first: a write that lands in the file meanwhile is then seen at least once.
            let pending: Vec<_> = {
                let state = self.shared.lock();
                state.pending.iter().map(|(key, pending)| (key.clone(), pending.value.is_some())).collect()
            };
            let read = self.shared.database.begin_read().map_err(|error| failed(error.into()))?;
            let table = read.open_table(VALUES).map_err(|error| failed(error.into()))?;
            for entry in table.iter().map_err(|error| failed(error.into()))? {
                let (key, _) = entry.map_err(|error| failed(error.into()))?;
                keys.insert(key.value().to_owned());
            }
            for (key, present) in pending {
                if present {
                    keys.insert(key)
                } else {
                    keys.remove(&key)
                };
            }
            Ok(keys.into_iter().collect())
        }
        .boxed()
    }
}

impl State {
    fn push(
        &mut self,
        key: &str,
        value: Option<Bytes>,
        size: usize,
        done: Option<oneshot::Sender<Result<()>>>,
    ) -> Result<()> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.version += 1;
        self.queued_bytes += size;
        let pending = Pending { version: self.version, value: value.clone(), visible: done.is_none() };
        self.pending.insert(key.to_owned(), pending);
        self.queue.push(Write { key: key.to_owned(), value, version: self.version, done });
        Ok(())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is locked; and if it did, the state would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, what: &str, error: &dyn std::fmt::Display) -> KvError {
        KvError(format!("cannot {what} the store {}: {error}", self.path.display()))
    }

    fn closed(&self) -> KvError {
        KvError(format!("the store {} was closed", self.path.display()))
    }

    fn read(&self, key: &str) -> Result<Option<Vec<u8>>> {
        let failed = |error: redb::Error| self.failed("read", &error);
        let read = self.database.begin_read().map_err(|error| failed(error.into()))?;
        let table = read.open_table(VALUES).map_err(|error| failed(error.into()))?;
        let value = table.get(key).map_err(|error| failed(error.into()))?;
        Ok(value.map(|value| value.value().to_vec()))
    }

    /// The writer: commits what has queued up while it committed what was queued before.
    fn write_all(&self) {
        loop {
            let batch = {
                let mut state = self.lock();
                while state.queue.is_empty() {
                    if state.closed {
                        return;
                    }
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
                state.queued_bytes = 0;
                std::mem::take(&mut state.queue)
            };
            self.room.notify_waiters();
            let earlier = self.lock().failed.clone();
            let committed = match earlier {
                // What was queued before the failure was known must not land without what came before it.
                Some(error) => Err(error),
                None => self.commit(&batch).map_err(|error| {
                    let error = self.failed("write", &error);
                    tracing::error!("{error}; nothing more is written until the store is opened again");
                    self.lock().failed = Some(error.clone());
                    error
                }),
            };
            if committed.is_ok() {
                let mut state = self.lock();
                for write in &batch {
                    if state.pending.get(&write.key).is_some_and(|pending| pending.version == write.version) {
                        state.pending.remove(&write.key);
                    }
                }
            }
            for done in batch.into_iter().filter_map(|write| write.done) {
                // Who asked may be gone.
                let _ = done.send(committed.clone());
            }
        }
    }

    fn commit(&self, batch: &[Write]) -> std::result::Result<(), redb::Error> {
        let mut transaction = self.database.begin_write()?;
        // Costs one more wait for the disk a commit, and opens in milliseconds after a crash, however large the file.
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(VALUES)?;
            for write in batch {
                match &write.value {
                    Some(value) => table.insert(write.key.as_str(), value.as_ref())?,
                    None => table.remove(write.key.as_str())?,
                };
            }
        }
        Ok(transaction.commit()?)
    }
}

/// Makes the tables and the format mark of a new file; returns the format of the file.
fn prepare(database: &Database) -> std::result::Result<u64, redb::Error> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    let format = {
        transaction.open_table(VALUES)?;
        let mut meta = transaction.open_table(META)?;
        let format = meta.get("format")?.map(|format| format.value());
        if let Some(format) = format {
            format
        } else {
            meta.insert("format", FORMAT)?;
            FORMAT
        }
    };
    transaction.commit()?;
    Ok(format)
}
