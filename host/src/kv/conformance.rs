//! Tests that every store must pass. docs/stores.md lists the differences that remain.

mod chunks;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::StreamExt as _;
use futures::future::join_all;

use self::chunks::{chunks_come_in_any_order_and_go_one_by_one, chunks_of_many_blobs_are_written_at_once};
use super::objects::tests::Place as OverBucket;
use super::redis::tests::Server;
use super::spin::tests::App;
use super::{Embedded, Files, Keeping, KeyValue, Memory, Redis, Result, SocketServer, SocketStore, SpinSqlite};

/// A place for a store. It is empty at first, and stays when the open store is dropped.
trait Place: Send + Sync {
    async fn new() -> Self;
    async fn open(&self) -> Arc<dyn KeyValue>;
    /// Restarts the server behind the store, if there is one. Called while no store is open.
    async fn restart(&mut self) {}
}

impl Place for tempfile::TempDir {
    async fn new() -> Self {
        tempfile::tempdir().unwrap()
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        Arc::new(Embedded::open(self.path()).unwrap())
    }
}

/// A store that is used through a socket.
struct OverSocket(tempfile::TempDir);

impl Place for OverSocket {
    async fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        let directory = self.0.path();
        let kv = loop {
            // The server before this one is still closing the store.
            match Embedded::open(directory) {
                Ok(kv) => break kv,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        let server = SocketServer::listen(Arc::new(kv), directory, 1).unwrap();
        let store = Arc::new(SocketStore::connect(directory).await.unwrap().unwrap());
        Arc::new(Keeping::new(store, server))
    }
}

/// A store in memory lives as long as its value, so every opening returns the same one.
impl Place for Arc<Memory> {
    async fn new() -> Self {
        Arc::default()
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        self.clone()
    }
}

impl Place for Server {
    async fn new() -> Self {
        Self::start().await
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        Arc::new(Redis::open(&self.address()).await.unwrap())
    }

    async fn restart(&mut self) {
        self.restart().await;
    }
}

impl Place for OverBucket {
    async fn new() -> Self {
        Self::new().await
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        Arc::new(self.open().await)
    }
}

/// A directory with a file for each value.
struct OfFiles(tempfile::TempDir);

impl Place for OfFiles {
    async fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        Arc::new(Files::open(self.0.path()).unwrap())
    }
}

impl Place for App {
    async fn new() -> Self {
        Self::new()
    }

    async fn open(&self) -> Arc<dyn KeyValue> {
        Arc::new(SpinSqlite::open(self.path()).unwrap())
    }
}

/// Runs each test on each store.
macro_rules! conformance {
    ($($test:ident),+ $(,)?) => {
        mod memory { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<std::sync::Arc<super::Memory>>().await;
        })+ }
        mod embedded { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<tempfile::TempDir>().await;
        })+ }
        mod socket { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<super::OverSocket>().await;
        })+ }
        mod files { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<super::OfFiles>().await;
        })+ }
        mod bucket { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<super::OverBucket>().await;
        })+ }
        mod redis { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<super::Server>().await;
        })+ }
        mod spin { $(#[tokio::test(flavor = "multi_thread")] async fn $test() {
            super::$test::<super::App>().await;
        })+ }
    };
}

conformance! {
    values_come_back_as_they_were, what_is_absent_and_what_is_removed, keys_may_have_any_form, counters_add_up,
    a_counter_never_wraps, what_is_no_counter_is_refused, increments_at_once_give_each_its_own_sum,
    sets_at_once_never_mix, everyone_reads_what_was_written, keys_are_found_by_their_prefix, thousands_of_keys_are_listed,
    keys_that_stay_are_listed_while_others_come_and_go, everything_is_there_when_opened_again,
    chunks_come_in_any_order_and_go_one_by_one, chunks_of_many_blobs_are_written_at_once,
}

async fn keys(store: &dyn KeyValue, prefix: &str) -> Vec<String> {
    let batches: Vec<Result<Vec<String>>> = store.keys(prefix).collect().await;
    batches.into_iter().flat_map(|batch| batch.unwrap()).collect()
}

async fn sorted(store: &dyn KeyValue, prefix: &str) -> Vec<String> {
    keys(store, prefix).await.into_iter().collect::<BTreeSet<_>>().into_iter().collect()
}

/// Bytes of every kind.
fn value(seed: usize, len: usize) -> Vec<u8> {
    (0..len).map(|n| u8::try_from((seed + n * 7 + n / 251) % 256).unwrap()).collect()
}

async fn values_come_back_as_they_were<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    for (n, len) in [0, 1, 8, 300, 4096, 64 << 10, 252 << 10, 1 << 20].into_iter().enumerate() {
        let key = format!("b1:c:{n}");
        store.set(&key, value(n, len)).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), Some(value(n, len)), "{len} bytes");
        store.set(&key, value(n + 1, len / 2)).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap(), Some(value(n + 1, len / 2)), "{len} bytes, overwritten");
    }
}

async fn what_is_absent_and_what_is_removed<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    assert_eq!(store.get("b1:i:none").await.unwrap(), None);
    store.delete("b1:i:none").await.unwrap();
    store.delete("b1:c:none").await.unwrap();
    for key in ["b1:i:one", "b1:c:one"] {
        store.set(key, vec![]).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), Some(vec![]));
        store.delete(key).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), None);
        store.delete(key).await.unwrap();
        store.set(key, b"again".to_vec()).await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), Some(b"again".to_vec()));
    }
}

async fn keys_may_have_any_form<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    let longest: String = "abcdefghijklmnopqrstuvwxyz0123456789:._-".chars().cycle().take(200).collect();
    let other = format!("{}x", &longest[..199]);
    for key in ["a", "-", "b1:i:0", "b1:i:0:", "B1:I:0", &longest, &other] {
        store.set(key, key.into()).await.unwrap();
    }
    for key in ["a", "-", "b1:i:0", "b1:i:0:", "B1:I:0", &longest, &other] {
        assert_eq!(store.get(key).await.unwrap(), Some(key.into()));
    }
    assert_eq!(store.get("A").await.unwrap(), None);
}

async fn counters_add_up<P: Place>() {
    let mut place = P::new().await;
    let store = place.open().await;
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 0);
    assert_eq!(store.get("b1:s:n").await.unwrap(), None, "reading a counter writes nothing");
    assert_eq!(store.increment("b1:s:n", 1).await.unwrap(), 1);
    assert_eq!(store.increment("b1:s:n", -10).await.unwrap(), -9);
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), -9);
    store.delete("b1:s:n").await.unwrap();
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 0);
    assert_eq!(store.increment("b1:s:n", 1 << 40).await.unwrap(), 1 << 40);
    // This write is durable when it returns, and so is every write before it.
    store.set("b1:i:last", vec![]).await.unwrap();
    drop(store);
    place.restart().await;
    let store = place.open().await;
    assert_eq!(store.increment("b1:s:n", 2).await.unwrap(), (1 << 40) + 2);
}

async fn a_counter_never_wraps<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    assert_eq!(store.increment("b1:s:up", i64::MAX).await.unwrap(), i64::MAX);
    store.increment("b1:s:up", 1).await.unwrap_err();
    assert_eq!(store.increment("b1:s:up", 0).await.unwrap(), i64::MAX);
    assert_eq!(store.increment("b1:s:up", -1).await.unwrap(), i64::MAX - 1);
    assert_eq!(store.increment("b1:s:down", i64::MIN).await.unwrap(), i64::MIN);
    store.increment("b1:s:down", -1).await.unwrap_err();
    assert_eq!(store.increment("b1:s:down", 0).await.unwrap(), i64::MIN);
}

async fn what_is_no_counter_is_refused<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    for (n, bytes) in [&b"seven"[..], &[1; 7], &[1; 9], b"", b"not eight", &[0xff; 300]].into_iter().enumerate() {
        let key = format!("b1:s:{n}");
        store.set(&key, bytes.into()).await.unwrap();
        for delta in [0, 1] {
            let error = store.increment(&key, delta).await.unwrap_err().to_string();
            assert!(!error.contains('\n'), "{error}");
        }
        assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(bytes));
    }
    // A refused increment does not fail others that share its batch.
    let (good, bad) = tokio::join!(store.increment("b1:s:good", 1), store.increment("b1:s:0", 1));
    assert_eq!(good.unwrap(), 1);
    bad.unwrap_err();
}

async fn increments_at_once_give_each_its_own_sum<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    let tasks = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut sums = Vec::new();
            for _ in 0..40 {
                sums.push(store.increment("b1:s:n", 1).await.unwrap());
            }
            assert!(sums.is_sorted());
            sums
        })
    });
    let sums: BTreeSet<i64> = join_all(tasks).await.into_iter().flat_map(|sums| sums.unwrap()).collect();
    assert_eq!(sums, (1..=640).collect());
}

async fn sets_at_once_never_mix<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    for key in ["b1:i:one", "b1:c:one"] {
        let values: Vec<_> = (0..8).map(|n| vec![n; 100_000 + usize::from(n)]).collect();
        join_all(values.iter().map(|value| async { store.set(key, value.clone()).await.unwrap() })).await;
        let last = store.get(key).await.unwrap().unwrap();
        assert!(values.contains(&last));
        assert_eq!(store.get(key).await.unwrap(), Some(last), "and it stays");
    }
}

async fn everyone_reads_what_was_written<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    let tasks = (0..8).map(|task| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..25 {
                let key = if n % 2 == 0 { format!("b1:i:{task}") } else { format!("b1:c:{task}") };
                store.set(&key, value(n, 500)).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap(), Some(value(n, 500)));
                store.delete(&key).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap(), None);
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
}

async fn keys_are_found_by_their_prefix<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    assert_eq!(keys(&*store, "").await, [""; 0]);
    let all = [
        "b1:c:x:0",
        "b1:c:x:1",
        "b1:c:y:0",
        "b1:i:x",
        "b1:*:z",
        "b1:?:z",
        "b1:[ci]:z",
        r"b1:\c:z",
        "b1:%:z",
        "b1:_:z",
        "b2",
    ];
    for key in all {
        store.set(key, b"v".to_vec()).await.unwrap();
    }
    for prefix in [
        "",
        "b",
        "b1:",
        "b1:c",
        "b1:c:",
        "b1:c:x",
        "b1:c:x:1",
        "b1:*",
        "b1:?",
        "b1:[ci]",
        r"b1:\",
        "b1:%",
        "b1:_",
        "c",
        "b1:c:x:11",
        "é",
    ] {
        let expected: BTreeSet<_> = all.into_iter().filter(|key| key.starts_with(prefix)).collect();
        assert_eq!(sorted(&*store, prefix).await, expected.into_iter().collect::<Vec<_>>(), "{prefix}");
    }
    store.delete("b1:c:x:0").await.unwrap();
    store.set("b1:i:last", vec![]).await.unwrap();
    assert_eq!(sorted(&*store, "b1:c:x").await, ["b1:c:x:1"]);
}

async fn thousands_of_keys_are_listed<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    let all: Vec<_> = (0..5500).map(|n| format!("b1:c:{n:05}")).collect();
    for some in all.chunks(500) {
        join_all(some.iter().map(|key| async { store.set(key, b"value".to_vec()).await.unwrap() })).await;
    }
    store.set("b1:i:last", vec![]).await.unwrap();
    assert_eq!(sorted(&*store, "b1:c:").await, all);
    assert_eq!(sorted(&*store, "b1:c:01").await, &all[1000..2000]);
    let batches: Vec<_> = store.keys("").collect().await;
    assert!(batches.len() > 5 && batches.iter().all(|batch| batch.as_ref().unwrap().len() <= 2000));
}

async fn keys_that_stay_are_listed_while_others_come_and_go<P: Place>() {
    let place = P::new().await;
    let store = place.open().await;
    let stay: Vec<_> = (0..3000).map(|n| format!("b1:c:{n:05}:stays")).collect();
    for some in stay.chunks(500) {
        join_all(some.iter().map(|key| async { store.set(key, vec![]).await.unwrap() })).await;
    }
    let churn = tokio::spawn({
        let store = store.clone();
        async move {
            for n in 0..400 {
                let key = format!("b1:c:{:05}:goes", n * 7 % 3000);
                store.set(&key, vec![]).await.unwrap();
                store.set(&format!("b1:c:{:05}:stays", n * 11 % 3000), vec![1]).await.unwrap();
                store.delete(&key).await.unwrap();
            }
        }
    });
    while !churn.is_finished() {
        let listed: BTreeSet<_> = keys(&*store, "b1:c:").await.into_iter().collect();
        let missing: Vec<_> = stay.iter().filter(|key| !listed.contains(*key)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }
    churn.await.unwrap();
}

async fn everything_is_there_when_opened_again<P: Place>() {
    let mut place = P::new().await;
    let mut expected = BTreeMap::new();
    for round in 0..3_u8 {
        let store = place.open().await;
        for n in 0..20 {
            let key = format!("b1:{}:{n}", if n % 2 == 0 { 'i' } else { 'c' });
            let value = value(n + usize::from(round), n * 997);
            store.set(&key, value.clone()).await.unwrap();
            expected.insert(key, value);
        }
        let gone = format!("b1:i:{}", round * 2);
        store.delete(&gone).await.unwrap();
        expected.remove(&gone);
        drop(store);
        place.restart().await;
        let store = place.open().await;
        assert_eq!(sorted(&*store, "").await, expected.keys().cloned().collect::<Vec<_>>());
        for (key, value) in &expected {
            assert_eq!(store.get(key).await.unwrap().as_ref(), Some(value), "{key}");
        }
    }
}
