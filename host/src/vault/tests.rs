//! Tests of the component's WIT exports over the embedded store, as an embedder calls them.

#![expect(clippy::cast_possible_truncation, reason = "a texture takes the low bits, and sizes are small")]

use std::io::Cursor;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;

use super::*;
use crate::bindings::burrow::vault::types::Status;
use crate::kv::Embedded;
use crate::{Builder, ByteRange, ContentStream, Filter};

fn burrow(directory: &tempfile::TempDir) -> Burrow {
    Builder::new().component(component()).build(Arc::new(Embedded::open(directory.path()).unwrap())).unwrap()
}

/// Reads the component: the file that `BURROW_BUNDLE` names, or the one built last.
pub(crate) fn component() -> Vec<u8> {
    let component = std::env::var_os("BURROW_BUNDLE").map(PathBuf::from);
    let component = component.unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/../target/burrow.wasm").into());
    std::fs::read(component).expect("run `cargo xtask build` first")
}

fn label(name: &str) -> Label {
    Label { name: Some(name.into()), tags: vec!["t".into()] }
}

/// Makes a bitmap: a header, and a texture that takes deflate some work.
pub(crate) fn image(size: usize) -> Bytes {
    let texture = (0..size).map(|n| (n / 7) as u8 ^ ((n * n) >> 9) as u8);
    b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0".iter().copied().chain(texture).take(size).collect()
}

async fn read(mut content: ContentStream) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    while let Some(piece) = content.next().await? {
        bytes.extend(piece);
    }
    Ok(bytes)
}

#[tokio::test]
async fn an_image_goes_in_and_comes_out_whole_and_in_ranges() {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    let image = image(600_000);
    let record = burrow.put(Cursor::new(image.clone()), label("x")).await.unwrap();
    assert_eq!((record.status, record.name.as_str(), record.source.is_none()), (Status::Ready, "x", true));
    assert_eq!(burrow.get(&record.id).await.unwrap().id, burrow.get_by_name("x").await.unwrap().id);
    assert!(read(burrow.open(&record.id, None).await.unwrap()).await.unwrap() == image);
    for (first, last) in
        [(0, Some(0)), (253_951, Some(253_952)), (5, Some(599_999)), (599_999, None), (7, Some(u64::MAX))]
    {
        let range = Some(ByteRange { first, last });
        let bytes = read(burrow.open(&record.id, range).await.unwrap()).await.unwrap();
        let end = last.map_or(image.len(), |last| image.len().min((last as usize).saturating_add(1)));
        assert!(bytes == image[first as usize..end], "{first}-{last:?}");
    }
    for (first, last) in [(600_000, None), (5, Some(4))] {
        let error = burrow.open(&record.id, Some(ByteRange { first, last })).await.unwrap_err();
        assert!(matches!(error, Error::Vault(VaultError::RangeNotSatisfiable(600_000))), "{error}");
    }
    let stats = burrow.stats().await.unwrap();
    assert_eq!((stats.images, stats.original_bytes), (1, 600_000));
    assert!(burrow.remove(&record.id).await.unwrap());
    assert!(!burrow.remove(&record.id).await.unwrap());
    let error = burrow.open(&record.id, None).await.unwrap_err();
    assert!(matches!(error, Error::Vault(VaultError::NotFound)), "{error}");
}

#[tokio::test]
async fn a_store_that_was_closed_can_be_opened_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let location: crate::kv::Location = directory.path().to_str().unwrap().parse().unwrap();
    for round in 0..10 {
        let burrow = Builder::new().component(component()).open(&location).await.unwrap();
        let record = burrow.put(Cursor::new(image(100_000 + round)), label("x")).await.unwrap();
        let (mut content, clone) = (burrow.open(&record.id, None).await.unwrap(), burrow.clone());
        content.next().await.unwrap();
        let mut closing = tokio::spawn(burrow.close());
        let early = tokio::time::timeout(Duration::from_millis(20), &mut closing).await;
        assert!(early.is_err(), "a clone is left");
        drop((content, clone));
        closing.await.unwrap();
    }
}

#[tokio::test]
async fn settings_are_checked_when_a_store_is_opened() {
    let open = async |name: &str, value: &str| {
        let mut variables = crate::Variables::default();
        variables.set(name, &value);
        Builder::new().component(component()).variables(variables).open(&"memory:".parse().unwrap()).await
    };
    open("max_image_bytes", "1000").await.unwrap();
    let misspelt = open("max_image_byte", "1000").await.unwrap_err();
    assert_eq!(misspelt.to_string(), "there is no setting named max_image_byte");
    for (name, value) in [("max_image_bytes", "a lot"), ("page_size", "0")] {
        let error = open(name, value).await.unwrap_err();
        assert!(matches!(&error, Error::Vault(VaultError::InvalidInput(text)) if text.contains(name)), "{error}");
    }
}

/// `(module (func (export "f") (loop (br 0))))`
const LOOP: &[u8] =
    b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x07\x05\x01\x01f\0\0\x0a\x09\x01\x07\0\x03\x40\x0c\0\x0b\x0b";

#[tokio::test]
async fn an_instance_that_never_pauses_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    let mut store = burrow.factory.store();
    let computing = crate::computing::Computing::at_most(Duration::from_millis(300));
    store.data_mut().computing = computing.clone();
    let module = wasmtime::Module::new(store.engine(), LOOP).unwrap();
    let instance = wasmtime::Instance::new_async(&mut store, &module, &[]).await.unwrap();
    let endless = instance.get_typed_func::<(), ()>(&mut store, "f").unwrap();
    // As long as other tasks of the instance run, it goes on.
    let began = Instant::now();
    let pausing = async {
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            computing.pause();
        }
        std::future::pending::<()>().await;
    };
    let error = tokio::select! {
        ended = endless.call_async(&mut store, ()) => ended.unwrap_err(),
        () = pausing => unreachable!(),
    };
    assert!(format!("{error:#}").contains("0.3 s without a pause"), "{error:#}");
    assert!(began.elapsed() >= Duration::from_millis(1200), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_an_instance_holds_is_bounded() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = burrow(&directory).factory.store();
    let table = &mut store.data_mut().table;
    let held = (0..1_000_000).take_while(|_| table.push(crate::bindings::OpenStore).is_ok()).count();
    assert!(held < 10_000, "{held}");
}

#[tokio::test]
async fn what_is_refused_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    for bytes in [Bytes::new(), Bytes::from_static(b"x"), Bytes::from(vec![b'x'; 600_000])] {
        let error = burrow.put(Cursor::new(bytes), label("x")).await.unwrap_err();
        assert!(matches!(error, Error::Vault(VaultError::NotAnImage(_))), "{error}");
    }
    let error = burrow.put(Cursor::new(image(10)), label("a\nb")).await.unwrap_err();
    assert!(matches!(error, Error::Vault(VaultError::InvalidInput(_))), "{error}");
    for id in ["", "x", "00000000-0000-4000-8000-000000000000"] {
        let error = burrow.get(id).await.unwrap_err();
        assert!(matches!(error, Error::Vault(VaultError::InvalidInput(_))), "{error}");
    }
    assert!(
        burrow.list(&Filter::default(), Some("x".into()), 1).await.is_err()
            && burrow.list(&Filter::default(), None, 0).await.is_err()
    );
    assert!(burrow.list(&Filter::default(), None, 10).await.unwrap().images.is_empty());
    assert_eq!(burrow.stats().await.unwrap().stored_bytes, 0);
}

#[tokio::test]
async fn a_submitted_job_is_done_by_resume() {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    // A name that does not resolve: the job fails, and its attempts show that it was tried.
    let record = burrow.submit("http://burrow.invalid.example/", label("x")).await.unwrap();
    assert_eq!((record.status, record.attempts), (Status::Pending, 0));
    let resumed = burrow.resume().await.unwrap();
    assert_eq!((resumed.ready, resumed.failed, resumed.busy), (0, 1, 0));
    let record = burrow.get(&record.id).await.unwrap();
    assert!(record.status == Status::Failed && record.attempts > 0, "{record:?}");
    let resumed = burrow.resume().await.unwrap();
    assert_eq!((resumed.ready, resumed.failed, resumed.busy), (0, 0, 0));
}

#[tokio::test]
async fn the_codec_packs_and_unpacks_streams() {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    for size in [0, 1, 253_952, 1_000_000] {
        let content = image(size);
        let packed = read(burrow.pack(content.clone()).await.unwrap()).await.unwrap();
        let unpacked = read(burrow.unpack(packed.clone().into()).await.unwrap()).await.unwrap();
        assert!(unpacked == content, "{size}");
        let cut = Bytes::from(packed).slice(..8);
        let error = read(burrow.unpack(cut).await.unwrap()).await.unwrap_err();
        assert!(matches!(error, Error::Vault(VaultError::Corrupt(_))), "{error}");
    }
}

/// An instance has one thread, so it answers calls while it packs only if packing yields. The test counts the calls
/// that ended before the packing did. A busy machine delays calls, not packing: so the best of three times counts.
#[tokio::test]
async fn an_instance_answers_while_it_packs() {
    let mut most = 0;
    for _ in 0..3 {
        most = most.max(answered_while_packing(8_000_000).await);
    }
    // 8 MB are 126 steps of packing, each followed by a yield, and 32 blocks.
    assert!(most >= 50, "{most}");
}

/// How many calls an instance answers while it packs an image of this size.
async fn answered_while_packing(size: usize) -> usize {
    let directory = tempfile::tempdir().unwrap();
    let burrow = burrow(&directory);
    let (mut store, instance) = burrow.instantiate().await.unwrap();
    let content = StreamReader::new(&mut store, image(size)).unwrap();
    let (packed, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    store
        .run_concurrent(async |accessor| {
            let vault = instance.burrow_vault_vault();
            let packing = async {
                vault.call_put(accessor, content, label("x")).await.unwrap().unwrap();
                packed.store(true, Ordering::Relaxed);
            };
            let asking = async {
                while !packed.load(Ordering::Relaxed) {
                    vault.call_stats(accessor).await.unwrap().unwrap();
                    answered.fetch_add(1, Ordering::Relaxed);
                    // Pause as between two requests from a network: the instance runs yielded work last, so calls
                    // without a pause would keep it from packing.
                    tokio::task::yield_now().await;
                }
            };
            futures::join!(packing, asking);
        })
        .await
        .unwrap();
    answered.into_inner()
}
