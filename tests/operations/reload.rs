//! `--watch`: a new component without a restart.

use std::path::Path;

use serde_json::json;
use tokio::sync::watch;

use super::Served;
use crate::support::images::{bitmap, repository};
use crate::support::origin::{Behaviour, Origin};

/// A text of the component, and what a changed component says in its place.
const OLD: &[u8] = b"there is nothing at this path";
const NEW: &[u8] = b"there is NOTHING at this path";

/// Replaces a file atomically, as a deployment should.
fn put(path: &Path, bytes: &[u8]) {
    let part = path.with_extension("part");
    std::fs::write(&part, bytes).unwrap();
    std::fs::rename(part, path).unwrap();
}

pub async fn a_new_component_is_taken_up() {
    let old = std::fs::read(repository().join("target/burrow.wasm")).expect("run `cargo xtask build` first");
    let at = old.windows(OLD.len()).position(|window| window == OLD).unwrap();
    let mut new = old.clone();
    new[at..at + OLD.len()].copy_from_slice(NEW);

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("burrow.wasm");
    put(&file, &old);
    let served = Served::new(&["--watch"], &[("BURROW_COMPONENT", file.to_str().unwrap())]).await;
    let client = &served.client;
    let says = async || client.get("/nowhere").await.json()["detail"].as_str().unwrap().as_bytes().to_vec();
    assert_eq!(says().await, OLD);

    // A request and its job are under way while the component changes.
    let (origin, (open, gate)) = (Origin::start().await, watch::channel(false));
    let url = origin.serve("/a.bmp", Behaviour::Gated(bitmap(300_000, 4).into(), gate));
    let asking = {
        let (client, json) = (client.clone(), json!({ "url": url }).to_string());
        let headers = [("content-type", "application/json"), ("prefer", "wait=30")];
        tokio::spawn(async move { client.send(hyper::Method::POST, "/images", &headers, json).await })
    };
    while origin.requests() == 0 {
        tokio::task::yield_now().await;
    }
    put(&file, &new);
    served.logged("requests go to the new component now").await;
    for _ in 0..40 {
        assert_eq!(says().await, NEW);
    }
    assert!(!asking.is_finished());
    open.send(true).unwrap();
    let reply = asking.await.unwrap();
    assert_eq!((reply.status.as_u16(), reply.json()["status"].as_str()), (201, Some("ready")), "{}", reply.text());

    // A file that is no component, and a component that is not Burrow's, change nothing.
    put(&file, b"\0asm of a kind");
    served.logged("the old component stays").await;
    assert_eq!(says().await, NEW);
    put(&file, b"\0asm\x0d\0\x01\0");
    while served.process.stderr().matches("the old component stays").count() < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(says().await, NEW);
    put(&file, &old);
    while says().await != OLD {}
    // The line follows the first answer of the component.
    while served.process.stderr().matches("requests go to the new component now").count() < 2 {
        tokio::task::yield_now().await;
    }
    let log = served.process.stderr();
    assert_eq!(log.matches("requests go to the new component now").count(), 2, "{log}");
}
