//! Objects that are not as they were written.

use super::*;

async fn three(place: &Place) -> Objects {
    let store = place.open().await;
    for n in 1..=3 {
        write(&store, blob(n), 3).await;
        complete(&store, blob(n)).await.unwrap();
    }
    drop(store);
    place.open().await
}

/// Which chunks of a blob can be read, and which are listed.
async fn left(store: &Objects, blob: BlobId) -> (Vec<u32>, Vec<u32>) {
    let mut read = Vec::new();
    for n in 0..3 {
        if let Some(bytes) = store.get(Key::chunk(blob, n).as_str()).await.unwrap() {
            assert!(bytes == chunk(n, FULL), "chunk {n}");
            read.push(n);
        }
    }
    let listed = keys(store, &format!("b1:c:{blob}:")).await;
    let listed = listed.iter().map(|key| key.rsplit(':').next().unwrap().parse().unwrap()).collect();
    (read, listed)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_object_harms_only_its_blob() {
    let place = Place::new().await;
    let store = three(&place).await;
    std::fs::remove_file(place.server.file(&format!("vault/{}", blob(2)))).unwrap();
    assert_eq!(left(&store, blob(2)).await, (vec![], vec![]));
    for n in [1, 3] {
        assert_eq!(left(&store, blob(n)).await, (vec![0, 1, 2], vec![0, 1, 2]));
    }
    // It can still be removed.
    for n in 0..3 {
        store.delete(Key::chunk(blob(2), n).as_str()).await.unwrap();
    }
    assert_eq!(store.0.below.get(Key::object(blob(2)).as_str()).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_an_object_of_the_wrong_length_the_whole_chunks_are_read() {
    let place = Place::new().await;
    let store = three(&place).await;
    let path = place.server.file(&format!("vault/{}", blob(2)));
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..2 * FULL - 1]).unwrap();
    assert_eq!(left(&store, blob(2)).await, (vec![0], vec![0]));
    std::fs::write(&path, b"").unwrap();
    assert_eq!(left(&store, blob(2)).await, (vec![], vec![]));
    std::fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    assert_eq!(left(&store, blob(2)).await, (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(left(&store, blob(1)).await, (vec![0, 1, 2], vec![0, 1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_may_not_be_read_harms_only_its_blob() {
    let place = Place::new().await;
    let store = three(&place).await;
    let forbidden = blob(2).to_string();
    place.server.plan(move |what| {
        (what.starts_with("GET") && what.contains(&forbidden)).then_some(bucket::Fault::Answer(403, "AccessDenied"))
    });
    assert_eq!(left(&store, blob(2)).await, (vec![], vec![0, 1, 2]));
    assert_eq!(left(&store, blob(3)).await, (vec![0, 1, 2], vec![0, 1, 2]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_record_harms_only_its_blob() {
    let place = Place::new().await;
    let store = three(&place).await;
    let key = Key::object(blob(2));
    let mut value = store.0.below.get(key.as_str()).await.unwrap().unwrap();
    let middle = value.len() / 2;
    value[middle] ^= 1;
    store.0.below.set(key.as_str(), value).await.unwrap();
    assert_eq!(left(&store, blob(2)).await, (vec![], vec![]));
    assert_eq!(left(&store, blob(1)).await, (vec![0, 1, 2], vec![0, 1, 2]));
    assert_eq!(place.server.objects("vault").len(), 4, "it is kept: images may need it");
    store.delete(Key::chunk(blob(2), 0).as_str()).await.unwrap();
    assert_eq!(place.server.objects("vault").len(), 3);
    assert_eq!(store.0.below.get(key.as_str()).await.unwrap(), None);

    // If it is lost, `verify` must not take the object for one that no image uses, because it sees the first chunk.
    store.0.below.delete(Key::object(blob(3)).as_str()).await.unwrap();
    drop(store);
    let store = place.open().await;
    assert_eq!(left(&store, blob(3)).await, (vec![], vec![0]));
}
