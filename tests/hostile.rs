//! Requests that nobody honest sends: each is refused as docs/http-api.md says, none changes anything, none stops the
//! service.

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
mod sites;
mod target;
mod wire;

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;
use case::Case;

/// What is in the store while the requests come.
struct Stored {
    /// A ready image.
    id: String,
    /// The `ETag` of its record.
    etag: String,
    /// Its size in bytes.
    size: u64,
    /// An image that failed.
    failed: String,
    /// Host and port of the server.
    address: String,
    /// Whether the native host serves. Spin 4.1 (hyper 1.10) keeps connections that a server must close, and answers 500
    /// to headers that are no UTF-8; nothing in this repository can mend that.
    natively: bool,
}

/// The id of no image.
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

/// Fewer requests than this, and a family is missing.
const AT_LEAST: usize = 330;

pub async fn hostile_requests_change_nothing(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let url = origin.image("/photo.png", fixture("photo.png"));
    let ready = client.add_ready(&json!({ "url": url, "tags": ["a"] })).await;
    let id = ready["id"].as_str().unwrap().to_owned();
    let failed = client.add(&json!({ "url": format!("{url}/nothing"), "name": "failed" })).await;
    assert_eq!(client.settled(&failed).await["status"], "failed");
    let etag = client.get(&format!("/images/{id}")).await.header("etag").to_owned();
    let size = fixture("photo.png").len() as u64;
    let (address, natively) = (client.address().into(), matches!(host, Host::Native));
    let stored = Stored { id, etag, size, failed, address, natively };

    let (mut sent, mut failures) = (HashSet::new(), Vec::new());
    let mut before = state(client).await;
    for (family, cases) in families(&stored) {
        for case in cases {
            // What two families have in common is sent once.
            if sent.insert(case.request.clone())
                && let Err(failure) = case.verdict(client).await
            {
                failures.push(format!("{family}: {failure}"));
            }
        }
        let after = state(client).await;
        if after != before {
            failures.push(format!("{family}: the state changed\n    from {before}\n    to   {after}"));
            before = after;
        }
    }
    let counted = format!("{} of {} hostile requests", failures.len(), sent.len());
    assert!(failures.is_empty(), "{counted} were not answered as documented:\n{}", failures.join("\n"));
    assert!(sent.len() >= AT_LEAST, "only {} hostile requests were sent", sent.len());
    assert!(client.content(&stored.id).await == fixture("photo.png"), "the image came back different");
}

/// The families of requests. After each the state must be what it was.
fn families(stored: &Stored) -> Vec<(&'static str, Vec<Case>)> {
    vec![
        ("smuggling", wire::smuggling(stored)),
        ("content-length", wire::lengths(stored)),
        ("chunks", wire::chunks()),
        ("header lines", lines::header_lines(stored)),
        ("hosts", lines::hosts()),
        ("request lines", lines::request_lines()),
        ("big heads", lines::big_heads()),
        ("bodies nobody reads", wire::unread_bodies(stored)),
        ("targets", target::targets(stored)),
        ("paths", target::paths(stored)),
        ("control characters", target::control_characters()),
        ("long URLs", target::long_urls(stored)),
        ("methods", routes::methods(stored)),
        ("ids", routes::ids(stored)),
        ("states", routes::states(stored)),
        ("methods by other means", routes::overrides(stored)),
        ("lists", query::lists()),
        ("JSON syntax", body::syntax(stored)),
        ("JSON types", body::types(stored)),
        ("JSON members", body::members()),
        ("JSON sizes", body::sizes(stored)),
        ("URLs", fields::urls()),
        ("forms", fields::forms()),
        ("media types", fields::media_types(stored)),
        ("images", images::images()),
        ("multipart syntax", multipart::syntax()),
        ("multipart files", multipart::files()),
        ("digests", headers::digests()),
        ("keys", headers::idempotency_keys()),
        ("preferences", headers::preferences()),
        ("ranges", content::ranges(stored)),
        ("conditions on content", content::conditions(stored)),
        ("encodings", content::encodings(stored)),
        // Were these taken, the image would be gone.
        ("percent signs", target::percent_signs(stored)),
        ("conditions on changes", headers::conditions(stored)),
        ("other sites", sites::other_sites(stored)),
    ]
}

/// What hostile requests must not change. It also shows that the service still answers.
async fn state(client: &Client) -> Value {
    let health = client.get("/healthz").await;
    assert_eq!(health.status, 200, "{}", health.text());
    json!([client.get("/stats").await.json(), client.get("/images").await.json()])
}
