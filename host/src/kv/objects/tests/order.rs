//! In which order things become durable, and what a crash between two of them leaves.

use std::sync::Mutex;

use burrow_model::key::Sha256Hex;
use burrow_model::record::Repacked;

use super::*;

/// A store that notes at each write which objects the bucket has.
struct Witness {
    store: Memory,
    server: Arc<Server>,
    seen: Mutex<Vec<(String, Vec<String>)>>,
}

impl Witness {
    fn note(&self, what: &str, key: &str) {
        let objects = self.server.objects("vault").into_iter().map(|(name, _)| name);
        self.seen.lock().unwrap().push((format!("{what} {key}"), objects.collect()));
    }
}

impl KeyValue for Witness {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        self.store.get(key)
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        self.note("set", key);
        self.store.set(key, value)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.note("delete", key);
        self.store.delete(key)
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        self.store.increment(key, delta)
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        self.store.keys(prefix)
    }
}

async fn witnessed() -> (Arc<Server>, Arc<Witness>, Objects) {
    let server = Arc::new(Server::start().await);
    let below = Arc::new(Witness { store: Memory::default(), server: server.clone(), seen: Mutex::default() });
    let store = over(below.clone(), &server, "s3://pictures/vault").await.unwrap();
    below.seen.lock().unwrap().clear();
    (server, below, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn object_then_record_then_manifest_and_back_again() {
    let (_server, below, store) = witnessed().await;
    for (id, chunks) in [(blob(1), 2), (blob(2), 40)] {
        write(&store, id, chunks).await;
        complete(&store, id).await.unwrap();
        let written = std::mem::take(&mut *below.seen.lock().unwrap());
        let there = |objects: &[String]| objects.contains(&id.to_string());
        let names: Vec<_> = written.iter().map(|(what, objects)| (what.as_str(), there(objects))).collect();
        let (record, manifest) = (format!("set b1:b:{id}"), format!("set b1:m:{id}"));
        assert_eq!(names, [(record.as_str(), true), (manifest.as_str(), true)]);
        for n in 0..chunks {
            store.delete(Key::chunk(id, n).as_str()).await.unwrap();
        }
        let removed = std::mem::take(&mut *below.seen.lock().unwrap());
        // The object goes once nothing durable names it.
        assert_eq!(removed.len(), 1);
        assert!(removed[0].0 == format!("delete b1:b:{id}") && there(&removed[0].1), "{removed:?}");
    }
}

/// The manifest of a repacked blob lies under the blob's id, and its chunks under another.
#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_waits_for_the_chunks_in_its_place() {
    let (server, below, store) = witnessed().await;
    write(&store, blob(9), 2).await;
    let repacked =
        Repacked { place: blob(9), codec_version: 1, memory: 1, unpack_ms: 1, stored_before: 1, counted: Vec::new() };
    let (sha256, chunks) = (Sha256Hex::of(b"x"), vec![(1, 1), (1, 1)]);
    let manifest = Manifest { codec: Codec::Lepton, size: 2, sha256, crc32: 0, chunks, repacked: Some(repacked) };
    let key = Key::manifest(blob(1));
    store.set(key.as_str(), encode(&key, &manifest).unwrap()).await.unwrap();
    let seen = below.seen.lock().unwrap().clone();
    assert_eq!(seen.last().unwrap().0, format!("set {key}"));
    assert!(seen.iter().all(|(_, objects)| objects.contains(&blob(9).to_string())), "{seen:?}");
    assert_eq!(server.objects("vault")[0].1, 2 * FULL as u64);
}

/// A repacker reads what it wrote before it writes the manifest.
#[tokio::test(flavor = "multi_thread")]
async fn chunks_can_be_read_before_the_manifest_is_there() {
    let (_server, _below, store) = witnessed().await;
    write(&store, blob(1), 40).await;
    is_whole(&store, blob(1), 40).await;
    complete(&store, blob(1)).await.unwrap();
    is_whole(&store, blob(1), 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_manifest_without_its_object() {
    let (server, below, store) = witnessed().await;
    for (n, fault) in [bucket::Fault::Answer(403, "AccessDenied"), bucket::Fault::Lie].into_iter().enumerate() {
        let id = blob(u8::try_from(n).unwrap());
        write(&store, id, 2).await;
        server.plan(move |what| what.starts_with("PUT").then_some(fault));
        let KvError(error) = complete(&store, id).await.unwrap_err();
        assert!(error.contains(&format!("cannot write s3://pictures/vault/{id}: the service answers")), "{error}");
        // Asked again, it says the same.
        complete(&store, id).await.unwrap_err();
        assert!(!keys(&*below, "").await.contains(&Key::manifest(id).as_str().to_owned()));
        server.recover();
        // Its writer cleans up, and packs it again under another id.
        for n in 0..2 {
            store.delete(Key::chunk(id, n).as_str()).await.unwrap();
        }
        assert!(store.0.uploads().is_empty());
    }
    write(&store, blob(7), 2).await;
    complete(&store, blob(7)).await.unwrap();
    is_whole(&store, blob(7), 2).await;
}

/// A failure is told with the next chunk, not only at the end.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_is_told_while_chunks_come() {
    let (server, _below, store) = witnessed().await;
    server.plan(|what| what.contains("partNumber").then_some(bucket::Fault::Answer(400, "ExpiredToken")));
    let mut failed = None;
    for n in 0..1000 {
        if let Err(error) = store.set(Key::chunk(blob(1), n).as_str(), chunk(n, FULL)).await {
            failed = Some((n, error));
            break;
        }
    }
    let (n, KvError(error)) = failed.unwrap();
    assert!(n < 999 && error.contains("write a part of") && error.contains("have expired"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_before_the_manifest_leaves_nothing_or_what_verify_finds() {
    let place = Place::new().await;
    let store = place.open().await;
    // Chunks that came, and no object.
    write(&store, blob(1), 3).await;
    drop(store);
    let store = place.open().await;
    assert_eq!(keys(&store, "b1:c:").await, [""; 0]);
    assert_eq!(place.server.objects("vault").len(), 1);

    // An object that no record names, as a crash between the two leaves it; and things of other people.
    std::fs::write(place.server.file(&format!("vault/{}", blob(2))), chunk(0, FULL)).unwrap();
    std::fs::write(place.server.file("vault/notes.txt"), b"mine").unwrap();
    std::fs::write(place.server.file("notes.txt"), b"mine").unwrap();
    std::fs::create_dir(place.server.file("vault/deeper")).unwrap();
    std::fs::write(place.server.file(&format!("vault/deeper/{}", blob(3))), b"mine").unwrap();
    std::fs::write(place.server.file(&blob(4).to_string()), b"mine").unwrap();
    assert_eq!(keys(&store, "b1:c:").await, [Key::chunk(blob(2), 0).as_str()]);
    // What verify --repair does with a blob that no image uses.
    store.delete(Key::chunk(blob(2), 0).as_str()).await.unwrap();
    assert_eq!(keys(&store, "b1:c:").await, [""; 0]);
    let left: Vec<_> = place.server.objects("vault").into_iter().map(|(name, _)| name).collect();
    assert_eq!(left, ["burrow-vault", "notes.txt"]);
    for other in ["notes.txt".into(), format!("vault/deeper/{}", blob(3)), blob(4).to_string()] {
        assert_eq!(std::fs::read(place.server.file(&other)).unwrap(), b"mine");
    }
}

/// A store that does not list objects deletes none of them, whatever is removed from it.
#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_deleted_only_if_it_is_known_to_be_left() {
    let place = Place::new().await;
    let store = place.open().await;
    std::fs::write(place.server.file(&format!("vault/{}", blob(2))), chunk(0, FULL)).unwrap();
    store.delete(Key::chunk(blob(2), 0).as_str()).await.unwrap();
    assert_eq!(place.server.objects("vault").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn vault_and_bucket_know_each_other() {
    let server = Server::start().await;
    let one: Arc<dyn KeyValue> = Arc::new(Memory::default());
    super::super::super::elsewhere::has_all(&*one).await.unwrap();
    let store = over(one.clone(), &server, "s3://pictures/vault").await.unwrap();
    write(&store, blob(1), 1).await;
    complete(&store, blob(1)).await.unwrap();
    drop(store);

    let KvError(error) = super::super::super::elsewhere::has_all(&*one).await.unwrap_err();
    assert!(error.contains("are in s3://pictures/vault; name that with --blobs"), "{error}");
    let KvError(error) = over(one.clone(), &server, "s3://pictures/other").await.unwrap_err();
    assert!(error.contains("are in s3://pictures/vault, not in s3://pictures/other"), "{error}");
    let other: Arc<dyn KeyValue> = Arc::new(Memory::default());
    let KvError(error) = over(other.clone(), &server, "s3://pictures/vault").await.unwrap_err();
    assert!(error.contains("has the blobs of another vault"), "{error}");
    assert_eq!(keys(&*other, "").await, [""; 0], "it was not touched");

    let store = over(one.clone(), &server, "s3://pictures/vault").await.unwrap();
    is_whole(&store, blob(1), 1).await;
    // The place became another vault's meanwhile: what is in it is not this vault's to judge.
    std::fs::write(server.file("vault/burrow-vault"), b"another").unwrap();
    let listed: Vec<_> = store.keys("").collect().await;
    assert!(listed.last().unwrap().as_ref().unwrap_err().0.contains("another vault"));
}

#[tokio::test(flavor = "multi_thread")]
async fn images_are_counted_as_in_the_store_below() {
    let server = Server::start().await;
    let below = Arc::new(super::super::super::Watched::new(Memory::default()));
    let store = over(below, &server, "s3://pictures/vault").await.unwrap();
    let (image, writes) = (ImageId::new(7, &[0; 10]), store.record_writes().unwrap());
    let before = writes.quiet(image).unwrap();
    store.set(&format!("b1:i:{image}"), vec![1]).await.unwrap();
    assert!(!writes.is_unchanged(image, before));
}
