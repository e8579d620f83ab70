//! Limits by client address, behind a proxy that names its clients.

use hyper::Method;
use serde_json::json;

use super::Served;
use crate::support::client::Reply;
use crate::support::images::{bitmap, fixture};

const PNG: (&str, &str) = ("content-type", "image/png");
const FORWARDED: &str = "x-forwarded-for";

/// A server that believes this machine what it says of its clients.
async fn behind_a_proxy(flags: &[&str], variables: &[(&str, &str)]) -> Served {
    Served::new(&[&["--trusted-proxies", "127.0.0.0/8, ::1"], flags].concat(), variables).await
}

async fn ask(served: &Served, client: &str, method: Method, path: &str, headers: &[(&str, &str)]) -> Reply {
    let headers = [&[(FORWARDED, client)], headers].concat();
    served.client.send(method, path, &headers, "").await
}

fn is_refusal(reply: &Reply, limit: &str, allowed: u64) {
    assert_eq!(reply.status, 429, "{}", reply.text());
    let problem = reply.json();
    let told = ["type", "limit", "allowed", "status"].map(|name| problem[name].clone());
    assert_eq!(told, [json!("/problems/client-limit"), json!(limit), json!(allowed), json!(429)], "{problem}");
    let seconds: u64 = reply.header("retry-after").parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
}

pub async fn a_client_has_its_share_and_no_more() {
    tokio::join!(at_once(), requests_in_a_minute(), bytes_in_a_minute());
}

async fn at_once() {
    let served = behind_a_proxy(&["--max-requests-per-client", "1", "--metrics", "127.0.0.1:0"], &[]).await;
    let begin = "POST /images HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 9.9.9.9, 203.0.113.5\r\n\
                 Content-Type: image/png\r\nContent-Length: 1000000\r\n\r\n";
    let _slow = served.begun(begin).await;
    let refused = loop {
        let reply = ask(&served, "203.0.113.5", Method::GET, "/stats", &[]).await;
        if reply.status != 200 {
            break reply;
        }
    };
    is_refusal(&refused, "max_requests_per_client", 1);
    for other in ["203.0.113.6", "9.9.9.9"] {
        assert_eq!(ask(&served, other, Method::GET, "/stats", &[]).await.status, 200, "{other}");
    }
    assert_eq!(ask(&served, "203.0.113.5", Method::GET, "/healthz", &[]).await.status, 200);
    let metrics = served.metrics().get("/metrics").await.text();
    assert!(metrics.contains("burrow_http_refused_total{limit=\"max_requests_per_client\"}"), "{metrics}");
}

async fn requests_in_a_minute() {
    let served = behind_a_proxy(&["--requests-per-minute", "5"], &[]).await;
    for _ in 0..5 {
        assert_eq!(ask(&served, "2001:db8::1", Method::GET, "/stats", &[]).await.status, 200);
    }
    // A customer's network is one client.
    is_refusal(&ask(&served, "2001:db8::2", Method::GET, "/stats", &[]).await, "requests_per_minute", 5);
    assert_eq!(ask(&served, "2001:db8:0:1::1", Method::GET, "/stats", &[]).await.status, 200);
}

async fn bytes_in_a_minute() {
    let served = behind_a_proxy(&["--bytes-per-minute", "300000"], &[]).await;
    let client = (FORWARDED, "203.0.113.5");
    let headers = [client, ("content-type", "image/bmp")];
    let upload = async || served.client.send(Method::POST, "/images", &headers, bitmap(200_000, 1)).await;
    let first = upload().await;
    assert_eq!(first.status, 201);
    let content = format!("/images/{}/content", first.json()["id"].as_str().unwrap());
    assert!(ask(&served, client.1, Method::GET, &content, &[]).await.body == bitmap(200_000, 1));
    is_refusal(&upload().await, "bytes_per_minute", 300_000);
    assert_eq!(ask(&served, "203.0.113.6", Method::GET, &content, &[]).await.status, 200);
}

pub async fn who_guesses_tokens_is_held_up() {
    let served = behind_a_proxy(&[], &[("BURROW_WRITE_TOKEN", "the-write-token")]).await;
    let attacker = "203.0.113.5";
    let right = [("authorization", "Bearer the-write-token")];
    let store = async |client: &str| {
        let headers = [PNG, right[0], (FORWARDED, client)];
        served.client.send(Method::POST, "/images", &headers, fixture("photo.png")).await.status.as_u16()
    };
    for n in 0..100 {
        let guess = format!("Bearer guessed-token-{n}");
        let reply = ask(&served, attacker, Method::POST, "/jobs/resume", &[("authorization", &guess)]).await;
        assert_eq!(reply.status, 401, "{n}");
    }
    // From now on it does not matter whether a guess is right.
    is_refusal(&ask(&served, attacker, Method::POST, "/jobs/resume", &right).await, "wrong_tokens_per_minute", 100);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    is_refusal(&ask(&served, attacker, Method::POST, "/session", &form).await, "wrong_tokens_per_minute", 100);
    // What needs no token is answered, and others are not held up. Who made a change before goes on.
    assert_eq!(ask(&served, attacker, Method::GET, "/stats", &[]).await.status, 200);
    assert_eq!(store("203.0.113.6").await, 201);
    assert_eq!(store(attacker).await, 201);
}
