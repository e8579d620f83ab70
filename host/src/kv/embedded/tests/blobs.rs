//! Blobs in files beside the redb file: what becomes a file, what a crash leaves, and files that are damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use burrow_model::key::{BlobId, Key};
use futures::StreamExt as _;
use futures::executor::block_on;
use redb::{ReadableDatabase as _, TableDefinition};

use super::super::{Embedded, VaultFile};
use super::simulation::{Random, Simulated, seed};
use crate::kv::KeyValue as _;

const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

const PLACES: TableDefinition<'_, (u128, u32), (u64, u32)> = TableDefinition::new("places");

/// Large enough for a file.
const LARGE: usize = 40_000;

/// A sweep that takes longer hangs.
const TOO_LONG: Duration = Duration::from_secs(20);

fn blob(n: u128) -> BlobId {
    BlobId::from_u128((0x0193_5a00_0000_7000_8000_u128 << 48) + n)
}

fn bytes(seed: u8, len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((usize::from(seed) + n * 7 + n / 251) % 256).unwrap()).collect()
}

fn open(disk: &Simulated) -> Embedded {
    Embedded::over(VaultFile::over(PathBuf::from("simulated"), disk.disk()).unwrap(), disk.blobs()).unwrap()
}

fn put(store: &Embedded, blob: BlobId, n: u32, value: Vec<u8>) {
    block_on(store.set(Key::chunk(blob, n).as_str(), value)).unwrap();
}

fn get(store: &Embedded, blob: BlobId, n: u32) -> Option<Vec<u8>> {
    block_on(store.get(Key::chunk(blob, n).as_str())).unwrap()
}

/// Waits until everything that was written so far is durable, and what it removed is gone.
fn settle(store: &Embedded) {
    for key in ["b1:i:one", "b1:i:two"] {
        block_on(store.set(key, vec![])).unwrap();
    }
}

fn files(store: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(store.join("blobs")) else { return BTreeMap::new() };
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    paths.map(|path| (path.file_name().unwrap().to_str().unwrap().into(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_blob_is_a_file_of_its_chunks_and_a_small_one_is_none() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    // Keys are listed on a thread of the runtime.
    let _entered = runtime.enter();
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    put(&store, blob(1), 0, bytes(1, 500));
    settle(&store);
    assert!(!directory.path().join("blobs").exists(), "a store of small blobs needs no directory");
    put(&store, blob(2), 0, bytes(2, LARGE));
    put(&store, blob(2), 1, bytes(3, 9));
    put(&store, blob(3), 2, bytes(4, LARGE));
    put(&store, blob(3), 0, bytes(5, LARGE));
    put(&store, blob(3), 1, vec![]);
    settle(&store);
    let expected = [
        (blob(2).to_string(), [bytes(2, LARGE), bytes(3, 9)].concat()),
        (blob(3).to_string(), [bytes(4, LARGE), bytes(5, LARGE)].concat()),
    ];
    assert_eq!(files(directory.path()), expected.into());
    for _ in 0..2 {
        for (id, n, value) in [(1, 0, bytes(1, 500)), (2, 1, bytes(3, 9)), (3, 0, bytes(5, LARGE)), (3, 1, vec![])] {
            assert_eq!(get(&store, blob(id), n), Some(value));
        }
    }
    // One chunk after the other goes; with the last, the file and its space.
    block_on(store.delete(Key::chunk(blob(2), 0).as_str())).unwrap();
    settle(&store);
    assert_eq!((get(&store, blob(2), 0), get(&store, blob(2), 1)), (None, Some(bytes(3, 9))));
    assert_eq!(files(directory.path()).len(), 2);
    block_on(store.delete(Key::chunk(blob(2), 1).as_str())).unwrap();
    settle(&store);
    assert_eq!(files(directory.path()).into_keys().collect::<Vec<_>>(), [blob(3).to_string()]);
    let held = fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    let held: Vec<_> = held.filter(|path| path.to_string_lossy().contains(&blob(2).to_string())).collect();
    assert!(held.is_empty(), "{held:?} takes space");
    drop(store);
    let store = Embedded::open(directory.path()).unwrap();
    assert_eq!((get(&store, blob(2), 1), get(&store, blob(3), 2)), (None, Some(bytes(4, LARGE))));
    let keys: Vec<_> = block_on(store.keys("b1:c:").collect());
    let keys: BTreeSet<_> = keys.into_iter().flat_map(|keys| keys.unwrap()).collect();
    let expected = [(1, 0), (3, 0), (3, 1), (3, 2)].map(|(id, n)| Key::chunk(blob(id), n).as_str().to_owned());
    assert_eq!(keys, expected.into());
}

#[test]
fn chunks_that_are_removed_before_they_land_make_no_file() {
    let disk = Simulated::new();
    let store = open(&disk);
    settle(&store);
    // The record's sync stalls, so that all writes after it land with one commit.
    let stalled = disk.stall();
    let mut record = store.set("b1:i:stalled", vec![]);
    assert!(block_on(async { futures::poll!(&mut record) }).is_pending());
    for n in 0..3 {
        put(&store, blob(1), n, bytes(1, LARGE));
        put(&store, blob(2), n, bytes(2, LARGE));
    }
    for n in 0..3 {
        block_on(store.delete(Key::chunk(blob(1), n).as_str())).unwrap();
    }
    drop(stalled);
    block_on(record).unwrap();
    settle(&store);
    assert_eq!((disk.files(), disk.made()), ([(blob(2), 3 * LARGE)].into(), 1));
    assert_eq!((get(&store, blob(1), 1), get(&store, blob(2), 1)), (None, Some(bytes(2, LARGE))));
}

/// Cuts the power at every change of the disk, while blobs are written and deleted. Then every file is one that a chunk
/// is in, once the store has been swept.
#[test]
fn a_crash_leaves_no_file_behind() {
    let mut random = Random(seed());
    let disk = Simulated::new();
    let (sender, cuts) = mpsc::channel();
    disk.watch(move |disk| sender.send(disk.cut(|| random.below(2) == 0)).unwrap());
    let store = open(&disk);
    for id in 0..6 {
        for n in 0..2 {
            put(&store, blob(id), n, bytes(1, LARGE));
        }
        block_on(store.set(Key::manifest(blob(id)).as_str(), vec![1])).unwrap();
        settle(&store);
        if let Some(gone) = id.checked_sub(1) {
            for n in 0..2 {
                block_on(store.delete(Key::chunk(blob(gone), n).as_str())).unwrap();
            }
            block_on(store.delete(Key::manifest(blob(gone)).as_str())).unwrap();
            settle(&store);
        }
    }
    drop(store);
    disk.watch(|_| ());
    let (mut swept, mut whole) = (0, 0);
    for cut in cuts {
        let store = open(&cut);
        // A cut between the deletions of two chunks leaves the second one, and so the file.
        let chunks = |blob: BlobId| (0..2).filter_map(|n| get(&store, blob, n)).collect::<Vec<_>>();
        let used: BTreeSet<_> = (0..6).map(blob).filter(|blob| !chunks(*blob).is_empty()).collect();
        assert!(used.iter().flat_map(|blob| chunks(*blob)).all(|chunk| chunk == bytes(1, LARGE)));
        let (sender, changes) = mpsc::channel();
        // The test may have seen enough.
        cut.watch(move |_| {
            let _ = sender.send(());
        });
        let begun = std::time::Instant::now();
        swept += usize::from(cut.files().len() > used.len());
        whole += used.len();
        while cut.files().into_keys().collect::<BTreeSet<_>>() != used {
            // The sweep is about to delete one more.
            assert!(begun.elapsed() < TOO_LONG, "the sweep goes on");
            let _ = changes.recv_timeout(std::time::Duration::from_millis(10));
        }
        cut.watch(|_| ());
    }
    println!("{swept} cuts left files, {whole} blobs were whole");
    assert!(swept > 10 && whole > 100);
}

#[test]
fn a_full_disk_gives_back_what_a_file_took() {
    for operation in 0..12 {
        let disk = Simulated::new();
        let store = open(&disk);
        put(&store, blob(1), 0, bytes(1, LARGE));
        settle(&store);
        // In one commit: more for one file, and two new ones.
        let stalled = disk.stall();
        let mut record = store.set("b1:i:stalled", vec![]);
        assert!(block_on(async { futures::poll!(&mut record) }).is_pending());
        for (id, n) in [(1, 1), (2, 0), (3, 0)] {
            put(&store, blob(id), n, bytes(2, LARGE));
        }
        disk.fail_after(operation, ErrorKind::StorageFull);
        drop(stalled);
        let _ = block_on(record);
        let refused = block_on(store.set("b1:i:new", vec![]));
        if let Err(error) = &refused {
            assert!(error.0.contains("simulated") && !error.0.contains('\n'), "{error}");
        }
        // What was acknowledged is read all the time, and durable when the disk works again.
        for (id, n) in [(1, 1), (2, 0), (3, 0)] {
            assert_eq!(get(&store, blob(id), n), Some(bytes(2, LARGE)));
        }
        disk.fail(None);
        while block_on(store.set("b1:i:again", vec![])).is_err() {
            std::thread::yield_now();
        }
        let left = open(&disk.cut(|| false));
        assert_eq!(get(&left, blob(1), 0), Some(bytes(1, LARGE)));
        for (id, n) in [(1, 1), (2, 0), (3, 0)] {
            assert_eq!(get(&left, blob(id), n), Some(bytes(2, LARGE)));
        }
    }
}

#[test]
fn a_damaged_file_hurts_its_own_blob_alone() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    for id in 1..=6 {
        for n in 0..2 {
            put(&store, blob(id), n, bytes(u8::try_from(id).unwrap(), LARGE));
        }
    }
    drop(store);
    let file = |id| directory.path().join("blobs").join(blob(id).to_string());
    fs::remove_file(file(1)).unwrap();
    fs::write(file(2), &bytes(2, LARGE)[..LARGE - 5]).unwrap();
    fs::remove_file(file(3)).unwrap();
    fs::create_dir(file(3)).unwrap();
    fs::remove_file(file(4)).unwrap();
    std::os::unix::fs::symlink(file(4), file(4)).unwrap();
    fs::write(file(5), vec![0; 2 * LARGE]).unwrap();
    fs::write(directory.path().join("blobs/notes.txt"), "mine").unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    for _ in 0..2 {
        for id in [1, 3, 4] {
            assert_eq!((get(&store, blob(id), 0), get(&store, blob(id), 1)), (None, None), "{id}");
        }
        // Checksums tell that these are not the chunks.
        assert_eq!(get(&store, blob(2), 0), Some(bytes(2, LARGE)[..LARGE - 5].to_vec()));
        assert_eq!(get(&store, blob(2), 1), Some(vec![]));
        assert_eq!(get(&store, blob(5), 1), Some(vec![0; LARGE]));
        assert_eq!(get(&store, blob(6), 1), Some(bytes(6, LARGE)));
    }
    // All of them can be removed; what cannot be deleted stays, and harms nothing.
    for id in 1..=6 {
        for n in 0..2 {
            block_on(store.delete(Key::chunk(blob(id), n).as_str())).unwrap();
        }
    }
    settle(&store);
    assert_eq!(files(directory.path()).into_keys().collect::<Vec<_>>(), ["notes.txt"]);
    assert!(file(3).is_dir());
}

fn meta(directory: &Path, name: &str) -> Option<u64> {
    let database = redb::Database::open(directory.join("vault.redb")).unwrap();
    let meta = database.begin_read().unwrap().open_table(META).unwrap();
    meta.get(name).unwrap().map(|value| value.value())
}

/// After a crash of a process, a damaged table of chunks may lack some. The file of a blob that has a manifest stays.
#[test]
fn a_sweep_spares_what_may_be_needed() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    for id in 1..=3 {
        put(&store, blob(id), 0, bytes(1, LARGE));
    }
    block_on(store.set(Key::manifest(blob(1)).as_str(), vec![1])).unwrap();
    drop(store);
    assert_eq!(meta(directory.path(), "unswept"), None);
    let database = redb::Database::open(directory.path().join("vault.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    for id in 1..=2 {
        transaction.open_table(PLACES).unwrap().remove((blob(id).to_u128(), 0)).unwrap();
    }
    transaction.open_table(META).unwrap().insert("unswept", 1).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let begun = Instant::now();
    while meta(directory.path(), "unswept").is_some() {
        assert!(begun.elapsed() < TOO_LONG, "it is never swept");
        let store = Embedded::open(directory.path()).unwrap();
        settle(&store);
    }
    let left = [1, 3].map(|id| blob(id).to_string());
    assert_eq!(files(directory.path()).into_keys().collect::<Vec<_>>(), left);
}

#[test]
fn the_first_file_makes_a_store_one_of_format_2() {
    let directory = tempfile::tempdir().unwrap();
    let store = Embedded::open(directory.path()).unwrap();
    put(&store, blob(1), 0, bytes(1, 500));
    drop(store);
    assert_eq!(meta(directory.path(), "format"), Some(1));
    let store = Embedded::open(directory.path()).unwrap();
    put(&store, blob(2), 0, bytes(1, LARGE));
    drop(store);
    assert_eq!(meta(directory.path(), "format"), Some(2));
}
