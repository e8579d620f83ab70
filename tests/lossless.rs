//! Images come back byte for byte, whatever their format, size and name; other files are refused.

use serde_json::json;

use crate::support::client::encode;
use crate::support::host::Host;
use crate::support::images::{KINDS, bitmap, fixture};
use crate::support::origin::Origin;

pub async fn every_kind_of_image_comes_back(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    for (name, media_type) in KINDS {
        let url = origin.image(&format!("/{name}"), fixture(name));
        let record = burrow.client.add_ready(&json!({ "url": url })).await;
        assert_eq!(record["media_type"], media_type, "{name}");
        assert_eq!(record["name"], name);
        assert_eq!(record["size"], fixture(name).len());
        if media_type != "image/svg+xml" {
            let expected = if name == "photo.ico" { json!([32, 21]) } else { json!([48, 32]) };
            assert_eq!(json!([record["width"], record["height"]]), expected, "{name}");
        }
        let reply = burrow.client.get(record["content"].as_str().unwrap()).await;
        assert!(reply.body == fixture(name), "{name} came back different");
        assert_eq!(reply.header("content-type"), media_type);
        assert_eq!(reply.header("content-length"), fixture(name).len().to_string());
        assert_eq!(reply.header("etag"), format!("\"{}\"", record["sha256"].as_str().unwrap()));
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert!(reply.header("content-security-policy").starts_with("sandbox"));
    }
}

pub async fn a_big_image_comes_back(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let image = bitmap(40_000_000, 1);
    let url = origin.image("/big.bmp", image.clone());
    let record = burrow.client.add_ready(&json!({ "url": url })).await;
    assert_eq!(record["codec"], "deflate");
    assert!(record["stored_size"].as_u64() < record["size"].as_u64());
    assert!(burrow.client.content(record["id"].as_str().unwrap()).await == image);
}

/// A block has 253,952 bytes of the original.
pub async fn block_edges_come_back(host: Host) {
    const BLOCK: usize = 253_952;
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let image = bitmap(3 * BLOCK, 2);
    for size in [BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK] {
        let url = origin.image(&format!("/{size}.bmp"), image[..size].to_vec());
        let record = burrow.client.add_ready(&json!({ "url": url })).await;
        let content = burrow.client.content(record["id"].as_str().unwrap()).await;
        assert!(content == image[..size], "{size} bytes came back different");
    }
}

pub async fn what_is_no_image_is_refused(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let page = b"<!doctype html><title>404</title>".as_slice();
    for (bytes, reason) in [(b"".as_slice(), "0 bytes"), (b"G", "\"G\""), (page, "<!doctype html>")] {
        let url = origin.image("/thing", bytes);
        let record = burrow.client.settled(&burrow.client.add(&json!({ "url": url })).await).await;
        assert_eq!(record["status"], "failed");
        let error = record["error"].as_str().unwrap();
        assert!(error.starts_with("not an image") && error.contains(reason), "{error}");
        assert_eq!(burrow.client.get(&format!("/images/{}/content", record["id"].as_str().unwrap())).await.status, 409);
    }
    let stats = burrow.client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["failed"], &stats["stored_bytes"]), (&json!(0), &json!(3), &json!(0)));
}

pub async fn names_are_only_text(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    for name in [
        "two words",
        "\"quoted\" 'name'",
        "Ünïcødé 画像 🦫",
        "../../etc/passwd",
        "a/b?c#d%20e",
        "..",
        "\u{202e}gnp.exe",
    ] {
        let record = burrow.client.add_ready(&json!({ "url": url, "name": name })).await;
        assert_eq!(record["name"], name);
        let encoded = encode(name);
        let reply = burrow.client.get(&format!("/image/{encoded}")).await;
        assert_eq!(reply.status, 200, "{name}");
        assert!(reply.body == fixture("photo.png"), "{name}");
    }
    for name in ["a\u{0}b", "a\nb", &"x".repeat(256)] {
        let reply = burrow.client.post("/images", &json!({ "url": url, "name": name })).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["field"]), (422, &json!("name")), "{name:?}");
    }
}

pub async fn the_same_url_twice_is_stored_once(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let image = bitmap(600_000, 3);
    let url = origin.image("/twin.bmp", image.clone());
    let first = burrow.client.add_ready(&json!({ "url": url })).await;
    let stored = first["stored_size"].clone();
    let second = burrow.client.add_ready(&json!({ "url": url })).await;
    assert_ne!(first["id"], second["id"]);
    assert_eq!(origin.requests(), 2);
    let stats = burrow.client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["stored_bytes"]), (&json!(2), &stored));
    assert_eq!(stats["original_bytes"], 2 * image.len());
    for record in [first, second] {
        assert!(burrow.client.content(record["id"].as_str().unwrap()).await == image);
    }
}
