//! The routes of Burrow's first design work unchanged.

use hyper::Method;
use serde_json::json;
use tokio::sync::watch;

use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::{Behaviour, Origin};

pub async fn upload_answers_at_once(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    for path in ["/upload", "/process_image"] {
        let (open, gate) = watch::channel(false);
        let url = origin.serve("/slow.png", Behaviour::Gated(fixture("photo.png").into(), gate));
        // As Flask sends it, with `requests.post(url, json=...)`; and without a content type.
        let json = json!({ "url": url, "name": "slow", "tags": ["a"] }).to_string();
        let headers: &[_] = if path == "/upload" { &[("content-type", "application/json")] } else { &[] };
        let reply = burrow.client.send(Method::POST, path, headers, json).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["status"]), (200, &json!("done")));
        // The answer came before the origin sent the image.
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        let status = burrow.client.get(&format!("/images/{id}")).await.json()["status"].clone();
        assert!(status == "pending" || status == "storing", "{status}");
        open.send(true).unwrap();
        assert_eq!(burrow.client.settled(&id).await["status"], "ready");
    }
}

pub async fn basic_stats_lists_images(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let stats = burrow.client.get("/basic_stats").await.json();
    assert_eq!(stats, json!({ "num_images": 0, "last_uploaded": null, "images": [] }));
    let url = origin.image("/photo.png", fixture("photo.png"));
    burrow.client.add_ready(&json!({ "url": url, "name": "first" })).await;
    let second = burrow.client.add_ready(&json!({ "url": url, "name": "second" })).await;
    burrow.client.settled(&burrow.client.add(&json!({ "url": format!("{url}/nothing") })).await).await;
    let stats = burrow.client.get("/basic_stats").await.json();
    assert_eq!((&stats["num_images"], &stats["last_uploaded"]), (&json!(2), &second["updated"]));
    let names: Vec<_> = stats["images"].as_array().unwrap().iter().map(|image| image["name"].clone()).collect();
    assert_eq!(names, ["second", "first"]);
}

pub async fn image_by_name_is_a_page_or_the_bytes(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let id = burrow.client.add_ready(&json!({ "url": url, "name": "my photo" })).await["id"].clone();
    let browser = [("accept", "text/html,application/xhtml+xml,image/png,*/*;q=0.8")];
    let page = burrow.client.send(Method::GET, "/image/my%20photo", &browser, "").await;
    assert!(page.header("content-type").starts_with("text/html"));
    assert!(
        page.text().contains(&format!("href=\"/images/{}/content\"><img", id.as_str().unwrap())),
        "{}",
        page.text()
    );
    let bytes = burrow.client.get("/image/my%20photo").await;
    assert!(bytes.header("content-type") == "image/png" && bytes.body == fixture("photo.png"));
    for reply in [page, bytes] {
        assert!(
            reply.header("vary").contains("accept,") || reply.header("vary") == "accept",
            "{}",
            reply.header("vary")
        );
    }
}
