//! The log and the access log: request ids, events of the component, and no secrets.

use std::path::Path;

use hyper::Method;
use redb::{Database, ReadableTable as _, TableDefinition};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;

use super::{Served, events, rest};
use crate::support::client::Reply;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};
use crate::support::process::{Process, serve};

/// Flags that make every line of the log a JSON object.
const JSON: [&str; 2] = ["--log-format", "json"];

const ID: &str = "x-request-id";

pub async fn every_answer_has_its_request_id() {
    let served = Served::new(&["--access-log", JSON[0], JSON[1]], &[]).await;
    let longest = "x".repeat(64);
    let mut known = Vec::new();
    for id in ["a", "A-b_c.9", &longest] {
        for path in ["/stats", "/nothing", "/healthz"] {
            assert_eq!(served.client.send(Method::GET, path, &[(ID, id)], "").await.header(ID), id);
        }
        known.push(id.to_owned());
    }
    let is_new = |reply: &Reply| {
        let id = reply.header(ID).to_owned();
        assert!(id.len() == 36 && id.as_bytes()[14] == b'7' && id != longest, "{id} is no UUIDv7");
        id
    };
    for id in ["", "a b", "a/b", "<b>", &format!("{longest}x")] {
        known.push(is_new(&served.client.send(Method::GET, "/stats", &[(ID, id)], "").await));
    }
    known.push(is_new(&served.client.get("/nothing").await));
    // An answer that the host gives itself has an id, too.
    let answer =
        rest(served.begun("GET / HTTP/1.1\r\nX-Request-Id: without-host\r\nConnection: close\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("x-request-id: without-host\r\n"), "{answer}");
    assert!(answer.contains("x-content-type-options: nosniff\r\n") && answer.contains("cache-control: no-store\r\n"));
    known.push("without-host".into());
    let log = served.logged("without-host").await;
    let logged: Vec<Value> = events(&log, "burrow::access").iter().map(|event| event["request_id"].clone()).collect();
    assert!(known.iter().all(|id| logged.contains(&json!(id))), "{known:?} {log}");
}

pub async fn the_access_log_has_a_line_a_request() {
    let served = Served::new(&["--access-log", "--log", "error", JSON[0], JSON[1]], &[]).await;
    let client = &served.client;
    let (photo, png) = (fixture("photo.png"), [("content-type", "image/png")]);
    let stored = client.send(Method::POST, "/images?name=of-the-query", &png, photo.clone()).await;
    let content = stored.json()["content"].as_str().unwrap().to_owned();
    client.send(Method::HEAD, &content, &[], "").await;
    let sent = client.get(&format!("{content}?of=the-query")).await.body.len();
    client.get("/nothing").await;
    let answered = served.logged("/nothing").await;
    // A request whose client hangs up before the answer.
    let (origin, (_open, gate)) = (Origin::start().await, watch::channel(false));
    let add = json!({ "url": origin.serve("/a.bmp", Behaviour::Gated(bitmap(300_000, 4).into(), gate)) }).to_string();
    let head = "POST /images HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nPrefer: wait=30\r\n";
    let gone = served.begun(&format!("{head}Content-Length: {}\r\n\r\n{add}", add.len())).await;
    while origin.requests() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    let log = served.logged("\"status\":499").await;
    assert!(log.starts_with(&answered) && !log.contains("the-query"), "{log}");
    let events = events(&log, "burrow::access");
    let told: Vec<_> =
        events.iter().map(|event| ["method", "path", "status", "bytes"].map(|name| event[name].clone())).collect();
    assert_eq!(told[0][..3], [json!("POST"), json!("/images"), json!(201)], "{log}");
    assert_eq!(told[1], [json!("HEAD"), json!(content), json!(200), json!(0)], "{log}");
    assert_eq!(told[2], [json!("GET"), json!(content), json!(200), json!(sent)], "{log}");
    assert_eq!(told[3][..3], [json!("GET"), json!("/nothing"), json!(404)], "{log}");
    assert_eq!(told[4], [json!("POST"), json!("/images"), json!(499), json!(0)], "{log}");
    assert_eq!(told.len(), 5, "{log}");
    for event in &events {
        assert!(event["duration_ms"].as_f64().is_some_and(|time| time > 0.0), "{event}");
        assert!(event["peer"].as_str().is_some_and(|peer| peer.starts_with("127.0.0.1:")), "{event}");
        assert_eq!((event["level"].as_str(), event["request_id"].as_str().unwrap().len()), (Some("INFO"), 36));
        assert!(event["timestamp"].is_string(), "{event}");
    }

    // The access log as text; and without `--access-log`.
    let served = Served::new(&["--access-log"], &[]).await;
    served.client.get("/stats?of=the-query").await;
    let log = served.logged("burrow::access").await;
    assert!(log.contains("method=GET path=/stats status=200 bytes=") && !log.contains("the-query"), "{log}");
    let mut served = Served::new(&[], &[]).await;
    served.client.get("/stats").await;
    assert_eq!(served.process.stop().await.0.stderr, "");
}

/// Overwrites every chunk.
fn damage(store: &Path) {
    const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
    let database = Database::open(store.join("vault.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(VALUES).unwrap();
        let chunks = table.range("b1:c:".."b1:d").unwrap().map(|entry| entry.unwrap().0.value().to_owned());
        for key in chunks.collect::<Vec<_>>() {
            table.insert(key.as_str(), &b"no chunk"[..]).unwrap();
        }
    }
    transaction.commit().unwrap();
}

pub async fn what_the_component_logs_is_an_event() {
    let mut served = Served::new(&[], &[]).await;
    let stored =
        served.client.send(Method::POST, "/images", &[("content-type", "image/png")], fixture("photo.png")).await;
    let content = stored.json()["content"].as_str().unwrap().to_owned();
    served.process.stop().await;
    damage(served.store.path());
    let served = Served::over(served.store, &JSON, &[]).await;
    assert_eq!(served.client.get(&content).await.status, 500);
    let log = served.logged("burrow::component").await;
    let events = events(&log, "burrow::component");
    assert_eq!((events.len(), events[0]["level"].as_str()), (1, Some("ERROR")), "{log}");
    assert!(events[0]["message"].as_str().unwrap().contains("b1:c:"), "{log}");
}

/// No secret is logged, although `--log trace` logs everything that it can.
pub async fn no_secret_is_in_any_log() {
    const SECRETS: [&str; 6] = [
        "the-write-token",
        "the-read-token",
        "the-secret-of-all-links",
        "some-wrong-token",
        "the-redis-password",
        "the-secret-cookie",
    ];
    let bearer = |token: &str| format!("Bearer {token}");
    let (write, read, wrong) = (bearer(SECRETS[0]), bearer(SECRETS[1]), bearer(SECRETS[3]));
    let all = ["--access-log", "--log", "trace"];
    let keys = format!("k:{}", SECRETS[2]);
    let origin = Origin::start().await;
    let cookie = format!("{} Cookie: {}", origin.base(), SECRETS[5]);
    let variables = [
        ("BURROW_WRITE_TOKEN", SECRETS[0]),
        ("BURROW_READ_TOKEN", SECRETS[1]),
        ("BURROW_LINK_KEYS", keys.as_str()),
        ("BURROW_REQUEST_HEADERS", cookie.as_str()),
    ];
    let mut logs = Vec::new();
    let mut signatures = Vec::new();
    for format in ["text", "json"] {
        let mut served = Served::new(&[&all[..], &["--log-format", format]].concat(), &variables).await;
        let client = &served.client;
        let send = async |method, path: &str, token: &str, type_: &str, body: Vec<u8>| {
            client.send(method, path, &[("authorization", token), ("content-type", type_)], body).await
        };
        let stored = send(Method::POST, "/images", &write, "image/png", fixture("photo.png")).await;
        let image = format!("/images/{}", stored.json()["id"].as_str().unwrap());
        let url = json!({ "url": origin.image("/photo.gif", fixture("photo.gif")) }).to_string();
        let added = send(Method::POST, "/images", &write, "application/json", url.into()).await;
        assert_eq!(added.status, 202);
        while origin.told("/photo.gif", "cookie").last().is_none_or(|told| told != SECRETS[5]) {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        for token in [&read, &wrong] {
            send(Method::GET, "/images", token, "image/png", Vec::new()).await;
            send(Method::DELETE, &image, token, "image/png", Vec::new()).await;
        }
        let links = format!("{image}/links");
        let link = send(Method::POST, &links, &write, "application/json", b"{}".to_vec()).await.json();
        let path = link["path"].as_str().unwrap();
        assert_eq!(client.get(path).await.status, 200, "{path}");
        assert_eq!(client.get(&format!("{path}x")).await.status, 403, "{path}");
        let (_, signature) = path.rsplit_once('=').unwrap();
        signatures.push(signature.to_owned());
        // Requests that cannot be parsed are logged, too.
        for line in ["GET / HTTP/1.1", "GET a b HTTP/1.1"] {
            rest(served.begun(&format!("{line}\r\nAuthorization: {write}\r\nConnection: close\r\n\r\n")).await).await;
        }
        served.logged("a connection ended early").await;
        logs.push(served.process.stop().await.0.stderr);
    }
    logs.push(redis(SECRETS[4], &all).await);
    for log in &logs {
        assert!(log.contains("burrow::access") || log.contains("the Redis at"), "{log}");
        for secret in SECRETS.iter().copied().chain(signatures.iter().map(String::as_str)) {
            let line = log.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "{secret} is in the log: {line:?}");
        }
    }
}

/// The log of a server whose Redis refuses this password.
async fn redis(password: &str, flags: &[&str]) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = format!("redis://someone:{password}@{}/0", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 1024];
            while matches!(stream.read(&mut asked).await, Ok(1..)) {
                stream.write_all(b"-WRONGPASS invalid username-password pair or user is disabled.\r\n").await.unwrap();
            }
        }
    });
    let mut command = serve(Path::new(&store));
    let ended = Process::spawn(command.args(flags)).ready().await.unwrap_err();
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    ended.stderr
}
