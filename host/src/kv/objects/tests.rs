//! Tests of blobs in a bucket, against a real S3 server on loopback.

#[path = "../../../../tests/support/bucket.rs"]
mod bucket;
mod damage;
mod order;
mod service;

use std::time::Duration;

use burrow_model::key::ImageId;
use burrow_model::record::Codec;
use futures::StreamExt as _;
use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, RetryConfig};

use self::bucket::Bucket as Server;
use super::super::{Embedded, Memory};
use super::*;

/// Bytes of a full chunk.
const FULL: usize = 248 * 1024;

/// A bucket's server, and an embedded store beside it.
pub(in super::super) struct Place {
    server: Server,
    directory: tempfile::TempDir,
}

impl Place {
    pub(in super::super) async fn new() -> Self {
        Self { server: Server::start().await, directory: tempfile::tempdir().unwrap() }
    }

    /// Opens the embedded store; an earlier one may still be closing.
    pub(in super::super) async fn open(&self) -> Objects {
        let below = loop {
            match Embedded::open(self.directory.path()) {
                Ok(below) => break below,
                Err(error) => assert!(error.is_held(), "{error}"),
            }
            tokio::task::yield_now().await;
        };
        over(Arc::new(below), &self.server, "s3://pictures/vault").await.unwrap()
    }
}

fn settings(server: &Server) -> AmazonS3Builder {
    AmazonS3Builder::new()
        .with_endpoint(server.endpoint())
        .with_region("us-east-1")
        .with_access_key_id(bucket::ACCESS_KEY)
        .with_secret_access_key(bucket::SECRET_KEY)
}

/// Tries as often as otherwise, but faster.
fn retries() -> RetryConfig {
    let (init_backoff, max_backoff) = (Duration::from_millis(5), Duration::from_millis(20));
    let backoff = BackoffConfig { init_backoff, max_backoff, base: 2.0 };
    RetryConfig { backoff, max_retries: 3, retry_timeout: Duration::from_secs(10) }
}

async fn over(below: Arc<dyn KeyValue>, server: &Server, place: &str) -> Result<Objects> {
    with(below, settings(server), place).await
}

async fn with(below: Arc<dyn KeyValue>, settings: AmazonS3Builder, place: &str) -> Result<Objects> {
    let place: Bucket = place.parse().unwrap();
    Objects::over(below, place.client_of(settings, &retries())?).await
}

fn blob(n: u8) -> BlobId {
    BlobId::new(1_764_000_000_000, &[n; 10])
}

/// Bytes that differ from chunk to chunk.
fn chunk(n: u32, len: usize) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at * 7 + at / 251 + n as usize * 31) % 256).unwrap()).collect()
}

async fn write(store: &Objects, blob: BlobId, chunks: u32) {
    for n in 0..chunks {
        store.set(Key::chunk(blob, n).as_str(), chunk(n, FULL)).await.unwrap();
    }
}

async fn complete(store: &Objects, blob: BlobId) -> Result<()> {
    store.set(Key::manifest(blob).as_str(), b"manifest".to_vec()).await
}

async fn is_whole(store: &Objects, blob: BlobId, chunks: u32) {
    for n in 0..chunks {
        let read = store.get(Key::chunk(blob, n).as_str()).await.unwrap();
        assert!(read == Some(chunk(n, FULL)), "chunk {n} is {:?}", read.map(|bytes| bytes.len()));
    }
    assert!(store.get(Key::chunk(blob, chunks).as_str()).await.unwrap().is_none());
}

async fn keys(store: &dyn KeyValue, prefix: &str) -> Vec<String> {
    let mut keys: Vec<_> = store.keys(prefix).map(Result::unwrap).collect::<Vec<_>>().await.concat();
    keys.sort();
    keys
}

#[test]
fn places_and_what_they_are() {
    for text in ["s3://pictures", "s3://pictures/vault", "s3://a.b-c/x/y_z.1"] {
        assert_eq!(text.parse::<Bucket>().unwrap().to_string(), text);
    }
    assert_eq!("s3://pictures/vault/".parse::<Bucket>().unwrap().to_string(), "s3://pictures/vault");
    for text in
        ["", "pictures", "s3://", "s3:///x", "http://pictures", "s3://a b", "s3://a//b", "s3://a/../b", "s3://u:hush@a"]
    {
        let KvError(error) = text.parse::<Bucket>().unwrap_err();
        assert!(error.contains("s3://BUCKET/PREFIX") && !error.contains("hush"), "{text}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_larger_blob_is_one_object_and_nothing_else() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 3).await;
    complete(&store, blob(1)).await.unwrap();
    store.set(Key::chunk(blob(2), 0).as_str(), chunk(0, OBJECT_BYTES - 1)).await.unwrap();
    complete(&store, blob(2)).await.unwrap();

    let objects = place.server.objects("vault");
    assert_eq!(objects, [(blob(1).to_string(), 3 * FULL as u64), ("burrow-vault".into(), 36)]);
    let bytes: Vec<u8> = (0..3).flat_map(|n| chunk(n, FULL)).collect();
    assert!(std::fs::read(place.server.file(&format!("vault/{}", blob(1)))).unwrap() == bytes);
    assert_eq!(store.0.below.get(Key::chunk(blob(1), 0).as_str()).await.unwrap(), None);
    drop(store);

    let store = place.open().await;
    is_whole(&store, blob(1), 3).await;
    let small = store.get(Key::chunk(blob(2), 0).as_str()).await.unwrap();
    assert_eq!(small, Some(chunk(0, OBJECT_BYTES - 1)));
    let expected = [Key::chunk(blob(1), 0), Key::chunk(blob(1), 1), Key::chunk(blob(1), 2), Key::chunk(blob(2), 0)];
    assert_eq!(keys(&store, "b1:c:").await, expected.map(|key| key.as_str().to_owned()));
    assert_eq!(keys(&store, "b1:b:").await, [""; 0]);
    assert_eq!(keys(&store, "").await.len(), 4 + 2, "and two manifests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_blob_is_written_in_parts() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 90).await;
    assert!(place.server.parts() > 0, "the first part goes while chunks still come");
    assert_eq!(place.server.objects("vault").len(), 1, "nobody sees it before it is complete");
    complete(&store, blob(1)).await.unwrap();
    assert_eq!(place.server.objects("vault")[0], (blob(1).to_string(), 90 * FULL as u64));
    assert_eq!(place.server.parts(), 0);
    is_whole(&store, blob(1), 90).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_alone_is_read_alone_and_what_follows_is_read_ahead() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 64).await;
    complete(&store, blob(1)).await.unwrap();
    place.server.requests();
    for n in [40, 7, 63] {
        assert!(store.get(Key::chunk(blob(1), n).as_str()).await.unwrap().unwrap() == chunk(n, FULL));
    }
    assert_eq!(place.server.requests().len(), 3);
    is_whole(&store, blob(1), 64).await;
    let requests = place.server.requests().len();
    assert!(requests <= 1 + 63_usize.div_ceil(8), "{requests} requests for 64 chunks");
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_the_last_chunk_deletes_the_object() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 4).await;
    complete(&store, blob(1)).await.unwrap();
    for n in [2, 0, 3] {
        store.delete(Key::chunk(blob(1), n).as_str()).await.unwrap();
        assert_eq!(store.get(Key::chunk(blob(1), n).as_str()).await.unwrap(), None);
    }
    assert_eq!(keys(&store, "b1:c:").await, [Key::chunk(blob(1), 1).as_str()]);
    // This write is durable when it returns, and so is every write before it.
    store.set("b1:i:last", vec![]).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(keys(&store, "b1:c:").await, [Key::chunk(blob(1), 1).as_str()]);
    assert!(store.get(Key::chunk(blob(1), 1).as_str()).await.unwrap() == Some(chunk(1, FULL)));
    assert_eq!(place.server.objects("vault").len(), 2);
    store.delete(Key::chunk(blob(1), 1).as_str()).await.unwrap();
    assert_eq!(place.server.objects("vault"), [("burrow-vault".to_owned(), 36)]);
    assert_eq!(keys(&store, "b1:c:").await, [""; 0]);
    assert_eq!(store.0.below.get(Key::object(blob(1)).as_str()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_that_is_given_up_leaves_nothing() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 90).await;
    for n in 0..90 {
        store.delete(Key::chunk(blob(1), n).as_str()).await.unwrap();
    }
    while place.server.parts() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(place.server.objects("vault").len(), 1);
    assert_eq!(keys(&store, "b1:c:").await, [""; 0]);
    assert!(store.0.uploads().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_memory_has_no_room_for_stays_below() {
    let place = Place::new().await;
    let store = place.open().await;
    write(&store, blob(1), 2).await;
    let room = store.0.writing.available_permits();
    assert_eq!(room, WRITING_BYTES - 2 * FULL);
    let _taken = store.0.writing.clone().try_acquire_many_owned(u32::try_from(room).unwrap()).unwrap();
    store.set(Key::chunk(blob(1), 2).as_str(), chunk(2, FULL)).await.unwrap();
    assert!(store.0.below.get(Key::chunk(blob(1), 2).as_str()).await.unwrap().is_some());
    complete(&store, blob(1)).await.unwrap();
    is_whole(&store, blob(1), 3).await;
    assert_eq!(place.server.objects("vault")[0].1, 2 * FULL as u64);
    assert_eq!(store.0.writing.available_permits(), 2 * FULL, "what is written takes no memory");
    for n in 0..3 {
        store.delete(Key::chunk(blob(1), n).as_str()).await.unwrap();
    }
    assert_eq!(keys(&store, "b1:c:").await, [""; 0]);
    assert_eq!(place.server.objects("vault").len(), 1);
}
