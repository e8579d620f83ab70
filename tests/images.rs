//! Images over HTTP: finding, changing and retrying them.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, Reply};
use crate::support::host::Host;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};

const MERGE_PATCH: (&str, &str) = ("content-type", "application/merge-patch+json");

async fn store(client: &Client, name: &str, tags: &[&str]) -> String {
    let pairs = tags.iter().map(|tag| ("tag", *tag)).chain([("name", name)]);
    let path = format!("/images?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    let reply = client.send(Method::POST, &path, &[("content-type", "image/png")], fixture("photo.png")).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn patch(client: &Client, id: &str, change: &Value) -> Reply {
    client.send(Method::PATCH, &format!("/images/{id}"), &[MERGE_PATCH], change.to_string()).await
}

async fn names(client: &Client, query: &str) -> Vec<String> {
    let reply = client.get(&format!("/images?{query}")).await;
    assert_eq!(reply.status, 200, "{query}: {}", reply.text());
    let images = reply.json()["images"].as_array().unwrap().clone();
    images.iter().map(|image| image["name"].as_str().unwrap().to_owned()).collect()
}

pub async fn lists_are_filtered(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    store(client, "Otter", &["river", "a b"]).await;
    store(client, "BIBER", &["river"]).await;
    store(client, "Straße Otter", &["a b"]).await;
    let failed = client.add(&json!({ "url": origin.image("/x", "no image"), "name": "broken" })).await;
    client.settled(&failed).await;
    for (query, expected) in [
        ("", vec!["broken", "Straße Otter", "BIBER", "Otter"]),
        ("tag=river", vec!["BIBER", "Otter"]),
        ("tag=river&tag=a%20b", vec!["Otter"]),
        ("tag=nobody", vec![]),
        ("status=failed", vec!["broken"]),
        ("status=pending", vec![]),
        ("q=otter", vec!["Straße Otter", "Otter"]),
        ("q=STRASSE", vec!["Straße Otter"]),
        ("q=stra%C3%9Fe", vec!["Straße Otter"]),
        ("q=bib&status=ready&tag=river", vec!["BIBER"]),
        ("q=ibe", vec![]),
        ("q=otter+str", vec!["Straße Otter"]),
        ("type=image/png", vec!["Straße Otter", "BIBER", "Otter"]),
        ("type=image/gif", vec![]),
        ("until=2020-01-01", vec![]),
        ("tag=river&since=2020-01-01&until=2999-12-31", vec!["BIBER", "Otter"]),
        ("host=nobody.example", vec![]),
        ("q=", vec!["broken", "Straße Otter", "BIBER", "Otter"]),
    ] {
        assert_eq!(names(client, query).await, expected, "{query}");
    }
    let tags = |tags: &[&str]| tags.iter().map(|tag| json!({ "tag": tag, "images": 2 })).collect::<Vec<_>>();
    assert_eq!(client.get("/tags").await.json(), json!({ "tags": tags(&["a b", "river"]), "next": null }));
    let first = client.get("/tags?limit=1").await;
    assert_eq!(first.json(), json!({ "tags": tags(&["a b"]), "next": "a b" }));
    assert_eq!(first.header("link"), "</tags?limit=1&cursor=a+b>; rel=\"next\"");
    assert_eq!(client.get("/tags?prefix=ri").await.json()["tags"], json!(tags(&["river"])));
    let stats = client.get("/stats").await.json();
    let sum =
        |counts: &str| stats[counts].as_array().unwrap().iter().map(|it| it["images"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("formats"), sum("months")), (3, 3), "{stats}");
    // The link to the next page keeps the filter.
    let reply = client.get("/images?tag=a+b&limit=1").await;
    let link = reply.header("link").to_owned();
    let next = link.strip_prefix("</images?").unwrap().strip_suffix(">; rel=\"next\"").unwrap();
    assert!(next.contains("tag=a+b"), "{link}");
    assert_eq!(names(client, next).await, ["Otter"]);
}

pub async fn a_tag_is_renamed_and_merged(host: Host) {
    let (burrow, origin) = (host.start_with(&[("max_wait_seconds", "1")]).await, Origin::start().await);
    let client = &burrow.client;
    store(client, "one", &["old", "x"]).await;
    store(client, "both", &["new", "old"]).await;
    let rename = async |from: &str, to: &str| client.post("/jobs/rename-tag", &json!({ "from": from, "to": to })).await;
    let go_on = async || client.send(Method::POST, "/jobs/rename-tag", &[], "").await.json();
    // A job keeps it from ending.
    let (open, gate) = tokio::sync::watch::channel(false);
    let url = origin.serve("/job.png", Behaviour::Gated(fixture("photo.png").into(), gate));
    let job = client.add(&json!({ "url": url, "tags": ["old"] })).await;
    let renamed = rename("old", "new").await;
    let expected = json!({ "from": "old", "to": "new", "renamed": 2, "waiting": 1, "done": false });
    assert_eq!((renamed.status.as_u16(), renamed.json()), (200, expected));
    let listed = client.get("/tags").await.json();
    assert_eq!(listed["renaming"], json!({ "from": "old", "to": "new", "renamed": 2 }));
    // What comes in meanwhile has the new tag, and another renaming has to wait.
    store(client, "later", &["old"]).await;
    assert_eq!(names(client, "tag=new").await, ["later", "both", "one"]);
    assert_eq!(rename("x", "y").await.status, 409);
    open.send(true).unwrap();
    client.settled(&job).await;
    let ended = go_on().await;
    assert_eq!((&ended["done"], &ended["waiting"]), (&json!(true), &json!(0)), "{ended}");
    assert_eq!(names(client, "tag=old").await, Vec::<String>::new());
    assert_eq!(names(client, "tag=new").await, ["later", "job.png", "both", "one"]);
    assert_eq!(client.get("/tags").await.json()["tags"][0], json!({ "tag": "new", "images": 4 }));
    assert_eq!(go_on().await, json!({ "waiting": 0, "done": true }));
    for (from, to, field) in [("a", "a", "to"), ("", "a", "from"), ("a", "b\n", "to")] {
        let refused = rename(from, to).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &json!(field)), "{from:?} {to:?}");
    }
    assert_eq!(client.post("/jobs/rename-tag", &json!({ "from": "a" })).await.status, 400);
}

pub async fn an_image_is_renamed_and_tagged(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let id = store(client, "old", &["a"]).await;
    let reply = patch(client, &id, &json!({ "name": " new ", "tags": ["b", "c", "b"] })).await;
    let record = reply.json();
    assert_eq!(reply.status, 200, "{record}");
    assert_eq!((&record["name"], &record["tags"]), (&json!("new"), &json!(["b", "c"])));
    let read = client.get(&format!("/images/{id}")).await;
    assert_eq!((read.json(), read.header("etag")), (record, reply.header("etag")));
    assert_eq!(client.get("/images/by-name/old").await.status, 404);
    assert_eq!(client.get("/images/by-name/new").await.json()["id"], json!(id));
    assert!(client.get("/image/new").await.body == fixture("photo.png"));
    // A field that is absent stays as it is; null clears it.
    assert_eq!(patch(client, &id, &json!({ "tags": null })).await.json()["name"], "new");
    let record = patch(client, &id, &json!({ "name": "old" })).await.json();
    assert_eq!((&record["name"], &record["tags"]), (&json!("old"), &json!([])));
    assert_eq!(client.get("/images/by-name/old").await.status, 200);
    assert_eq!(patch(client, &id, &json!({})).await.status, 200);
    for (change, status) in [
        (json!({ "name": null }), 422),
        (json!({ "name": "" }), 422),
        (json!({ "name": "a\u{0}" }), 422),
        (json!({ "name": "x".repeat(256) }), 422),
        (json!({ "tags": [""] }), 422),
        (json!({ "tags": "a" }), 400),
        (json!({ "status": "ready" }), 400),
        (json!([]), 400),
        (json!("x"), 400),
    ] {
        assert_eq!(patch(client, &id, &change).await.status, status, "{change}");
    }
    let path = format!("/images/{id}");
    assert_eq!(client.send(Method::PATCH, &path, &[("content-type", "text/plain")], "{}").await.status, 415);
    assert_eq!(client.get(&path).await.json()["updated"], client.get(&path).await.json()["updated"]);
    let nobody = "00000000-0000-7000-8000-000000000000";
    assert_eq!(patch(client, nobody, &json!({ "name": "x" })).await.status, 404);
}

pub async fn changes_can_be_conditional(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let path = format!("/images/{}", store(client, "x", &[]).await);
    let seen = client.get(&path).await.header("etag").to_owned();
    let change = |condition: &'static str, etag: String| {
        let path = path.clone();
        async move {
            let headers = [MERGE_PATCH, (condition, etag.as_str())];
            client.send(Method::PATCH, &path, &headers, r#"{"name":"y"}"#).await.status.as_u16()
        }
    };
    assert_eq!(change("if-match", seen.clone()).await, 200);
    assert_eq!(change("if-match", seen.clone()).await, 412, "it has changed since");
    assert_eq!(change("if-none-match", "*".into()).await, 412);
    assert_eq!(client.send(Method::DELETE, &path, &[("if-match", &seen)], "").await.status, 412);
    let seen = client.get(&path).await.header("etag").to_owned();
    assert_eq!(client.send(Method::DELETE, &path, &[("if-match", &seen)], "").await.status, 204);
    assert_eq!(client.send(Method::DELETE, &path, &[("if-match", &seen)], "").await.status, 412);
    assert_eq!(client.send(Method::DELETE, &path, &[], "").await.status, 204);
}

pub async fn of_changes_at_once_none_is_lost(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let id = store(client, "x", &[]).await;
    for round in 0..10 {
        let renamed = json!({ "name": format!("name {round}") });
        let tagged = json!({ "tags": [format!("tag {round}")] });
        let (name, tags) = futures::join!(patch(client, &id, &renamed), patch(client, &id, &tagged));
        assert_eq!((name.status.as_u16(), tags.status.as_u16()), (200, 200), "{} {}", name.text(), tags.text());
        let record = client.get(&format!("/images/{id}")).await.json();
        assert_eq!((&record["name"], &record["tags"]), (&renamed["name"], &tagged["tags"]));
        // With `If-Match` only one of the changes is made.
        let etag = client.get(&format!("/images/{id}")).await.header("etag").to_owned();
        let headers = [MERGE_PATCH, ("if-match", etag.as_str())];
        let path = format!("/images/{id}");
        let all = (0..4).map(|n| {
            let change = json!({ "tags": [n.to_string()] }).to_string();
            client.send(Method::PATCH, &path, &headers, change)
        });
        let statuses: Vec<u16> =
            futures::future::join_all(all).await.iter().map(|reply| reply.status.as_u16()).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 3, "{statuses:?}");
    }
}

pub async fn a_name_is_found_though_many_bore_it(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let oldest = store(client, "x", &[]).await;
    for _ in 0..66 {
        let id = store(client, "x", &[]).await;
        client.send(Method::DELETE, &format!("/images/{id}"), &[], "").await;
    }
    assert_eq!(client.get("/images/by-name/x").await.json()["id"], json!(oldest));
}

pub async fn a_failed_job_is_tried_again(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let url = origin.serve("/late.png", Behaviour::Status(404));
    let id = client.add(&json!({ "url": url, "name": "late" })).await;
    let other = store(client, "other", &[]).await;
    assert_eq!(client.settled(&id).await["status"], "failed");
    assert_eq!(patch(client, &id, &json!({ "name": "x" })).await.status, 409, "only a ready image is changed");
    let retry =
        async |headers: &[(&str, &str)]| client.send(Method::POST, &format!("/images/{id}/retry"), headers, "").await;
    assert_eq!(retry(&[("prefer", "wait=20")]).await.json()["status"], "failed");
    origin.image("/late.png", fixture("photo.png"));
    let reply = retry(&[]).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (202, format!("/images/{id}").as_str()));
    let record = client.settled(&id).await;
    assert_eq!((&record["status"], &record["attempts"]), (&json!("ready"), &json!(1)));
    assert!(client.content(&id).await == fixture("photo.png"));
    let reply = retry(&[]).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (409, &json!("/problems/not-ready")));
    // The image is the newest now, and is listed once.
    assert_eq!(names(client, "").await, ["late", "other"]);
    let stats = client.get("/stats").await.json();
    assert_eq!((&stats["images"], &stats["pending"], &stats["failed"]), (&json!(2), &json!(0), &json!(0)));
    let missing = "/images/00000000-0000-7000-8000-000000000000/retry";
    assert_eq!(client.send(Method::POST, missing, &[], "").await.status, 404);
    assert_eq!(client.send(Method::POST, &format!("/images/{other}/retry"), &[], "").await.status, 409);
}

pub async fn a_job_being_retried_is_resumed_after_a_kill() {
    let (mut burrow, origin) = (Host::Native.start().await, Origin::start().await);
    let url = origin.serve("/late.bmp", Behaviour::Status(404));
    let id = burrow.client.add(&json!({ "url": url })).await;
    burrow.client.settled(&id).await;
    // The search for jobs that were left must go past this later image, which is settled.
    store(&burrow.client, "later", &[]).await;
    let (_open, gate) = tokio::sync::watch::channel(false);
    origin.serve("/late.bmp", Behaviour::Gated(bitmap(300_000, 1).into(), gate));
    let reply = burrow.client.send(Method::POST, &format!("/images/{id}/retry"), &[], "").await;
    assert_eq!(reply.status, 202, "{}", reply.text());
    burrow.kill_and_restart().await;
    origin.image("/late.bmp", bitmap(300_000, 1));
    assert_eq!(burrow.client.settled(&id).await["status"], "ready");
}
