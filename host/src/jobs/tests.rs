//! Jobs on the pool, over origins and stores that misbehave.

use std::io::Cursor;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::kv::{KeyValue, Memory};
use crate::schedule::Room as _;
use crate::vault::tests::{component, image};
use crate::{Builder, Filter, Variables};

#[allow(dead_code, unreachable_pub, reason = "the black-box suite uses all of it")]
#[path = "../../../tests/support/origin.rs"]
mod origin;

use origin::{Behaviour, Origin};

/// A store that returns values too large for an instance: `times` times, for keys that begin with `prefix`.
struct Bloated {
    memory: Memory,
    prefix: &'static str,
    times: AtomicUsize,
}

impl KeyValue for Bloated {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, crate::kv::Result<Option<Vec<u8>>>> {
        let is_due = key.starts_with(self.prefix)
            && self.times.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if is_due { Box::pin(async { Ok(Some(vec![0; 200 << 20])) }) } else { self.memory.get(key) }
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, crate::kv::Result<()>> {
        self.memory.set(key, value)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, crate::kv::Result<()>> {
        self.memory.delete(key)
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, crate::kv::Result<i64>> {
        self.memory.increment(key, delta)
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, crate::kv::Result<Vec<String>>> {
        self.memory.keys(prefix)
    }
}

fn builder() -> Builder {
    let mut variables = Variables::default();
    variables.set("allow_private_network", &true);
    Builder::new().component(component()).variables(variables)
}

fn named(name: &str) -> Label {
    Label { name: Some(name.into()), tags: Vec::new() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trap_costs_one_job_and_that_is_tried_again() {
    let origin = Origin::start().await;
    // A job looks up the digest once, when it has packed the content.
    let kv = Bloated { memory: Memory::default(), prefix: "b1:d:", times: AtomicUsize::new(2) };
    let burrow = builder().build(Arc::new(kv)).unwrap();
    let urls = [1, 2, 3].map(|n| origin.image(&format!("/{n}.bmp"), image(n * 100_000)));
    let jobs = urls.iter().map(|url| burrow.ingest(url, Label::default()));
    let images = futures::future::join_all(jobs).await;
    let mut attempts: Vec<_> = images
        .into_iter()
        .map(|image| image.unwrap())
        .map(|image| {
            assert_eq!(image.status, Status::Ready, "{image:?}");
            image.attempts
        })
        .collect();
    attempts.sort_unstable();
    assert!(attempts == [1, 2, 2] || attempts == [1, 1, 3], "{attempts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_always_traps_is_told_and_others_go_on() {
    let origin = Origin::start().await;
    let kv = Bloated { memory: Memory::default(), prefix: "b1:d:", times: AtomicUsize::new(3) };
    let burrow = builder().build(Arc::new(kv)).unwrap();
    let url = origin.image("/1.bmp", image(100_000));
    let error = burrow.ingest(&url, Label::default()).await.unwrap_err();
    assert!(matches!(error, Error::Component(_)), "{error}");
    let url = origin.image("/2.bmp", image(200_000));
    assert_eq!(burrow.ingest(&url, Label::default()).await.unwrap().status, Status::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_takes_too_long_is_given_up() {
    let origin = Origin::start().await;
    let burrow = builder().job_time(Duration::from_secs(1)).build(Arc::new(Memory::default())).unwrap();
    let slow = origin.serve("/slow.bmp", Behaviour::Slow(image(100_000), Duration::from_mins(1)));
    let begun = Instant::now();
    let error = burrow.ingest(&slow, Label::default()).await.unwrap_err();
    assert!(matches!(error, Error::TooLong(_)) && error.to_string().contains("may take"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(20));
    let slow = origin.serve(
        "/at-first.bmp",
        Behaviour::AtFirst(
            Box::new(Behaviour::Slow(image(100_000), Duration::from_mins(1))),
            Box::new(Behaviour::Image(image(100_000))),
        ),
    );
    let image = burrow.ingest(&slow, Label::default()).await.unwrap();
    assert_eq!((image.status, image.attempts), (Status::Ready, 2));
}

#[tokio::test]
async fn origins_at_one_address_share_its_turns() {
    let burrow = builder().per_origin(NonZeroUsize::MIN).build(Arc::new(Memory::default())).unwrap();
    let turn = async |origin| tokio::time::timeout(Duration::from_millis(50), burrow.turn_at_address(origin)).await;
    let one = turn("203.0.113.5:1").await.unwrap();
    let _two = turn("203.0.113.5").await.unwrap();
    assert_eq!(burrow.patience.more(), 0);
    assert!(one.is_some() && turn("203.0.113.5:3").await.is_err(), "the third waits");
    assert!(turn("203.0.113.6").await.is_ok() && turn("[2001:db8::1]:80").await.unwrap().is_some());
    drop(one);
    assert!(turn("203.0.113.5:3").await.unwrap().is_some());
    // Origins on this machine share nothing but the machine; a name that leads nowhere waits for nobody.
    for origin in ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3", "[::1]:4", "nobody.invalid"] {
        assert!(burrow.turn_at_address(origin).await.is_none(), "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_job_is_worked_on_once_at_a_time() {
    let (origin, (open, gate)) = (Origin::start().await, tokio::sync::watch::channel(false));
    let burrow = builder().build(Arc::new(Memory::default())).unwrap();
    let url = origin.serve("/1.bmp", Behaviour::Gated(image(100_000), gate));
    let job = burrow.submit(&url, Label::default()).await.unwrap();
    let working = tokio::spawn({
        let (burrow, id) = (burrow.clone(), job.id.clone());
        async move { burrow.work(&id).await }
    });
    while origin.requests() == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let error = burrow.work(&job.id).await.unwrap_err();
    assert!(matches!(error, Error::Vault(VaultError::WrongStatus(_))), "{error}");
    open.send(true).unwrap();
    assert_eq!(working.await.unwrap().unwrap().attempts, 1);
    assert_eq!(burrow.work(&job.id).await.unwrap().status, Status::Ready);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_there_is_not_fetched_again() {
    let origin = Origin::start().await;
    let burrow = builder().build(Arc::new(Memory::default())).unwrap();
    let good = origin.image("/good.bmp", image(100_000));
    let (first, was_there) = burrow.ensure(&good, named("x")).await.unwrap();
    assert_eq!((first.status, was_there), (Status::Ready, false));
    let (second, was_there) = burrow.ensure(&good, named("y")).await.unwrap();
    assert_eq!((&second.id, second.name.as_str(), was_there), (&first.id, "x", true));
    let bad = origin.serve("/bad.bmp", Behaviour::Status(404));
    let (failed, _) = burrow.ensure(&bad, Label::default()).await.unwrap();
    assert_eq!(failed.status, Status::Failed);
    origin.image("/bad.bmp", image(50_000));
    let (mended, was_there) = burrow.ensure(&bad, Label::default()).await.unwrap();
    assert_eq!((&mended.id, mended.status, was_there), (&failed.id, Status::Ready, false));
    let begun = burrow.submit(&origin.image("/begun.bmp", image(60_000)), Label::default()).await.unwrap();
    let (ended, _) = burrow.ensure(begun.source.unwrap(), Label::default()).await.unwrap();
    assert_eq!((ended.id, ended.status), (begun.id, Status::Ready));
    assert_eq!(burrow.list(&Filter::default(), None, 10).await.unwrap().images.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_image_is_packed_by_several_instances() {
    let burrow = builder().jobs(NonZeroUsize::new(2).unwrap()).build(Arc::new(Memory::default())).unwrap();
    // A content that deflate shrinks to its end.
    let large = Bytes::from([&image(100)[..], &vec![7; 12_000_000]].concat());
    let packed = burrow.put(Cursor::new(large.clone()), named("x")).await.unwrap();
    assert_eq!(packed.content.unwrap().size, large.len() as u64);
    // The content has 48 blocks. One instance packs the first 32; of the others some may have found no turn elsewhere.
    assert!(crate::metrics::blocks_packed() > 8, "{}", crate::metrics::blocks_packed());
}

/// Gives some bytes, then fails.
struct Breaks(Cursor<Bytes>);

impl AsyncRead for Breaks {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, to: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let before = to.filled().len();
        let read = Pin::new(&mut self.0).poll_read(cx, to);
        if to.filled().len() == before { Poll::Ready(Err(std::io::Error::other("the disk is gone"))) } else { read }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_read_to_its_end_is_not_stored() {
    let burrow = builder().build(Arc::new(Memory::default())).unwrap();
    for size in [0, 100, 700_000] {
        let error = burrow.put(Breaks(Cursor::new(image(size))), named("x")).await.unwrap_err();
        assert!(matches!(&error, Error::Read(error) if error.to_string() == "the disk is gone"), "{size}: {error}");
    }
    assert_eq!(burrow.stats().await.unwrap().images, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_the_store_are_done_until_told_to_stop() {
    let (origin, (open, gate)) = (Origin::start().await, tokio::sync::watch::channel(false));
    let burrow = builder().build(Arc::new(Memory::default())).unwrap();
    let submit = async |path: &str, behaviour| {
        let url = origin.serve(path, behaviour);
        burrow.submit(&url, Label::default()).await.unwrap().id
    };
    let first = submit("/1.bmp", Behaviour::Image(image(100_000))).await;
    let stop = CancellationToken::new();
    let jobs = tokio::spawn({
        let (burrow, stop) = (burrow.clone(), stop.clone());
        async move { burrow.do_jobs(stop.cancelled_owned()).await }
    });
    let ends = async |id: &str| {
        while burrow.get(id).await.unwrap().status != Status::Ready {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    ends(&first).await;
    // A job that is recorded begins at once, long before the next sweep.
    let began = Instant::now();
    let second = submit("/2.bmp", Behaviour::Image(image(200_000))).await;
    ends(&second).await;
    assert!(began.elapsed() < SWEEP_EVERY / 2, "{:?}", began.elapsed());
    let gated = submit("/3.bmp", Behaviour::Gated(image(300_000), gate)).await;
    while origin.requests() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    stop.cancel();
    let later = submit("/4.bmp", Behaviour::Image(image(200_000))).await;
    open.send(true).unwrap();
    jobs.await.unwrap();
    assert_eq!(burrow.get(&gated).await.unwrap().status, Status::Ready);
    assert_eq!(burrow.get(&later).await.unwrap().status, Status::Pending);
}

/// Whoever is dropped while it works leaves no lease that keeps others from the job.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_caller_gave_up_is_gone_on_with_at_once() {
    let (origin, (open, gate)) = (Origin::start().await, tokio::sync::watch::channel(false));
    let burrow = builder().build(Arc::new(Memory::default())).unwrap();
    let gated = |path: &str| origin.serve(path, Behaviour::Gated(image(100_000), gate.clone()));
    let (first, second) = (gated("/1.bmp"), gated("/2.bmp"));
    for url in [&first, &second] {
        let before = origin.requests();
        let ensure = burrow.ensure(url, Label::default());
        tokio::select! {
            _ = ensure => unreachable!("the origin has not answered"),
            () = async { while origin.requests() == before { tokio::time::sleep(Duration::from_millis(5)).await } } => {}
        }
    }
    open.send(true).unwrap();
    let soon = Duration::from_secs(20);
    let ensured = tokio::time::timeout(soon, burrow.ensure(&first, Label::default())).await.expect("it is locked");
    assert_eq!(ensured.unwrap().0.status, Status::Ready);
    let id = burrow.get_by_source(&second).await.unwrap().id;
    let ends = async {
        while burrow.get(&id).await.unwrap().status != Status::Ready {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let ended = async { tokio::time::timeout(soon, ends).await.expect("nobody takes it up") };
    Box::pin(burrow.do_jobs(ended)).await;
    assert_eq!(burrow.stats().await.unwrap().images, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_origin_is_asked_for_so_much_at_once() {
    let (origin, (open, gate)) = (Origin::start().await, tokio::sync::watch::channel(false));
    let burrow = builder().per_origin(NonZeroUsize::new(3).unwrap()).build(Arc::new(Memory::default())).unwrap();
    let urls: Vec<_> = (0..10)
        .map(|n| origin.serve(&format!("/{n}.bmp"), Behaviour::Gated(image(100_000 + n), gate.clone())))
        .collect();
    let jobs = futures::future::join_all(urls.iter().map(|url| burrow.ingest(url, Label::default())));
    let opening = async {
        while origin.requests() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Time enough for a fourth request to arrive, if one was sent.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(origin.requests(), 3);
        open.send(true).unwrap();
    };
    let (images, ()) = tokio::join!(jobs, opening);
    assert!(images.iter().all(|image| image.as_ref().unwrap().status == Status::Ready));
    assert_eq!(origin.requests(), 10);
}
