//! Services that are slow, overloaded, in error or not there.

use std::time::Instant;

use super::bucket::Fault;
use super::*;

async fn stored(place: &Place) -> Objects {
    let store = place.open().await;
    write(&store, blob(1), 3).await;
    complete(&store, blob(1)).await.unwrap();
    store
}

async fn read(store: &Objects) -> Result<Option<Vec<u8>>> {
    store.get(Key::chunk(blob(1), 1).as_str()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_overloaded_service_gets_the_rest_that_it_asks_for() {
    let place = Place::new().await;
    let store = stored(&place).await;
    let mut refused = 0;
    place.server.plan(move |_| {
        refused += 1;
        (refused <= 2).then_some(Fault::Overloaded)
    });
    let begun = Instant::now();
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
    assert!(begun.elapsed() >= Duration::from_secs(2), "{:?}", begun.elapsed());

    place.server.plan(|_| Some(Fault::Answer(503, "SlowDown")));
    let KvError(error) = read(&store).await.unwrap_err();
    assert!(error.contains("answers 503 SlowDown: As planned.; it is overloaded: try again later"), "{error}");
    place.server.recover();
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_service_is_waited_for() {
    let place = Place::new().await;
    let store = place.open().await;
    place.server.plan(|_| Some(Fault::Slow(Duration::from_millis(300))));
    write(&store, blob(1), 40).await;
    complete(&store, blob(1)).await.unwrap();
    is_whole(&store, blob(1), 40).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_is_taken_under_the_wrong_status() {
    let place = Place::new().await;
    let store = stored(&place).await;
    place.server.plan(|_| Some(Fault::Ok));
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
}

/// An answer whose body breaks off is asked for again.
#[tokio::test(flavor = "multi_thread")]
async fn half_an_answer_is_none() {
    let place = Place::new().await;
    let store = stored(&place).await;
    let mut cut = 0;
    place.server.plan(move |_| {
        cut += 1;
        (cut <= 2).then_some(Fault::Cut)
    });
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
    place.server.plan(|_| Some(Fault::Cut));
    let KvError(error) = read(&store).await.unwrap_err();
    assert!(error.starts_with("cannot read s3://pictures/vault/") && !error.contains('\n'), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_service_answers_is_told_in_one_line_with_what_to_do() {
    let place = Place::new().await;
    let store = stored(&place).await;
    for (status, code, advice) in [
        (400, "ExpiredToken", "the credentials have expired: start again with new ones"),
        (403, "InvalidAccessKeyId", "AWS_ACCESS_KEY_ID"),
        (403, "SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY"),
        (403, "RequestTimeTooSkewed", "set this machine's clock"),
        (404, "NoSuchBucket", "make the bucket first"),
        (301, "PermanentRedirect", "AWS_REGION"),
        (500, "InternalError", "500 InternalError"),
    ] {
        place.server.plan(move |_| Some(Fault::Answer(status, code)));
        let KvError(error) = read(&store).await.unwrap_err();
        let about = format!("cannot read s3://pictures/vault/{}: ", blob(1));
        assert!(error.starts_with(&about) && error.contains(advice) && !error.contains('\n'), "{code}: {error}");
        assert!(!error.contains("Error performing"), "{error}");
        // A chunk that the store below has is read all the same.
        store.set("b1:i:one", vec![1]).await.unwrap();
        assert_eq!(store.get("b1:i:one").await.unwrap(), Some(vec![1]));
    }
    place.server.recover();
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
}

#[tokio::test(flavor = "multi_thread")]
async fn opening_tells_what_keeps_the_bucket_from_being_used() {
    let server = Server::start().await;
    let open = async |settings: AmazonS3Builder, place: &str| {
        let opened = with(Arc::new(Memory::default()), settings, place).await;
        opened.map(drop).unwrap_err().0
    };
    let error = open(settings(&server).with_secret_access_key("wrong"), "s3://pictures/vault").await;
    assert!(error.contains("SignatureDoesNotMatch") && error.contains("AWS_SECRET_ACCESS_KEY"), "{error}");
    let error = open(settings(&server).with_access_key_id("nobody"), "s3://pictures/vault").await;
    assert!(error.contains("s3://pictures/vault") && error.contains("AWS_ACCESS_KEY_ID"), "{error}");
    let error = open(settings(&server).with_endpoint("http://127.0.0.1:1"), "s3://pictures/vault").await;
    assert!(error.contains("refused") && error.contains("AWS_ENDPOINT_URL"), "{error}");
    assert!(!error.contains('\n'), "{error}");
    // A store is not bound to a place that it cannot use.
    let below: Arc<dyn KeyValue> = Arc::new(Memory::default());
    server.plan(|what| what.starts_with("PUT").then_some(Fault::Answer(404, "NoSuchBucket")));
    let KvError(error) = over(below.clone(), &server, "s3://pictures/vault").await.unwrap_err();
    assert!(error.contains("s3://pictures/vault") && error.contains("make the bucket first"), "{error}");
    server.recover();
    over(below, &server, "s3://pictures/other").await.unwrap();
}

/// Records, small images and everything else work while the bucket cannot be reached, also after a restart.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_harms_only_the_larger_contents() {
    let place = Place::new().await;
    let store = stored(&place).await;
    store.set(Key::chunk(blob(2), 0).as_str(), chunk(0, 100)).await.unwrap();
    store.set("b1:i:one", vec![1]).await.unwrap();
    drop(store);
    place.server.plan(|_| Some(Fault::Answer(503, "ServiceUnavailable")));
    let store = place.open().await;
    assert_eq!(store.get("b1:i:one").await.unwrap(), Some(vec![1]));
    assert_eq!(store.get(Key::chunk(blob(2), 0).as_str()).await.unwrap(), Some(chunk(0, 100)));
    read(&store).await.unwrap_err();
    place.server.recover();
    assert!(read(&store).await.unwrap() == Some(chunk(1, FULL)));
}
