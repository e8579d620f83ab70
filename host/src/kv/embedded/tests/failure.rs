//! Disks that fail or are full for a while, then recover.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use futures::{FutureExt as _, StreamExt as _};

use super::super::{Embedded, VaultFile};
use super::simulation::{Random, Simulated, seed};
use crate::kv::{KeyValue, KvError};

fn open(disk: &Simulated) -> Embedded {
    Embedded::over(VaultFile::over(PathBuf::from("simulated"), disk.disk()).unwrap(), disk.blobs()).unwrap()
}

fn get(store: &Embedded, key: &str) -> Option<Vec<u8>> {
    block_on(store.get(key)).unwrap()
}

/// Waits until the store accepts writes again.
fn wait_for_recovery(store: &Embedded) {
    let start = Instant::now();
    while block_on(store.set("b1:i:again", vec![])).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn a_full_disk_refuses_writes_until_there_is_room_and_loses_nothing() {
    let disk = Simulated::new();
    let store = open(&disk);
    // Make room in the file first: redb blocks reads while it waits for the disk to lengthen the file.
    store.set("b1:i:room", vec![0; 1 << 20]).await.unwrap();
    store.delete("b1:i:room").await.unwrap();
    store.set("b1:i:old", b"old".to_vec()).await.unwrap();
    // The disk stalls and then is full, so that one batch is being committed and others are queued.
    let stalled = disk.stall();
    store.set("b1:c:early", b"early".to_vec()).now_or_never().unwrap().unwrap();
    assert_eq!(store.increment("b1:s:n", 5).now_or_never().unwrap().unwrap(), 5);
    let mut new = store.set("b1:i:new", b"new".to_vec());
    assert!((&mut new).now_or_never().is_none());
    disk.fail(Some((ErrorKind::StorageFull, false)));
    drop(stalled);
    let KvError(error) = new.await.unwrap_err();
    assert!(error.contains("simulated") && error.contains("no storage space") && !error.contains('\n'), "{error}");
    // Every write fails at once, with the same error.
    let start = Instant::now();
    for _ in 0..100 {
        assert_eq!(store.set("b1:i:new", vec![]).await, Err(KvError(error.clone())));
        assert_eq!(store.set("b1:c:new", vec![]).await, Err(KvError(error.clone())));
        assert_eq!(store.delete("b1:i:old").await, Err(KvError(error.clone())));
        assert_eq!(store.increment("b1:s:n", 1).await, Err(KvError(error.clone())));
    }
    assert!(start.elapsed() < Duration::from_millis(500));
    // Readers see the same as before, across several tries.
    while start.elapsed() < Duration::from_millis(2200) {
        assert_eq!(get(&store, "b1:i:old"), Some(b"old".to_vec()));
        assert_eq!(get(&store, "b1:c:early"), Some(b"early".to_vec()));
        assert_eq!(get(&store, "b1:i:new"), None, "nobody is told of what failed");
        assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 5);
        let keys: Vec<_> = store.keys("").collect().await;
        let mut keys: Vec<_> = keys.into_iter().flat_map(|keys| keys.unwrap()).collect();
        keys.sort();
        assert_eq!(keys, ["b1:c:early", "b1:i:old", "b1:s:n"]);
    }
    disk.fail(None);
    wait_for_recovery(&store);
    assert_eq!(store.increment("b1:s:n", 1).await.unwrap(), 6);
    store.set("b1:i:last", vec![]).await.unwrap();
    let left = open(&disk.cut(|| false));
    assert_eq!(get(&left, "b1:c:early"), Some(b"early".to_vec()));
    assert_eq!(get(&left, "b1:s:n"), Some(6_i64.to_le_bytes().to_vec()));
    assert_eq!(get(&left, "b1:i:new"), Some(b"new".to_vec()), "what failed was begun before, and lands before");
}

#[test]
fn closing_tries_once_more() {
    for (recovers, expected) in [(true, Some(b"early".to_vec())), (false, None)] {
        let disk = Simulated::new();
        let store = open(&disk);
        disk.fail(Some((ErrorKind::StorageFull, false)));
        block_on(store.set("b1:c:early", b"early".to_vec())).unwrap();
        block_on(store.set("b1:i:new", vec![])).unwrap_err();
        if recovers {
            disk.fail(None);
        }
        let start = Instant::now();
        drop(store);
        assert!(start.elapsed() < Duration::from_millis(900));
        disk.fail(None);
        assert_eq!(get(&open(&disk), "b1:c:early"), expected);
    }
}

#[test]
fn a_read_that_fails_is_an_error_once() {
    let disk = Simulated::new();
    drop({
        let store = open(&disk);
        block_on(store.set("b1:i:one", b"one".to_vec())).unwrap();
        store
    });
    let store = open(&disk);
    for _ in 0..3 {
        disk.fail(Some((ErrorKind::Other, true)));
        let KvError(error) = block_on(store.get("b1:i:two")).map(|_| ()).err().unwrap_or(KvError("cached".into()));
        assert!(error.contains("simulated") || error == "cached", "{error}");
        disk.fail(None);
        assert_eq!(get(&store, "b1:i:one"), Some(b"one".to_vec()));
        block_on(store.set("b1:i:two", b"two".to_vec())).unwrap();
    }
}

/// The disk fails at each operation of a commit in turn. After a failed last sync Linux takes unwritten pages for
/// written. Power cuts after the store has recovered find every acknowledged write.
#[test]
fn a_failure_at_any_operation_loses_nothing() {
    let seed = seed();
    let failures: Vec<_> = (0..24).collect();
    std::thread::scope(|scope| {
        for some in failures.chunks(3) {
            scope.spawn(move || some.iter().for_each(|n| fail_at(*n, &mut Random(seed + n))));
        }
    });
}

fn fail_at(operation: u64, random: &mut Random) {
    let disk = Simulated::new();
    let store = open(&disk);
    block_on(store.set("b1:i:old", vec![1; 5000])).unwrap();
    disk.fail_after(operation, ErrorKind::Other);
    let mut refused = 0;
    for n in 0..5 {
        block_on(store.set(&format!("b1:i:{n}"), vec![n; 9000])).unwrap_or_else(|_| refused += 1);
    }
    disk.fail(None);
    wait_for_recovery(&store);
    assert!(refused > 0 || operation > 10, "nothing failed");
    block_on(store.set("b1:i:last", vec![3; 5000])).unwrap();
    for _ in 0..5 {
        let left = open(&disk.cut(|| random.below(2) == 0));
        assert_eq!(get(&left, "b1:i:old"), Some(vec![1; 5000]));
        assert_eq!(get(&left, "b1:i:last"), Some(vec![3; 5000]));
        // Refused writes are there too, unless they were refused before they began.
        assert!((0..5).filter(|n| get(&left, &format!("b1:i:{n}")) == Some(vec![*n; 9000])).count() + refused >= 5);
    }
    assert!(disk.syncs() > 0);
}
