//! The HTTP interface: routes, methods, errors, the list.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::host::Host;
use crate::support::images::fixture;
use crate::support::origin::Origin;

const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

pub async fn unknown_routes_and_methods(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    for path in
        ["/nothing", "/images/", "/images/x", &format!("/images/{NOBODY}"), &format!("/images/{NOBODY}/content")]
    {
        let reply = client.get(path).await;
        assert_eq!(reply.status, 404, "{path}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        assert_eq!(reply.json()["type"], "/problems/not-found");
        assert_eq!(reply.json()["status"], 404);
    }
    for (method, path, allow) in [
        (Method::PUT, "/images".to_owned(), "GET, POST, HEAD, OPTIONS"),
        (Method::POST, format!("/images/{NOBODY}"), "GET, PATCH, DELETE, HEAD, OPTIONS"),
        (Method::POST, format!("/images/{NOBODY}/content"), "GET, HEAD, OPTIONS"),
        (Method::GET, format!("/images/{NOBODY}/retry"), "POST, OPTIONS"),
        (Method::GET, "/upload".into(), "POST, OPTIONS"),
        (Method::DELETE, "/process_image".into(), "POST, OPTIONS"),
        (Method::POST, "/basic_stats".into(), "GET, HEAD, OPTIONS"),
        (Method::POST, "/image/x".into(), "GET, HEAD, OPTIONS"),
        (Method::PATCH, "/".into(), "GET, HEAD, OPTIONS"),
        (Method::GET, "/jobs/resume".into(), "POST, OPTIONS"),
        (Method::GET, "/jobs/repack".into(), "POST, OPTIONS"),
        (Method::from_bytes(b"BREW").unwrap(), "/stats".into(), "GET, HEAD, OPTIONS"),
    ] {
        let reply = client.send(method.clone(), &path, &[], "").await;
        assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, allow), "{method} {path}");
        let options = client.send(Method::OPTIONS, &path, &[], "").await;
        assert_eq!((options.status.as_u16(), options.header("allow")), (204, allow), "OPTIONS {path}");
    }
    // The type of a problem is the path of its description.
    let problem = client.get(client.get("/nothing").await.json()["type"].as_str().unwrap()).await;
    assert_eq!((problem.status.as_u16(), &problem.json()["title"]), (200, &json!("Not found")));
}

pub async fn malformed_json_names_the_place(host: Host) {
    let burrow = host.start().await;
    for (body, line, column) in
        [("", 1, 0), ("{", 1, 1), ("{\"url\":\n \"http://x\",}", 2, 13), ("{\"url\":\"http://x.example/\"} x", 1, 29)]
    {
        for path in ["/images", "/upload", "/process_image"] {
            let json = [("content-type", "application/json")];
            let reply = burrow.client.send(Method::POST, path, &json, body).await;
            let problem = reply.json();
            assert_eq!(reply.status, 400, "{path} {body}: {problem}");
            assert_eq!((&problem["line"], &problem["column"]), (&json!(line), &json!(column)), "{body}: {problem}");
        }
    }
    for (body, field) in [
        (json!({ "url": 7 }), "url"),
        (json!({ "url": "http://x.example/", "name": ["a"] }), "name"),
        (json!({ "url": "http://x.example/", "tags": "a" }), "tags"),
        (json!({ "url": "http://x.example/", "tags": ["a", 5] }), "tags[1]"),
    ] {
        for path in ["/images", "/upload"] {
            let reply = burrow.client.post(path, &body).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["field"]), (400, &json!(field)), "{body}");
        }
    }
    // A misspelt field is an error, except on the routes of the first design, whose front ends may send more fields.
    let misspelt = json!({ "url": "http://nobody.invalid/", "tag": ["a"] });
    assert_eq!(burrow.client.post("/images", &misspelt).await.status, 400);
    assert_eq!(burrow.client.get("/stats").await.json()["pending"], 0);
}

pub async fn invalid_input_names_the_field(host: Host) {
    let burrow = host.start().await;
    for (body, field) in [
        (json!({}), "url"),
        (json!({ "url": null }), "url"),
        (json!({ "url": "" }), "url"),
        (json!({ "url": "no url" }), "url"),
        (json!({ "url": "file:///etc/passwd" }), "url"),
        (json!({ "url": "http://user:secret@x.example/" }), "url"),
        (json!({ "url": "http://x.example/", "tags": [""] }), "tags"),
        (json!({ "url": "http://x.example/", "tags": vec!["t"; 33] }), "tags"),
    ] {
        let reply = burrow.client.post("/images", &body).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["field"]), (422, &json!(field)), "{body}: {}", reply.text());
    }
    for query in ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=-1", "status=x", "tags=x"] {
        assert_eq!(burrow.client.get(&format!("/images?{query}")).await.status, 422, "{query}");
    }
    let text = [("content-type", "text/plain")];
    assert_eq!(burrow.client.send(Method::POST, "/images", &text, "x").await.status, 415);
    let big = json!({ "url": format!("http://x.example/{}", "x".repeat(70_000)) });
    let reply = burrow.client.post("/images", &big).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["limit"]), (413, &json!("max_request_bytes")));
    assert_eq!(burrow.client.get("/stats").await.json()["pending"], 0);
}

pub async fn images_are_listed_newest_first(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let mut expected = Vec::new();
    for number in 0..7 {
        let name = format!("image {number}");
        burrow.client.add_ready(&json!({ "url": url, "name": name, "tags": ["a", "b"] })).await;
        expected.insert(0, name);
    }
    let (mut names, mut path, mut pages) = (Vec::new(), "/images?limit=3".to_owned(), 0);
    loop {
        let reply = burrow.client.get(&path).await;
        let page = reply.json();
        for image in page["images"].as_array().unwrap() {
            assert_eq!(image["tags"], json!(["a", "b"]));
            names.push(image["name"].as_str().unwrap().to_owned());
        }
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/images?limit=3&cursor={next}");
        assert_eq!(reply.header("link"), format!("<{path}>; rel=\"next\""));
    }
    assert_eq!((names, pages), (expected, 3));
    let beyond = burrow.client.get(&format!("/images?cursor={}", u64::MAX)).await.json();
    assert_eq!((beyond["images"].as_array().unwrap().len(), &beyond["next"]), (7, &json!(null)));
}

pub async fn removing_is_idempotent_and_spares_twins(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let old = burrow.client.add_ready(&json!({ "url": url, "name": "x" })).await;
    let new = burrow.client.add_ready(&json!({ "url": url, "name": "x" })).await;
    let path = |record: &Value| format!("/images/{}", record["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(burrow.client.send(Method::DELETE, &path(&new), &[], "").await.status, 204);
        assert_eq!(burrow.client.get(&path(&new)).await.status, 404);
    }
    // The name leads to the older image of that name, and its content is complete.
    let reply = burrow.client.get("/image/x").await;
    assert!(reply.status == 200 && reply.body == fixture("photo.png"));
    let stats = burrow.client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["original_bytes"]), (&json!(1), &json!(fixture("photo.png").len())));
    assert_eq!(burrow.client.get("/images").await.json()["images"].as_array().unwrap().len(), 1);
    burrow.client.send(Method::DELETE, &path(&old), &[], "").await;
    assert_eq!(burrow.client.get("/image/x").await.status, 404);
    // The content is removed, so the new image must store it anew and not share the blob that is being deleted.
    let again = burrow.client.add_ready(&json!({ "url": url })).await;
    assert!(burrow.client.content(again["id"].as_str().unwrap()).await == fixture("photo.png"));
}

pub async fn head_has_no_body(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let record = burrow.client.add_ready(&json!({ "url": url })).await;
    for path in ["/", "/stats", "/images", "/image/photo.png", record["content"].as_str().unwrap()] {
        let (get, head) = (burrow.client.get(path).await, burrow.client.send(Method::HEAD, path, &[], "").await);
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
    }
    assert_eq!(burrow.client.send(Method::HEAD, "/nothing", &[], "").await.status, 404);
}

pub async fn what_is_polled_costs_a_304(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let url = origin.image("/photo.png", fixture("photo.png"));
    let record = burrow.client.add_ready(&json!({ "url": url })).await;
    let image = format!("/images/{}", record["id"].as_str().unwrap());
    for path in ["/", "/stats", "/images", &image, "/images/by-name/photo.png", "/openapi.json", "/assets/style.css"] {
        let reply = burrow.client.get(path).await;
        let etag = reply.header("etag").to_owned();
        // Pages and assets may be sent compressed, so their entity tag is weak.
        let strong = etag.trim_start_matches("W/");
        assert_eq!(strong == etag, !matches!(path, "/" | "/assets/style.css"), "{path}: {etag}");
        assert!(reply.header("cache-control") == "no-cache" || path == "/assets/style.css", "{path}");
        for condition in [etag.as_str(), &format!("W/{strong}"), &format!("\"x\", {etag}"), "*"] {
            let again = burrow.client.send(Method::GET, path, &[("if-none-match", condition)], "").await;
            assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} {condition}");
            assert_eq!(again.header("etag"), etag);
        }
        let other = burrow.client.send(Method::GET, path, &[("if-none-match", "\"x\"")], "").await;
        assert_eq!((other.status, other.body), (reply.status, reply.body), "{path}");
        assert_eq!(burrow.client.send(Method::GET, path, &[("if-match", "\"x\"")], "").await.status, 412, "{path}");
    }
}
