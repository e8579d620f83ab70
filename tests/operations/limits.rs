//! Limits on requests, bytes and connections at once, and slow clients.

use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Served, rest, upload};
use crate::support::client::Reply;
use crate::support::images::{bitmap, fixture};

/// Asks until the answer is not 503.
async fn once_there_is_room(served: &Served, path: &str) -> Reply {
    loop {
        let reply = served.client.get(path).await;
        if reply.status != 503 {
            return reply;
        }
    }
}

fn is_refusal(reply: &Reply, limit: &str, allowed: usize, seen: usize) {
    assert_eq!(reply.status, 503, "{}", reply.text());
    let headers = ["content-type", "retry-after", "x-content-type-options", "cache-control"];
    assert_eq!(headers.map(|name| reply.header(name)), ["application/problem+json", "1", "nosniff", "no-store"]);
    let problem = reply.json();
    let told = ["type", "limit", "allowed", "seen", "status"].map(|name| problem[name].clone());
    assert_eq!(told, [json!("/problems/limit"), json!(limit), json!(allowed), json!(seen), json!(503)], "{problem}");
}

pub async fn what_is_over_a_limit_waits_and_is_refused() {
    tokio::join!(requests(), bytes(), connections());
}

async fn requests() {
    let served = Served::new(&["--max-requests", "1"], &[]).await;
    let image = bitmap(100_000, 1);
    let mut slow = served.begun(&upload(image.len())).await;
    slow.write_all(&image[..1000]).await.unwrap();
    // The upload has arrived once other requests are refused.
    let reply = loop {
        let asked = Instant::now();
        let reply = served.client.get("/stats").await;
        if reply.status == 503 {
            assert!(asked.elapsed() >= Duration::from_millis(900), "it did not wait");
            break reply;
        }
    };
    is_refusal(&reply, "max_requests", 1, 2);
    assert_eq!(served.client.get("/healthz").await.status, 200);
    // A waiting request is served when room becomes free.
    let waiting = served.client.get("/stats");
    let ending = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        drop(slow);
    };
    let (reply, ()) = tokio::join!(waiting, ending);
    assert_eq!(reply.status, 200, "{}", reply.text());
}

async fn bytes() {
    const MIB: usize = 1 << 20;
    let served = Served::new(&["--max-bytes-in-flight", &(3 * MIB).to_string()], &[]).await;
    let image = bitmap(9 * MIB, 2);
    let mut slow = served.begun(&upload(image.len())).await;
    // A body that has begun takes its whole room; one of which little has come takes little.
    let _idle = served.begun(&upload(image.len())).await;
    slow.write_all(&image[..200_000]).await.unwrap();
    let type_ = [("content-type", "image/bmp")];
    let big = bitmap(3 * MIB / 2, 3);
    let reply = loop {
        let reply = served.client.send(Method::POST, "/images", &type_, big.clone()).await;
        if reply.status == 503 {
            break reply;
        }
    };
    is_refusal(&reply, "max_bytes_in_flight", 3 * MIB, 2 * MIB + 64 * 1024 + big.len());
    // There is room for a small body, and for requests without one.
    let small = served.client.send(Method::POST, "/images", &type_, fixture("photo.bmp")).await;
    assert_eq!((small.status.as_u16(), served.client.get("/stats").await.status.as_u16()), (201, 200));
    drop(slow);
    loop {
        let reply = served.client.send(Method::POST, "/images", &type_, big.clone()).await;
        if reply.status != 503 {
            assert!(reply.status.is_success(), "{}", reply.text());
            break;
        }
    }
}

async fn connections() {
    let served = Served::new(&["--max-connections", "2"], &[]).await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    // A connection that was answered has its place, and keeps it.
    let kept = async || {
        let mut stream = served.begun(&ask("/healthz")).await;
        stream.read_exact(&mut [0; 12]).await.unwrap();
        stream
    };
    let (one, two) = (kept().await, kept().await);
    let refused = rest(served.begun(&ask("/stats")).await).await;
    let (head, body) = refused.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 503") && head.to_lowercase().contains("connection: close"), "{head}");
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&problem["limit"], &problem["allowed"]), (&json!("max_connections"), &json!(2)));
    let healthy = rest(served.begun(&ask("/healthz")).await).await;
    assert!(healthy.starts_with("HTTP/1.1 200"), "{healthy}");
    drop((one, two));
    assert_eq!(once_there_is_room(&served, "/stats").await.status, 200);
}

/// Of many bodies that trickle none keeps others out, and each is ended after half a minute.
pub async fn bodies_that_trickle_keep_nobody_out() {
    let served = Served::new(&[], &[]).await;
    let head = upload(100_000_000);
    let mut trickles = Vec::new();
    for _ in 0..140 {
        trickles.push(served.begun(&head).await);
    }
    let began = Instant::now();
    let trickling = async {
        let mut ended = None;
        while ended.is_none() {
            for stream in &mut trickles {
                // The end shows in the first answer.
                if stream.write_all(&[b'B'; 17]).await.is_err() {
                    ended = Some(began.elapsed());
                }
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        ended.unwrap()
    };
    let others = async {
        let type_ = [("content-type", "image/bmp")];
        for n in 0..20 {
            let reply = served.client.send(Method::POST, "/images", &type_, bitmap(300_000, n)).await;
            assert!(reply.status.is_success(), "{}", reply.text());
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let (ended, ()) = tokio::join!(tokio::time::timeout(Duration::from_mins(2), trickling), others);
    let ended = ended.expect("a body that trickles is not ended");
    assert!(ended >= Duration::from_secs(25), "{ended:?}");
}

/// The server hangs up after 10 seconds on a client that sends nothing, nothing more, or a head that does not end.
pub async fn slow_clients_are_bounded() {
    let served = Served::new(&[], &[]).await;
    let upload = upload(1_000_000);
    let (silent, idle, head, body) = tokio::join!(
        served.begun(""),
        served.begun("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        served.begun("GET /healthz HTTP/1.1\r\nHost: bur"),
        served.begun(&upload),
    );
    let began = Instant::now();
    let (head_in, mut head_out) = head.into_split();
    let trickle = tokio::spawn(async move {
        while head_out.write_all(b"r").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let trickled = async {
        let (mut head_in, mut answer) = (head_in, Vec::new());
        let _ = head_in.read_to_end(&mut answer).await;
        (answer.len(), began.elapsed())
    };
    let closed = async |stream| (rest(stream).await, began.elapsed());
    let (silent, idle, trickled, body) = tokio::join!(closed(silent), closed(idle), trickled, closed(body));
    trickle.abort();
    for (what, time) in [("silent", silent.1), ("idle", idle.1), ("head", trickled.1), ("body", body.1)] {
        assert!((Duration::from_secs(9)..Duration::from_secs(25)).contains(&time), "{what}: {time:?}");
    }
    assert!(silent.0.is_empty() && idle.0.starts_with("HTTP/1.1 200"), "{}{}", silent.0, idle.0);
    let (head, problem) = body.0.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 408") && head.to_lowercase().contains("connection: close"), "{head}");
    assert!(head.contains("application/problem+json") && head.contains("x-request-id"), "{head}");
    assert!(problem.contains("\"status\":408") && problem.contains("nothing came for too long"), "{problem}");
}
