//! Chunks of blobs, in the forms and orders in which they come and go, on every store.

use std::collections::BTreeMap;

use burrow_model::key::{BlobId, Key};
use futures::future::join_all;

use super::{Place, sorted, value};

/// Chunks of a blob, some in any order, some written twice, removed while others stay, and made again.
pub(super) async fn chunks_come_in_any_order_and_go_one_by_one<P: Place>() {
    let mut place = P::new().await;
    let blobs = [1, 2, 3].map(|n| BlobId::new(1_764_000_000_000, &[n; 10]));
    let mut expected = BTreeMap::new();
    let steps = [
        (0, 4, Some(252 << 10)),
        (0, 0, Some(100)),
        (1, 0, Some(70_000)),
        (0, 2, Some(0)),
        (0, 1, Some(252 << 10)),
        (1, 0, None),
        (0, 2, Some(20_000)),
        (2, 0, Some(90)),
        (2, 0, Some(90_000)),
        (0, 4, None),
        (1, 1, Some(30_000)),
        (2, 0, Some(91)),
        (1, 0, Some(70_001)),
        (0, 0, Some(50_000)),
        (1, 1, None),
        (0, 7, Some(8)),
    ];
    for round in 0..2 {
        let store = place.open().await;
        for (step, (blob, n, len)) in steps.into_iter().enumerate() {
            let key = Key::chunk(blobs[blob], n).as_str().to_owned();
            if let Some(len) = len {
                let value = value(step + round, len);
                store.set(&key, value.clone()).await.unwrap();
                expected.insert(key.clone(), value);
            } else {
                store.delete(&key).await.unwrap();
                expected.remove(&key);
            }
            assert_eq!(store.get(&key).await.unwrap(), expected.get(&key).cloned(), "step {step}");
            // Waits for the disk after some of the steps.
            if (step + round) % 3 == 0 {
                store.set("b1:i:wait", vec![]).await.unwrap();
            }
            for (key, value) in &expected {
                assert_eq!(store.get(key).await.unwrap().as_ref(), Some(value), "step {step}, {key}");
            }
        }
        assert_eq!(sorted(&*store, "b1:c:").await, expected.keys().cloned().collect::<Vec<_>>());
        let of_one = format!("b1:c:{}:", blobs[0]);
        assert!(
            sorted(&*store, &of_one)
                .await
                .into_iter()
                .eq(expected.keys().filter(|key| key.starts_with(&of_one)).cloned())
        );
        store.set("b1:i:last", vec![]).await.unwrap();
        drop(store);
        place.restart().await;
    }
    let store = place.open().await;
    for (key, value) in &expected {
        assert_eq!(store.get(key).await.unwrap().as_ref(), Some(value), "{key}, opened again");
        store.delete(key).await.unwrap();
    }
    assert_eq!(sorted(&*store, "b1:c:").await, [""; 0]);
}

pub(super) async fn chunks_of_many_blobs_are_written_at_once<P: Place>() {
    let mut place = P::new().await;
    let store = place.open().await;
    let ids: Vec<_> = (0..150).map(|n| BlobId::new(1_764_000_000_000 + n, &[7; 10])).collect();
    let tasks = ids.iter().enumerate().map(|(at, &blob)| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in 0..2 {
                store.set(Key::chunk(blob, n).as_str(), value(at, 20_000 + at)).await.unwrap();
            }
            store.set(Key::manifest(blob).as_str(), vec![]).await.unwrap();
            store.set(&format!("b1:i:{blob}"), vec![]).await.unwrap();
        })
    });
    join_all(tasks).await.into_iter().for_each(|task| task.unwrap());
    drop(store);
    place.restart().await;
    let store = place.open().await;
    for (at, &blob) in ids.iter().enumerate() {
        for n in 0..2 {
            assert_eq!(store.get(Key::chunk(blob, n).as_str()).await.unwrap(), Some(value(at, 20_000 + at)));
        }
    }
}
