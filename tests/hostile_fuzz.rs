//! A structured fuzzer that speaks HTTP to the whole server: requests are put together from the routes and parameters of
//! openapi.json and from values that mean something, and then damaged. No answer is a 5xx but 503, each comes in time, and
//! the server's memory stays within bounds.
//!
//! `BURROW_FUZZ_MINUTES` and `BURROW_FUZZ_SEED` let it run for longer, and again.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::images::{fixture, repository};
use crate::support::process::serving;
use crate::support::random::Random;

/// How long it runs in the suite.
const SHORT: Duration = Duration::from_secs(10);

/// Connections at once.
const AT_ONCE: usize = 4;

/// The longest time for an answer to begin.
const TOO_LONG: Duration = Duration::from_mins(1);

/// The most memory of the server, in bytes.
const MEMORY: u64 = 768 << 20;

/// Values of parameters, fields of headers and members of JSON. `@` stands for the id of an image that is there.
const VALUES: [&str; 44] = [
    "",
    "@",
    "0",
    "1",
    "-1",
    "50",
    "400",
    "401",
    "18446744073709551616",
    "true",
    "false",
    "null",
    "photo",
    "a b",
    "ä",
    "%",
    "%00",
    "%C0%80",
    "*",
    "image/png",
    "image/*;q=0.5",
    "ready",
    "failed",
    "pending",
    "2026-01-01",
    "2026-01-01T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "newest",
    "name",
    "-size",
    "bytes=0-",
    "bytes=-1",
    "bytes=5-1,0-0",
    "bytes=0-0,1-1,2-2",
    "\"x\"",
    "W/\"x\", *",
    "gzip, br;q=0, identity;q=0",
    "https://example.org/a.png",
    "http://127.0.0.1/",
    "http://user:pass@example.org:80/",
    "wait=1",
    "same-origin",
    "cross-site",
    "00000000-0000-7000-8000-000000000000",
];

const HEADERS: [&str; 26] = [
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "content-digest",
    "content-encoding",
    "content-length",
    "content-type",
    "cookie",
    "expect",
    "forwarded",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "origin",
    "prefer",
    "range",
    "repr-digest",
    "sec-fetch-site",
    "te",
    "transfer-encoding",
    "want-repr-digest",
    "x-forwarded-for",
];

const MEDIA_TYPES: [&str; 6] = [
    "application/json",
    "application/merge-patch+json",
    "application/x-www-form-urlencoded",
    "image/png",
    "text/csv",
    "multipart/form-data; boundary=x",
];

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get"];

/// What requests are made of.
struct Grammar {
    /// Methods and paths of the operations, and the names of their parameters.
    operations: Vec<(String, String, Vec<String>)>,
    bodies: Vec<Vec<u8>>,
    id: String,
    address: String,
}

impl Grammar {
    fn new(id: String, address: String) -> Self {
        let text = std::fs::read_to_string(repository().join("openapi.json")).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap().iter().filter(|(_, operation)| operation.is_object()) {
                let all = [&item["parameters"], &operation["parameters"]];
                let all = all.iter().filter_map(|list| list.as_array()).flatten();
                let named = all.filter_map(|parameter| {
                    let reference =
                        parameter["$ref"].as_str().and_then(|to| document.pointer(to.trim_start_matches('#')));
                    reference.unwrap_or(parameter)["name"].as_str().map(str::to_owned)
                });
                operations.push((method.to_uppercase(), path.clone(), named.collect()));
            }
        }
        assert!(operations.len() >= 20, "{} operations", operations.len());
        let json = r#"{"url":"https://example.org/a.png","name":"n","tags":["a","b"],"images":["@"],"expires_in":9}"#;
        let part = "--x\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a.png\"\r\n\r\n";
        let multipart = [part.as_bytes(), &fixture("photo.png"), b"\r\n--x--\r\n"].concat();
        let form = b"action=tag&image=@&image=@&tag=t&url=https%3A%2F%2Fexample.org%2Fa.png&name=n".to_vec();
        let bodies =
            vec![Vec::new(), json.into(), form, multipart, fixture("photo.png"), vec![b'['; 20_000], vec![0; 300_000]];
        Self { operations, bodies, id, address }
    }

    fn value(&self, random: &mut Random) -> String {
        let value = random.pick(&VALUES).unwrap().replace('@', &self.id);
        match random.within(0..20) {
            0 => value.repeat(random.within(1..300)),
            1 => format!("{value},{}", random.pick(&VALUES).unwrap()),
            2 => char::from_u32(random.within(0..0x11_0000) as u32).map_or(value, String::from),
            _ => value,
        }
    }

    /// A request, mostly right.
    fn request(&self, random: &mut Random) -> Vec<u8> {
        let (method, path, parameters) = random.pick(&self.operations).unwrap();
        let method = if random.percent(15) { random.pick(&METHODS).unwrap() } else { method.as_str() };
        let mut target = String::new();
        for (n, part) in path.split(['{', '}']).enumerate() {
            match n % 2 {
                0 => target.push_str(part),
                _ if random.percent(60) => target.push_str(&self.id),
                _ => target.push_str(&escaped(&self.value(random))),
            }
        }
        for n in 0..random.within(0..4) {
            let name = random.pick(parameters).map_or_else(|| self.value(random), Clone::clone);
            target.push_str(if n == 0 { "?" } else { "&" });
            write!(target, "{name}={}", escaped(&self.value(random))).unwrap();
        }
        let body = random.pick(&self.bodies).unwrap();
        let body = String::from_utf8(body.clone())
            .map_or_else(|_| body.clone(), |text| text.replace('@', &self.id).into_bytes());
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        write!(head, "Content-Type: {}\r\n", random.pick(&MEDIA_TYPES).unwrap()).unwrap();
        for _ in 0..random.within(0..5) {
            write!(head, "{}: {}\r\n", random.pick(&HEADERS).unwrap(), self.value(random)).unwrap();
        }
        write!(head, "Content-Length: {}\r\n\r\n", body.len()).unwrap();
        let mut request = [head.as_bytes(), &body].concat();
        if random.percent(30) {
            for _ in 0..random.within(1..8) {
                damage(&mut request, random);
            }
        }
        request
    }
}

fn escaped(value: &str) -> String {
    crate::support::client::encode(value)
}

/// Changes, removes or repeats some bytes.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.within(0..bytes.len().min(2000));
    let end = (at + random.within(1..20)).min(bytes.len());
    match random.within(0..4) {
        0 => bytes[at] = random.number() as u8,
        1 => drop(bytes.drain(at..end)),
        2 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        _ => bytes.truncate(end.max(1)),
    }
    if bytes.is_empty() {
        bytes.push(b'G');
    }
}

/// Sends a request, and reads what comes. Returns the status, or `None` if the connection was closed without one.
async fn status_of(address: &str, request: &[u8]) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The server may answer and close before all is sent.
    let _ = stream.write_all(request).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {}
    let line = answer.split(|byte| *byte == b'\r').next()?;
    std::str::from_utf8(line).ok()?.split(' ').nth(1)?.parse().ok()
}

/// How long it runs: `BURROW_FUZZ_MINUTES`, or [`SHORT`].
pub fn time_given() -> Duration {
    std::env::var("BURROW_FUZZ_MINUTES")
        .map_or(SHORT, |minutes| Duration::from_secs_f64(60.0 * minutes.parse::<f64>().unwrap()))
}

pub async fn damaged_requests_fail_as_documented() {
    let seed = Random::seed("BURROW_FUZZ_SEED");
    let store = tempfile::tempdir().unwrap();
    let (process, client) = serving(store.path()).await;
    let image = client
        .send(hyper::Method::POST, "/images?name=photo", &[("content-type", "image/png")], fixture("photo.png"))
        .await
        .json();
    let grammar = Grammar::new(image["id"].as_str().unwrap().into(), client.address().into());
    let (sent, answered, end) = (AtomicU64::new(0), AtomicU64::new(0), Instant::now() + time_given());
    let sending = |n: usize| {
        let mut random = Random::new(seed).branch(n as u64);
        let (grammar, sent, answered) = (&grammar, &sent, &answered);
        async move {
            while Instant::now() < end {
                let request = grammar.request(&mut random);
                let shown = String::from_utf8_lossy(&request[..request.len().min(2000)]).into_owned();
                let status = tokio::time::timeout(TOO_LONG, status_of(&grammar.address, &request)).await;
                let status = status.unwrap_or_else(|_| panic!("seed {seed}: no answer to {shown:?}"));
                sent.fetch_add(1, Ordering::Relaxed);
                if let Some(status) = status {
                    answered.fetch_add(1, Ordering::Relaxed);
                    assert!(status < 500 || status == 503, "seed {seed}: {status} to {shown:?}");
                }
            }
        }
    };
    futures::future::join_all((0..AT_ONCE).map(sending)).await;
    assert_eq!(client.get("/healthz").await.status, 200);
    let (sent, answered, peak) = (sent.into_inner(), answered.into_inner(), process.peak_memory());
    let told = format!("fuzz: seed {seed}: {sent} requests, {answered} answered; {} MiB at most\n", peak >> 20);
    std::io::stderr().write_all(told.as_bytes()).unwrap();
    assert!(answered > sent / 2, "{answered} of {sent} answered");
    assert!(peak < MEMORY, "seed {seed}: {} MiB", peak >> 20);
}
