//! Files that are no store are refused in one line and left as they are.

use std::fs;
use std::path::Path;

use burrow_model::key::{BlobId, Key};
use futures::executor::block_on;
use redb::TableDefinition;

use super::super::Embedded;
use crate::kv::{KeyValue, KvError};

const OTHER: TableDefinition<'_, u64, u64> = TableDefinition::new("other");
const OTHER_META: TableDefinition<'_, &str, &str> = TableDefinition::new("meta");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

#[track_caller]
fn refused(directory: &Path, why: &str) {
    let KvError(error) = Embedded::open(directory).unwrap_err();
    assert!(error.contains(why) && !error.contains('\n'), "{error}");
    assert!(error.contains(&directory.display().to_string()), "{error}");
}

/// Checks that the store is refused, and its file unchanged.
#[track_caller]
fn refused_and_left(directory: &Path, why: &str) {
    let file = directory.join("vault.redb");
    let before = fs::read(&file).unwrap();
    refused(directory, why);
    assert_eq!(fs::read(&file).unwrap(), before);
}

fn store(directory: &Path) -> Embedded {
    let store = Embedded::open(directory).unwrap();
    block_on(store.set("b1:i:one", b"one".to_vec())).unwrap();
    store
}

#[test]
fn one_process_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(directory.path());
    refused(directory.path(), "another process has the store");
    // The lock keeps out other programs that use redb, too.
    redb::Database::open(directory.path().join("vault.redb")).unwrap_err();
    drop(store);
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!(block_on(store.get("b1:i:one")).unwrap(), Some(b"one".to_vec()));
}

#[test]
fn what_is_made_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let above = directory.path().join("above");
    let path = above.join("store");
    let store = store(&path);
    let chunk = Key::chunk(BlobId::from_u128(0x0193_5a00_0000_7000_8000_u128 << 48), 0);
    block_on(store.set(chunk.as_str(), vec![7; 100_000])).unwrap();
    // Closing it writes what is acknowledged.
    drop(store);
    for made in [&above, &path, &path.join("blobs")] {
        assert_eq!(mode(made), 0o700, "{}", made.display());
    }
    assert_eq!(mode(&path.join("vault.redb")), 0o600);
    let blobs: Vec<_> = fs::read_dir(path.join("blobs")).unwrap().map(|file| file.unwrap().path()).collect();
    assert_eq!((blobs.len(), mode(&blobs[0])), (1, 0o600));
    // What the operator made stays as it is.
    assert_eq!(mode(directory.path()), 0o755);
}

#[test]
fn files_of_others_are_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("vault.redb");
    for bytes in [&b"x"[..], b"SQLite format 3\0", &[0; 9000], &[b'x'; 9000]] {
        fs::write(&file, bytes).unwrap();
        refused_and_left(directory.path(), "it is not a redb file; name another directory");
    }
    fs::remove_file(&file).unwrap();
    for crashed in [false, true] {
        let database = redb::Database::create(&file).unwrap();
        refused_if_closed(directory.path(), &database, crashed, |transaction| {
            transaction.open_table(OTHER).unwrap().insert(1, 1).unwrap();
        });
        drop(database);
        refused_and_left(directory.path(), "a redb file of another program");
        let database = redb::Database::create(&file).unwrap();
        refused_if_closed(directory.path(), &database, crashed, |transaction| {
            transaction.open_table(OTHER_META).unwrap().insert("format", "1").unwrap();
        });
        drop(database);
        refused_and_left(directory.path(), "a redb file of another program");
        fs::remove_file(&file).unwrap();
    }
}

/// Writes to a foreign file. If `crashed`, checks that a copy that was not closed is refused, too.
fn refused_if_closed(
    directory: &Path,
    database: &redb::Database,
    crashed: bool,
    write: impl FnOnce(&redb::WriteTransaction),
) {
    let transaction = database.begin_write().unwrap();
    write(&transaction);
    transaction.commit().unwrap();
    if crashed {
        let copy = directory.join("crashed");
        fs::create_dir_all(&copy).unwrap();
        fs::copy(directory.join("vault.redb"), copy.join("vault.redb")).unwrap();
        refused_and_left(&copy, "a redb file of another program");
    }
}

#[test]
fn newer_formats_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(store(directory.path()));
    let database = redb::Database::open(directory.path().join("vault.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction.open_table(META).unwrap().insert("format", 3).unwrap();
    transaction.commit().unwrap();
    drop(database);
    refused_and_left(
        directory.path(),
        "it has format 3, and this Burrow knows none above 2; use the Burrow that made it",
    );
}

#[test]
fn paths_that_cannot_hold_a_store() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    refused(&file, "it is a file; name the directory that the store is in");
    refused(&file.join("below"), "it is a file");
    fs::create_dir_all(directory.path().join("vault.redb")).unwrap();
    refused(directory.path(), "it is a directory");
    #[cfg(target_os = "linux")]
    for place in ["/proc/burrow", "/sys"] {
        let KvError(error) = Embedded::open(Path::new(place)).unwrap_err();
        assert!(error.contains(place) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn what_a_crash_left_of_a_new_store_is_made_anew() {
    for left in [&b""[..], b"half", &[0; 5000]] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("vault.redb.new"), left).unwrap();
        fs::write(directory.path().join("vault.redb"), "").unwrap();
        drop(store(directory.path()));
        let names: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["vault.redb"]);
    }
    // Several openings at once make one store.
    let directory = tempfile::tempdir().unwrap();
    let opened: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| Embedded::open(directory.path()))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(opened.iter().filter(|opened| opened.is_ok()).count() <= 1);
    drop(opened);
    drop(store(directory.path()));
}
