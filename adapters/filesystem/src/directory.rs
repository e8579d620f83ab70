//! The store: a directory in which each value is a file, and each counter a directory.
//!
//! ```text
//! keys/SHARD/NAME      a value; or, if it is a directory, a counter
//! tmp/                 files that are being written
//! ```
//!
//! Any number of instances and processes may use it at once. A value is written to a temporary file, synced, and renamed
//! into its place, whose directory is then synced: a reader sees the old value or the new one, whole, and what has been
//! acknowledged survives a failure of the power as far as the host's file system keeps what was synced.

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::{counter, name};

/// After this time a temporary file is what a process left that died.
const ABANDONED: Duration = Duration::from_hours(1);

/// How often a directory is listed before its listing fails.
const LISTINGS: u32 = 1000;

/// Why the store failed, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Error(pub String);

/// A store in a directory.
#[derive(Clone, Debug)]
pub struct Directory {
    keys: PathBuf,
    temporary: PathBuf,
}

impl Directory {
    /// Opens the store in this directory, which must be there.
    ///
    /// # Errors
    ///
    /// The directory is not there, or cannot be written.
    pub fn open(root: &Path) -> Result<Self, Error> {
        let directory = Self { keys: root.join("keys"), temporary: root.join("tmp") };
        directory
            .prepare()
            .map_err(|error| Error(format!("the directory {} cannot be used: {error}", root.display())))?;
        Ok(directory)
    }

    fn prepare(&self) -> io::Result<()> {
        make(&self.keys)?;
        make(&self.temporary)?;
        // The list may end early, at a file that is gone by now. The next opening sees the rest.
        for entry in fs::read_dir(&self.temporary)?.map_while(Result::ok) {
            let path = entry.path();
            // Another instance may be faster to remove it.
            let age = fs::metadata(&path)
                .and_then(|metadata| metadata.modified())
                .map(|written| SystemTime::now().duration_since(written));
            if matches!(age, Ok(Ok(age)) if age > ABANDONED) {
                let _ = fs::remove_file(&path);
            }
        }
        Ok(())
    }

    /// Reads the value of a key. That of a counter is 8 bytes, the lowest first, as in Spin's own store.
    ///
    /// # Errors
    ///
    /// The file system fails, or a counter is damaged.
    pub fn get(&self, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = self.path(key)?;
        let read = || {
            let mut file = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            let metadata = file.metadata()?;
            if metadata.is_dir() {
                return Ok(counter::read(&path)?.map(|value| value.to_le_bytes().to_vec()));
            }
            let mut value = Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or(0));
            file.read_to_end(&mut value)?;
            Ok(Some(value))
        };
        read().map_err(|error| failed("read", key, &error))
    }

    /// Sets the value of a key, durably.
    ///
    /// # Errors
    ///
    /// The file system fails, or the key is a counter's. Then the old value stays.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), Error> {
        let path = self.path(key)?;
        let write = || {
            let written = self.write(value)?;
            let mut renamed = fs::rename(&written, &path);
            if matches!(&renamed, Err(error) if error.kind() == ErrorKind::NotFound) {
                renamed = make(&parent(&path)).and_then(|()| fs::rename(&written, &path));
            }
            if renamed.is_err() {
                fs::remove_file(&written)?;
            }
            renamed.and_then(|()| sync(&parent(&path)))
        };
        write().map_err(|error| failed("write", key, &error))
    }

    /// Deletes a key, durably, if it is there.
    ///
    /// # Errors
    ///
    /// The file system fails.
    pub fn delete(&self, key: &str) -> Result<(), Error> {
        let path = self.path(key)?;
        let remove = || match fs::remove_file(&path) {
            Ok(()) => sync(&parent(&path)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(_) if path.is_dir() => counter::remove(&path).and_then(|()| sync(&parent(&path))),
            Err(error) => Err(error),
        };
        remove().map_err(|error| failed("delete", key, &error))
    }

    /// Whether a key is there.
    ///
    /// # Errors
    ///
    /// The file system fails, or a counter is damaged.
    pub fn exists(&self, key: &str) -> Result<bool, Error> {
        let path = self.path(key)?;
        let look = || match fs::metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Ok(metadata) if metadata.is_dir() => Ok(counter::read(&path)?.is_some()),
            metadata => metadata.map(|_| true),
        };
        look().map_err(|error| failed("find", key, &error))
    }

    /// Adds to a counter, durably, and returns the sum. A counter that is not there counts from 0.
    ///
    /// # Errors
    ///
    /// The file system fails, the key is a value's, the sum is out of range, or others raise the counter all the time.
    /// In the last case the counter may have been raised.
    pub fn increment(&self, key: &str, delta: i64) -> Result<i64, Error> {
        let path = self.path(key)?;
        let add = || {
            if delta == 0 {
                return Ok(counter::read(&path)?.unwrap_or(0));
            }
            // Making the counter also fails without its shard, so the shard comes first.
            if !path.exists() {
                make(&parent(&path))?;
            }
            counter::add(&path, delta, |value| self.write(value))
        };
        add().map_err(|error| failed("raise", key, &error))
    }

    /// The keys of a shard, in no order. With those of all 256 shards every key is listed once.
    ///
    /// # Errors
    ///
    /// The file system fails.
    pub fn keys(&self, shard: u8) -> Result<Vec<String>, Error> {
        let shard = self.shard(shard);
        let list = || {
            let entries = match entries(&shard) {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                entries => entries?,
            };
            let mut keys = Vec::new();
            for entry in entries {
                // A crash may leave a counter that was never raised.
                let is_there = !entry.file_type()?.is_dir() || counter::read(&entry.path())?.is_some();
                keys.extend(entry.file_name().to_str().and_then(name::to_key).filter(|_| is_there));
            }
            Ok(keys)
        };
        list().map_err(|error: io::Error| Error(format!("the directory {} cannot be listed: {error}", shard.display())))
    }

    fn shard(&self, shard: u8) -> PathBuf {
        self.keys.join(format!("{shard:02x}"))
    }

    fn path(&self, key: &str) -> Result<PathBuf, Error> {
        let name = name::of_key(key).ok_or_else(|| Error(format!("no file can be named after the key {key:?}")))?;
        Ok(self.shard(name::shard(key)).join(name))
    }

    /// Writes a temporary file, durably, and returns its path.
    fn write(&self, bytes: &[u8]) -> io::Result<PathBuf> {
        loop {
            // Each state is keyed by chance.
            let path = self.temporary.join(format!("{:016x}", RandomState::new().hash_one(bytes.len())));
            let mut file = match OpenOptions::new().write(true).create_new(true).open(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => continue,
                file => file?,
            };
            let written = file.write_all(bytes).and_then(|()| file.sync_data());
            if let Err(error) = written {
                drop(file);
                fs::remove_file(&path)?;
                return Err(error);
            }
            return Ok(path);
        }
    }
}

fn parent(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_owned()
}

/// Makes a directory, durably, unless it is there.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            // A file in its place is no directory.
            if directory.is_dir() { Ok(()) } else { Err(ErrorKind::NotADirectory.into()) }
        }
        made => made.and_then(|()| sync(&parent(directory))),
    }
}

/// What is in a directory. wasmtime looks at each file when it lists them, and a file that is gone by then ends the list
/// with an error: then it is listed again.
pub(crate) fn entries(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    for _ in 0..LISTINGS {
        match fs::read_dir(directory)?.collect::<io::Result<_>>() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            entries => return entries,
        }
    }
    Err(io::Error::other("files in it go all the time"))
}

/// Makes the names in a directory durable.
pub(crate) fn sync(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

fn failed(what: &str, key: &str, error: &io::Error) -> Error {
    Error(match error.kind() {
        ErrorKind::IsADirectory => format!("cannot {what} {key}: it is a counter"),
        ErrorKind::NotADirectory => format!("cannot {what} {key}: it is no counter"),
        _ => format!("cannot {what} {key}: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::thread;

    use super::*;

    fn store() -> (tempfile::TempDir, Directory) {
        let root = tempfile::tempdir().unwrap();
        let store = Directory::open(root.path()).unwrap();
        (root, store)
    }

    #[test]
    fn values_are_set_replaced_and_deleted() {
        let (root, store) = store();
        assert_eq!((store.get("b1:i:a").unwrap(), store.exists("b1:i:a").unwrap()), (None, false));
        let large = vec![7; 1 << 20];
        for value in [b"".as_slice(), b"new", &large] {
            store.set("b1:i:a", value).unwrap();
            let again = Directory::open(root.path()).unwrap();
            assert_eq!(again.get("b1:i:a").unwrap().as_deref(), Some(value));
        }
        assert!(store.exists("b1:i:a").unwrap());
        store.delete("b1:i:a").unwrap();
        store.delete("b1:i:a").unwrap();
        assert_eq!(store.get("b1:i:a").unwrap(), None);
        assert_eq!(fs::read_dir(root.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn all_keys_are_listed_once() {
        let (_root, store) = store();
        let mut expected = BTreeSet::new();
        for n in 0..300 {
            store.set(&format!("b1:c:{n}"), b"x").unwrap();
            expected.insert(format!("b1:c:{n}"));
        }
        store.increment("b1:s:count", 1).unwrap();
        expected.insert("b1:s:count".into());
        make(&store.path("b1:s:never").unwrap()).unwrap();
        let listed: Vec<_> = (0..=255).flat_map(|shard| store.keys(shard).unwrap()).collect();
        assert_eq!(listed.len(), expected.len());
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn values_are_no_counters() {
        let (_root, store) = store();
        store.set("value", b"12").unwrap();
        assert_eq!(store.increment("value", 1).unwrap_err().0, "cannot raise value: it is no counter");
        assert_eq!(store.get("value").unwrap().unwrap(), b"12");
        assert_eq!(store.increment("counter", 258).unwrap(), 258);
        assert_eq!(store.set("counter", b"12").unwrap_err().0, "cannot write counter: it is a counter");
        assert_eq!(store.get("counter").unwrap().unwrap(), [2, 1, 0, 0, 0, 0, 0, 0]);
        assert!(store.exists("counter").unwrap());
        store.delete("counter").unwrap();
        assert_eq!((store.increment("counter", 0).unwrap(), store.exists("counter").unwrap()), (0, false));
    }

    #[test]
    fn no_raise_is_lost_and_no_sum_is_given_twice() {
        let (root, _store) = store();
        let raise = |_| {
            let root = root.path().to_owned();
            thread::spawn(move || {
                let store = Directory::open(&root).unwrap();
                (0..100).map(|_| store.increment("b1:s:feed", 1).unwrap()).collect::<Vec<_>>()
            })
        };
        let threads: Vec<_> = (0..4).map(raise).collect();
        let mut sums: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        sums.sort_unstable();
        assert_eq!(sums, (1..=400).collect::<Vec<_>>());
    }

    #[test]
    fn who_reads_while_others_write_gets_a_whole_value() {
        let (root, store) = store();
        store.set("key", &vec![0; 50_000]).unwrap();
        let writers: Vec<_> = (1..3)
            .map(|n: u8| {
                let root = root.path().to_owned();
                thread::spawn(move || {
                    let store = Directory::open(&root).unwrap();
                    (0..50).for_each(|_| store.set("key", &vec![n; 50_000]).unwrap());
                })
            })
            .collect();
        while writers.iter().any(|writer| !writer.is_finished()) {
            let value = store.get("key").unwrap().unwrap();
            assert!(value.len() == 50_000 && value.iter().all(|byte| *byte == value[0]));
        }
        for writer in writers {
            writer.join().unwrap();
        }
    }

    #[test]
    fn only_what_was_abandoned_is_swept() {
        let (root, _store) = store();
        let (old, new) = (root.path().join("tmp/old"), root.path().join("tmp/new"));
        for path in [&old, &new] {
            fs::write(path, "x").unwrap();
        }
        File::options().write(true).open(&old).unwrap().set_modified(SystemTime::now() - 2 * ABANDONED).unwrap();
        Directory::open(root.path()).unwrap();
        assert!(!old.exists() && new.exists());
    }

    #[test]
    fn a_directory_that_is_not_there_is_told() {
        let root = tempfile::tempdir().unwrap();
        let error = Directory::open(&root.path().join("none")).unwrap_err().0;
        assert!(error.contains("none cannot be used"), "{error}");
    }
}
