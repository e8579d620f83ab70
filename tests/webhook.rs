//! The webhook, with a receiver of its own.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::net::TcpListener;

use crate::support::host::{Host, burrow};
use crate::support::images::fixture;
use crate::support::origin::{Behaviour, Origin};

const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZg==";

/// The key that the secret stands for.
const KEY: &[u8] = b"0123456789abcdef";

/// A message.
#[derive(Clone, Debug)]
struct Message {
    headers: HeaderMap,
    body: Bytes,
}

/// A receiver on its own port. It answers with the statuses that it is told, then with 204.
struct Receiver {
    url: String,
    got: Arc<Mutex<Vec<Message>>>,
    statuses: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    async fn start() -> Self {
        Self::at(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    fn at(listener: TcpListener) -> Self {
        let url = format!("http://{}/hook?x=1", listener.local_addr().unwrap());
        let (got, statuses) = (Arc::<Mutex<Vec<Message>>>::default(), Arc::<Mutex<Vec<u16>>>::default());
        let (takes, answers) = (got.clone(), statuses.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (takes, answers) = (takes.clone(), answers.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (takes, answers) = (takes.clone(), answers.clone());
                    async move {
                        assert_eq!((request.method(), request.uri().query()), (&Method::POST, Some("x=1")));
                        let headers = request.headers().clone();
                        let body = request.into_body().collect().await.unwrap().to_bytes();
                        takes.lock().unwrap().push(Message { headers, body });
                        let status = answers.lock().unwrap().pop().unwrap_or(204);
                        Ok::<_, Infallible>(Response::builder().status(status).body(Empty::<Bytes>::new()).unwrap())
                    }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { url, got, statuses }
    }

    fn settings(&self) -> [(&'static str, &str); 2] {
        [("webhook_url", &self.url), ("webhook_secret", SECRET)]
    }

    /// Waits until it has so many messages.
    async fn has(&self, count: usize) -> Vec<Message> {
        let begun = Instant::now();
        loop {
            let got = self.got.lock().unwrap().clone();
            if got.len() >= count {
                return got;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{got:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Message {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The message as JSON. Panics if its signature is wrong.
    fn verified(&self) -> Value {
        let (id, seconds) = (self.header("webhook-id"), self.header("webhook-timestamp"));
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
        assert!(now.abs_diff(seconds.parse().unwrap()) < 120, "{seconds}");
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY).unwrap();
        mac.update(format!("{id}.{seconds}.").as_bytes());
        mac.update(&self.body);
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(self.header("webhook-signature"), signature);
        assert_eq!(self.header("content-type"), "application/json");
        assert_eq!(self.header("content-length"), self.body.len().to_string());
        serde_json::from_slice(&self.body).unwrap()
    }
}

pub async fn each_end_is_told_and_signed(host: Host) {
    let (receiver, origin) = (Receiver::start().await, Origin::start().await);
    let burrow = host.start_with(&receiver.settings()).await;
    let client = &burrow.client;
    let ready = client.add_ready(&json!({ "url": origin.image("/a.png", fixture("photo.png")), "tags": ["t"] })).await;
    let got = receiver.has(1).await;
    let message = got[0].verified();
    assert_eq!((&message["type"], &message["data"]), (&json!("image.ready"), &ready));
    assert_eq!(message["timestamp"], ready["updated"]);
    let id = client.add(&json!({ "url": origin.serve("/b.png", Behaviour::Status(404)) })).await;
    client.settled(&id).await;
    let got = receiver.has(2).await;
    let message = got[1].verified();
    assert_eq!((&message["type"], &message["data"]["id"]), (&json!("image.failed"), &json!(id)));
    assert!(message["data"]["error"].as_str().unwrap().contains("404"), "{message}");
    // Uploads, too; and each only once.
    client.send(Method::POST, "/images", &[("content-type", "image/gif")], fixture("photo.gif")).await;
    receiver.has(3).await;
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert_eq!(receiver.has(3).await.len(), 3);
    let ids: std::collections::BTreeSet<_> =
        receiver.has(3).await.iter().map(|message| message.header("webhook-id").to_owned()).collect();
    assert_eq!(ids.len(), 3);
}

/// What became ready while the receiver was away is told after a restart, with the same ids as before.
pub async fn a_receiver_that_was_away_gets_everything(host: Host) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let receiver = Receiver::at(listener);
    receiver.statuses.lock().unwrap().extend([503, 503]);
    let mut burrow = host.start_with(&receiver.settings()).await;
    let origin = Origin::start().await;
    for n in 0..3 {
        let url = origin.image(&format!("/{n}.png"), fixture("photo.png"));
        burrow.client.add_ready(&json!({ "url": url })).await;
    }
    let refused = receiver.has(1).await;
    burrow.kill_and_restart().await;
    // On Spin somebody has to call.
    let begun = Instant::now();
    let ready = |messages: &[Message]| {
        let names = messages.iter().map(|message| message.verified()["data"]["name"].as_str().unwrap().to_owned());
        names.collect::<std::collections::BTreeSet<_>>()
    };
    loop {
        burrow.client.send(Method::POST, "/jobs/resume", &[], "").await;
        let got = receiver.has(1).await;
        if ready(&got).len() == 3 && receiver.statuses.lock().unwrap().is_empty() {
            break;
        }
        assert!(begun.elapsed() < Duration::from_mins(1), "{:?} from {address}", ready(&got));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let again = receiver.has(1).await;
    let id = refused[0].header("webhook-id");
    assert!(again.iter().filter(|message| message.header("webhook-id") == id).count() > 1, "{again:?}");
}

pub async fn private_receivers_are_refused() {
    let receiver = Receiver::start().await;
    // Named by address, it is refused at once; nothing is served with a setting that cannot be used.
    for url in [receiver.url.as_str(), "http://localhost/hook", "http://[::1]/"] {
        let store = tempfile::tempdir().unwrap();
        let mut command = burrow(store.path());
        command.env("BURROW_WEBHOOK_SECRET", SECRET).args(["--webhook-url", url, "add"]);
        let output = command.arg(crate::support::images::repository().join("README.md")).output().await.unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(1) && told.contains("webhook_url") && !told.contains(url), "{told}");
    }
    assert!(receiver.got.lock().unwrap().is_empty());
    // Without a secret messages would not be signed.
    let store = tempfile::tempdir().unwrap();
    let mut command = burrow(store.path());
    let file = crate::support::images::repository().join("README.md");
    let output = command.args(["--webhook-url", "https://example.com/", "add"]).arg(file).output().await.unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && told.contains("webhook_secret"), "{told}");
}
