//! Hostile requests: each is answered as docs/http-api.md says, and none changes anything.

mod body;
mod case;
mod content;
mod fields;
mod headers;
mod images;
mod lines;
mod multipart;
mod query;
mod routes;
mod secrets;
mod sites;
mod target;
mod wire;

use std::collections::HashSet;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;
use case::Case;

/// The contents of the store while the requests come.
struct Stored {
    /// The id of a ready image.
    id: String,
    /// The `ETag` of its record.
    etag: String,
    /// Its size in bytes.
    size: u64,
    /// The id of a failed image.
    failed: String,
    /// Host and port of the server.
    address: String,
    /// Whether the native host serves. Spin 4.1 (hyper 1.10) keeps connections that a server must close, and answers
    /// 500 to headers that are not UTF-8. Burrow cannot change that.
    natively: bool,
}

/// An id that no image has.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// The least number of requests that all families together have.
const AT_LEAST: usize = 2000;

/// Builds the cases of a family.
type Family = fn(&Stored) -> Vec<Case>;

/// The families of requests. None may change the state.
const FAMILIES: [(&str, Family); 36] = [
    ("smuggling", wire::smuggling),
    ("content-length", wire::lengths),
    ("chunks", wire::chunks),
    ("bodies nobody reads", wire::unread_bodies),
    ("header lines", lines::header_lines),
    ("hosts", lines::hosts),
    ("request lines", lines::request_lines),
    ("big heads", lines::big_heads),
    ("targets", target::targets),
    ("paths", target::paths),
    ("percent signs", target::percent_signs),
    ("control characters", target::control_characters),
    ("long URLs", target::long_urls),
    ("methods", routes::methods),
    ("ids", routes::ids),
    ("states", routes::states),
    ("changes", routes::changes),
    ("methods by other means", routes::overrides),
    ("lists", query::lists),
    ("JSON syntax", body::syntax),
    ("JSON types", body::types),
    ("JSON members", body::members),
    ("JSON sizes", body::sizes),
    ("URLs", fields::urls),
    ("forms", fields::forms),
    ("media types", fields::media_types),
    ("images", images::images),
    ("multipart syntax", multipart::syntax),
    ("multipart files", multipart::files),
    ("digests", headers::digests),
    ("keys", headers::idempotency_keys),
    ("preferences", headers::preferences),
    ("conditions on changes", headers::conditions),
    ("ranges", content::ranges),
    ("conditions and encodings of content", content::conditions),
    ("other sites", sites::other_sites),
];

pub async fn hostile_requests_change_nothing(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let mut stored = Stored::new(client, &host, &origin).await;
    let mut before = state(client, &[]).await;
    let (mut sent, mut failures) = (HashSet::new(), Vec::new());
    for (family, cases) in FAMILIES {
        for case in cases(&stored) {
            // A request that is in two families is sent once.
            if sent.insert(case.request.clone())
                && let Err(failure) = case.verdict(client).await
            {
                failures.push(format!("{family}: {failure}"));
            }
        }
        let after = state(client, &[]).await;
        if after != before {
            failures.push(format!("{family}: the state changed\n    from {}\n    to   {}", before[0], after[0]));
            // Start anew, so that the next family does not fail for this.
            stored = Stored::new(client, &host, &origin).await;
            before = state(client, &[]).await;
        }
    }
    let counted = format!("{} of {} hostile requests", failures.len(), sent.len());
    assert!(failures.is_empty(), "{counted} were not answered as documented:\n{}", failures.join("\n"));
    assert!(sent.len() >= AT_LEAST, "only {} hostile requests were sent", sent.len());
    assert!(client.content(&stored.id).await == fixture("photo.png"), "the image came back different");
}

pub async fn forged_links_and_tokens_open_nothing(host: Host) {
    let (write, read) = (("authorization", "Bearer the-write-token"), ("authorization", "Bearer the-read-token"));
    let settings =
        [("write_token", "the-write-token"), ("read_token", "the-read-token"), ("link_keys", "new:0123456789abcdef")];
    let (mut failures, mut sent) = (Vec::new(), 0);
    loop {
        // A server takes only so many wrong tokens in a minute.
        let burrow = host.start_with(&settings).await;
        let client = &burrow.client;
        let png = [write, ("content-type", "image/png")];
        let image = client.send(Method::POST, "/images?name=x", &png, fixture("photo.png")).await.json();
        let id = image["id"].as_str().unwrap();
        let link = client.send(Method::POST, &format!("/images/{id}/links"), &[write], "{}").await.json();
        let before = state(client, &[read]).await;
        let cases = secrets::secrets(id, link["path"].as_str().unwrap());
        for case in cases.iter().skip(sent).take(90) {
            failures.extend(case.verdict(client).await.err());
        }
        assert_eq!(state(client, &[read]).await, before);
        sent += 90;
        if sent >= cases.len() {
            break;
        }
    }
    assert!(failures.is_empty(), "{} were not answered as documented:\n{}", failures.len(), failures.join("\n"));
}

impl Stored {
    /// Adds a ready image and a failed one, and waits until no job is open.
    async fn new(client: &Client, host: &Host, origin: &Origin) -> Self {
        let url = origin.image("/photo.png", fixture("photo.png"));
        let failed = client.add(&json!({ "url": format!("{url}/nothing"), "name": "failed" })).await;
        assert_eq!(client.settled(&failed).await["status"], "failed");
        let ready = client.add_ready(&json!({ "url": url, "tags": ["a"] })).await;
        let id = ready["id"].as_str().unwrap().to_owned();
        for image in client.get("/images").await.json()["images"].as_array().unwrap() {
            client.settled(image["id"].as_str().unwrap()).await;
        }
        while client.get("/stats").await.json()["pending"] != 0 {
            tokio::task::yield_now().await;
        }
        let etag = client.get(&format!("/images/{id}")).await.header("etag").to_owned();
        let size = fixture("photo.png").len() as u64;
        let (address, natively) = (client.address().into(), matches!(host, Host::Native));
        Self { id, etag, size, failed, address, natively }
    }
}

/// The state that hostile requests must not change. Reading it also shows that the service still answers.
async fn state(client: &Client, headers: &[(&str, &str)]) -> Value {
    let health = client.get("/healthz").await;
    assert_eq!(health.status, 200, "{}", health.text());
    let mut stats = client.send(Method::GET, "/stats", headers, "").await.json();
    let images = client.send(Method::GET, "/images", headers, "").await.json();
    // The bytes of a refused file count until they are reclaimed.
    stats["stored_bytes"].take();
    json!([stats, images])
}
