//! Spin's own key-value store, a SQLite file, read and written in place.
//!
//! It uses the table and the statements of Spin 4.1 (crates/key-value-spin), so that a Spin app and Burrow's tools can
//! share one vault.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use tokio::sync::{mpsc, oneshot};

use super::{KEYS_A_BATCH, KeyValue, KvError, Result, counter, sum};

/// The file of an app's store, relative to the app's directory.
const FILE: &str = ".spin/sqlite_key_value.db";
/// The label of the store that the component opens.
const STORE: &str = "default";
/// How long an operation waits while another process writes.
const BUSY: Duration = Duration::from_secs(10);
/// The most writes in the queue, and in one transaction.
const QUEUE: usize = 256;
/// Idle connections kept for reading.
const READERS: usize = 4;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS spin_key_value (
                           store TEXT NOT NULL,
                           key   TEXT NOT NULL,
                           value BLOB NOT NULL,

                           PRIMARY KEY (store, key)
                        )";
const GET: &str = "SELECT value FROM spin_key_value WHERE store=$1 AND key=$2";
const SET: &str = "INSERT INTO spin_key_value (store, key, value) VALUES ($1, $2, $3)
                     ON CONFLICT(store, key) DO UPDATE SET value=$3";
const DELETE: &str = "DELETE FROM spin_key_value WHERE store=$1 AND key=$2";
/// Spin's statement selects all keys at once; this one pages through them by the primary key.
const KEYS: &str = "SELECT key FROM spin_key_value WHERE store=$1 AND key>=$2 AND key>$3 ORDER BY key LIMIT $4";

/// The key-value store of a Spin app. Spin may use it at the same time: each operation waits up to 10 seconds for the
/// other process's writes. A write is on disk when its future resolves.
#[derive(Debug)]
pub struct SpinSqlite {
    file: Arc<File>,
    writes: mpsc::Sender<Write>,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    readers: Mutex<Vec<Connection>>,
}

#[derive(Debug)]
struct Write {
    key: String,
    change: Change,
    done: oneshot::Sender<Result<i64>>,
}

#[derive(Debug)]
enum Change {
    Set(Vec<u8>),
    Delete,
    Add(i64),
}

impl SpinSqlite {
    /// Opens the store of a Spin app: `path` is the app's directory or the database itself. If the app has not run yet,
    /// and the directory has a spin.toml, it makes the database as Spin would. It makes nothing else.
    ///
    /// # Errors
    ///
    /// The text names the path. There is no such store; it is another database; or it cannot be read or written.
    pub fn open(path: &Path) -> Result<Self> {
        let (path, make) = locate(path)?;
        let file = File { path, readers: Mutex::default() };
        let writer = file.connect(make)?;
        if make {
            writer.execute(SCHEMA, []).map_err(|error| file.failed("make", &error))?;
        }
        let table = writer.prepare(GET).map(|_| ());
        table.map_err(|error| match error.sqlite_error_code() {
            // "no such table"
            Some(ErrorCode::Unknown) => KvError(format!(
                "{} is no store of Spin's: it lacks the table spin_key_value; name the directory of a Spin app",
                file.path.display()
            )),
            _ => file.failed("open", &error),
        })?;
        let file = Arc::new(file);
        let (sender, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new()
            .name("spin-store-writer".into())
            .spawn({
                let file = file.clone();
                move || file.write_all(writer, queue)
            })
            .map_err(|error| KvError(format!("cannot start the store's writer: {error}")))?;
        Ok(Self { file, writes: sender })
    }

    async fn write(&self, key: &str, change: Change) -> Result<i64> {
        let (done, outcome) = oneshot::channel();
        let write = Write { key: key.to_owned(), change, done };
        let stopped = || KvError(format!("the writer of the store {} has stopped", self.file.path.display()));
        self.writes.send(write).await.map_err(|_| stopped())?;
        outcome.await.unwrap_or_else(|_| Err(stopped()))
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T> {
        let file = self.file.clone();
        let stopped = KvError(format!("reading the store {} was interrupted", file.path.display()));
        tokio::task::spawn_blocking(move || file.read(read)).await.unwrap_or(Err(stopped))
    }
}

/// Finds the database that `path` names. Returns its path, and whether to make it.
fn locate(path: &Path) -> Result<(PathBuf, bool)> {
    if path.is_file() {
        return Ok((path.to_owned(), false));
    }
    let database = path.join(FILE);
    if database.is_file() {
        return Ok((database, false));
    }
    if !path.join("spin.toml").is_file() {
        let path = path.display();
        return Err(KvError(format!(
            "{path} has no store of Spin's: neither {FILE} nor a spin.toml is in it; name the directory of a Spin app"
        )));
    }
    if let Some(directory) = database.parent() {
        std::fs::create_dir_all(directory)
            .map_err(|error| KvError(format!("cannot make {}: {error}; make it writable", directory.display())))?;
    }
    Ok((database, true))
}

impl File {
    /// Connects as Spin does, with SQLite's defaults: a rollback journal, and a sync at every commit.
    fn connect(&self, make: bool) -> Result<Connection> {
        let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        flags.set(OpenFlags::SQLITE_OPEN_CREATE, make);
        let connect = || {
            let connection = Connection::open_with_flags(&self.path, flags)?;
            connection.busy_timeout(BUSY)?;
            Ok(connection)
        };
        connect().map_err(|error| self.failed("open", &error))
    }

    /// Describes an error in one line: which file, what is wrong, what to do.
    fn failed(&self, doing: &str, error: &rusqlite::Error) -> KvError {
        let path = self.path.display();
        let advice = match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "; another process holds it, try again",
            Some(ErrorCode::NotADatabase) => "; name the directory of a Spin app",
            Some(ErrorCode::DatabaseCorrupt) => {
                "; it is damaged: `burrow export` saves what can be read, or restore a copy"
            }
            Some(ErrorCode::ReadOnly | ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => {
                "; it and its directory must be writable for this user"
            }
            Some(ErrorCode::DiskFull) => "; make room on its disk",
            _ => "",
        };
        KvError(format!("cannot {doing} the store {path}: {}{advice}", error.to_string().replace('\n', " ")))
    }

    fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let kept = || self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        let reader = kept().pop();
        let reader = reader.map_or_else(|| self.connect(false), Ok)?;
        let value = read(&reader).map_err(|error| self.failed("read", &error))?;
        let mut kept = kept();
        if kept.len() < READERS {
            kept.push(reader);
        }
        Ok(value)
    }

    /// The writer thread: commits all queued writes in one transaction, with one wait for the disk.
    fn write_all(&self, mut connection: Connection, mut queue: mpsc::Receiver<Write>) {
        let mut batch = Vec::new();
        while queue.blocking_recv_many(&mut batch, QUEUE) > 0 {
            let outcome = self.commit(&mut connection, &batch);
            let mut results = match outcome {
                Ok(results) => results.into_iter(),
                Err(error) => batch.iter().map(|_| Err(error.clone())).collect::<Vec<_>>().into_iter(),
            };
            for write in batch.drain(..) {
                if let Some(result) = results.next() {
                    // The caller may be gone.
                    let _ = write.done.send(result);
                }
            }
        }
    }

    /// Applies the writes in order, all or nothing. An increment of no counter, or past its range, fails alone.
    fn commit(&self, connection: &mut Connection, batch: &[Write]) -> Result<Vec<Result<i64>>> {
        let failed = |error: rusqlite::Error| self.failed("write", &error);
        // Take the write lock at once: two processes that read first and then write would lock each other out.
        let transaction =
            connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
        let mut results = Vec::with_capacity(batch.len());
        for write in batch {
            let key = write.key.as_str();
            let set = |value: &[u8]| transaction.prepare_cached(SET)?.execute(params![STORE, key, value]);
            results.push(match &write.change {
                Change::Set(value) => set(value).map(|_| Ok(0)).map_err(failed)?,
                Change::Delete => {
                    let deleted =
                        transaction.prepare_cached(DELETE).and_then(|mut delete| delete.execute([STORE, key]));
                    deleted.map(|_| Ok(0)).map_err(failed)?
                }
                Change::Add(delta) => {
                    let old = get(&transaction, key).map_err(failed)?;
                    let added = counter(key, old.as_deref()).and_then(|old| sum(key, old, *delta));
                    if let Ok(sum) = added {
                        set(&sum.to_le_bytes()).map_err(failed)?;
                    }
                    added
                }
            });
        }
        transaction.commit().map_err(failed)?;
        Ok(results)
    }
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection.prepare_cached(GET)?.query_row([STORE, key], |row| row.get(0)).optional()
}

impl KeyValue for SpinSqlite {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        let wanted = key.to_owned();
        self.read(move |connection| get(connection, &wanted)).boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        async move { self.write(key, Change::Set(value)).await.map(drop) }.boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        async move { self.write(key, Change::Delete).await.map(drop) }.boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        async move {
            if delta == 0 {
                counter(key, self.get(key).await?.as_deref())
            } else {
                self.write(key, Change::Add(delta)).await
            }
        }
        .boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        stream::try_unfold(Some(String::new()), move |after| async move {
            let Some(after) = after else { return Ok(None) };
            let (from, limit) = (prefix.to_owned(), i64::try_from(KEYS_A_BATCH).unwrap_or(i64::MAX));
            let list = move |connection: &Connection| {
                let mut keys = connection.prepare_cached(KEYS)?;
                let keys = keys.query_map(params![STORE, from, after, limit], |row| row.get(0))?;
                keys.collect::<rusqlite::Result<Vec<String>>>()
            };
            let mut keys = self.read(list).await?;
            let found = keys.len();
            keys.retain(|key| key.starts_with(prefix));
            let after = (found == KEYS_A_BATCH && keys.len() == found).then(|| keys.last().cloned()).flatten();
            Ok(Some((keys, after)))
        })
        .boxed()
    }
}

#[cfg(test)]
pub(super) mod tests;
