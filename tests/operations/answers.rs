//! Answers that are sent again without asking the component.

use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::Method;

use super::Served;
use crate::support::client::{Client, Reply};
use crate::support::host::burrow;
use crate::support::images::{bitmap, fixture};

const METRICS: [&str; 2] = ["--metrics", "127.0.0.1:0"];

async fn store(client: &Client, name: &str, bytes: Vec<u8>) -> String {
    let path = format!("/images?name={name}");
    let reply = client.send(Method::POST, &path, &[("content-type", "image/bmp")], bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn get(client: &Client, path: &str, fields: &[(&str, &str)]) -> Reply {
    client.send(Method::GET, path, fields, "").await
}

/// How many answers were sent again without asking the component.
async fn reused(server: &Served) -> u64 {
    let metrics = server.metrics().get("/metrics").await.text();
    let line = metrics.lines().find_map(|line| line.strip_prefix("burrow_http_answers_reused_total "));
    line.unwrap_or_else(|| panic!("no such counter: {metrics}")).parse().unwrap()
}

/// Head and body, without the fields that each answer has of its own.
fn apart_from_itself(mut reply: Reply) -> String {
    for own in ["date", "x-request-id"] {
        reply.headers.remove(own);
    }
    format!("{} {:?} {:?}", reply.status, reply.headers, reply.body)
}

pub async fn an_answer_is_sent_again_as_it_was() {
    let served = Served::new(&METRICS, &[]).await;
    let plain = Served::new(&["--answer-cache", "0", "--metrics", "127.0.0.1:0"], &[]).await;
    let id = store(&served.client, "a.bmp", bitmap(300_000, 1)).await;
    let drawn = store(&served.client, "b.png", fixture("photo.png")).await;
    let path = format!("/images/{id}/content");
    let etag = served.client.get(&path).await.header("etag").to_owned();
    for (path, fields) in [
        (path.clone(), vec![]),
        (path.clone(), vec![("accept-encoding", "gzip")]),
        (path.clone(), vec![("range", "bytes=100000-299999")]),
        (path.clone(), vec![("range", "bytes=0-9,280000-280009")]),
        (path.clone(), vec![("range", "bytes=0-9"), ("if-range", etag.as_str())]),
        (path.clone(), vec![("if-none-match", etag.as_str())]),
        (path.clone(), vec![("origin", "https://elsewhere.example")]),
        (format!("{path}?download"), vec![]),
        (format!("/images/{drawn}/thumbnail?w=160"), vec![("accept", "image/webp")]),
    ] {
        let first = get(&served.client, &path, &fields).await;
        let before = reused(&served).await;
        let second = get(&served.client, &path, &fields).await;
        assert_eq!(reused(&served).await, before + 1, "{path} {fields:?}: {}", second.status);
        assert_eq!(apart_from_itself(first), apart_from_itself(second), "{path} {fields:?}");
    }
    let before = reused(&served).await;
    for (method, path, fields) in [
        (Method::HEAD, path.as_str(), vec![]),
        (Method::GET, path.as_str(), vec![("authorization", "Bearer whatever")]),
        (Method::GET, "/images/by-name/a.bmp/content", vec![]),
        (Method::GET, "/images", vec![]),
    ] {
        for _ in 0..2 {
            served.client.send(method.clone(), path, &fields, "").await;
        }
        assert_eq!(reused(&served).await, before, "{method} {path} {fields:?}");
    }
    let id = store(&plain.client, "a.bmp", bitmap(300_000, 1)).await;
    for _ in 0..2 {
        assert_eq!(plain.client.get(&format!("/images/{id}/content")).await.status, 200);
    }
    assert_eq!(reused(&plain).await, 0);
}

pub async fn an_answer_is_not_sent_again_once_the_image_changed() {
    let served = Served::new(&METRICS, &[]).await;
    let client = &served.client;
    let id = store(client, "a.bmp", bitmap(20_000, 1)).await;
    let path = format!("/images/{id}/content");
    for _ in 0..2 {
        assert!(client.get(&path).await.header("content-disposition").contains("a.bmp"));
    }
    // Another process renames it, through this one's socket.
    let renamed = burrow(served.store.path()).args(["rename", &id, "b.bmp"]).output().await.unwrap();
    assert!(renamed.status.success(), "{renamed:?}");
    for _ in 0..2 {
        assert!(client.get(&path).await.header("content-disposition").contains("b.bmp"));
    }
    assert_eq!(client.send(Method::DELETE, &format!("/images/{id}"), &[], "").await.status, 204);
    assert_eq!(client.get(&path).await.status, 404);
}

pub async fn what_needs_a_token_is_not_sent_to_others() {
    let key = "new:0123456789abcdef0123";
    let tokens = [
        ("BURROW_WRITE_TOKEN", "a-writers-token"),
        ("BURROW_READ_TOKEN", "a-readers-token"),
        ("BURROW_LINK_KEYS", key),
    ];
    let served = Served::new(&METRICS, &tokens).await;
    let with = |token: &'static str| [("authorization", token), ("content-type", "image/bmp")];
    let made = served
        .client
        .send(Method::POST, "/images?name=a.bmp", &with("Bearer a-writers-token"), bitmap(20_000, 1))
        .await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    let path = format!("/images/{id}/content");
    let link = served
        .client
        .send(Method::POST, &format!("/images/{id}/links"), &with("Bearer a-writers-token")[..1], "")
        .await;
    assert_eq!(link.status, 201, "{}", link.text());
    for _ in 0..2 {
        assert_eq!(get(&served.client, &path, &with("Bearer a-readers-token")[..1]).await.status, 200);
        assert_eq!(served.client.get(link.json()["path"].as_str().unwrap()).await.status, 200);
        assert_eq!(served.client.get(&path).await.status, 401);
    }
    assert_eq!(reused(&served).await, 0);
}

/// Readers ask for images while a writer stores and removes them. No request that begins after a removal was
/// acknowledged gets the image.
pub async fn a_removed_image_is_gone_for_every_reader() {
    const READERS: usize = 4;
    let served = Served::new(&METRICS, &[]).await;
    let removed = AtomicUsize::new(0);
    let (client, removed) = (&served.client, &removed);
    let mut ids = Vec::new();
    for n in 0..40 {
        ids.push(store(client, "a.bmp", bitmap(2_000, n)).await);
    }
    let ids = &ids;
    let removing = async {
        for id in ids {
            // It has been read before, so its answer is kept, and it is being read now.
            client.get(&format!("/images/{id}/content")).await;
            assert_eq!(client.send(Method::DELETE, &format!("/images/{id}"), &[], "").await.status, 204);
            removed.fetch_add(1, Ordering::SeqCst);
        }
    };
    let reading = || async {
        loop {
            let gone = removed.load(Ordering::SeqCst);
            // The image removed last, and the one that is next.
            for (n, id) in ids.iter().enumerate().skip(gone.saturating_sub(1)).take(2) {
                let status = client.get(&format!("/images/{id}/content")).await.status;
                assert!(n >= gone || status == 404, "image {n}, {gone} are removed: {status}");
            }
            if gone == ids.len() {
                break;
            }
        }
    };
    futures::join!(removing, futures::future::join_all((0..READERS).map(|_| reading())));
}
