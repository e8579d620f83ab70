//! Adding images over HTTP: bytes, forms, limits, digests, idempotency keys, waiting.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::TryStreamExt as _;
use hyper::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha512};

use crate::support::client::{Client, Reply};
use crate::support::host::Host;
use crate::support::images::{KINDS, bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};

const BOUNDARY: &str = "a-burrow";
pub const MULTIPART: (&str, &str) = ("content-type", "multipart/form-data; boundary=a-burrow");
const JSON: (&str, &str) = ("content-type", "application/json");

async fn post(client: &Client, path: &str, headers: &[(&str, &str)], body: impl Into<hyper::body::Bytes>) -> Reply {
    client.send(Method::POST, path, headers, body).await
}

/// One part of a form: a file if there is a file name.
pub fn part(name: &str, file_name: Option<&str>, body: &[u8]) -> Vec<u8> {
    let file_name = file_name.map(|name| format!("; filename=\"{name}\"")).unwrap_or_default();
    let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n");
    [head.as_bytes(), body, b"\r\n"].concat()
}

pub fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), format!("--{BOUNDARY}--\r\n").into_bytes()].concat()
}

async fn stats(client: &Client) -> Value {
    client.get("/stats").await.json()
}

/// The number of images in the list. Bytes of refused uploads may still be in the trash, but are not listed.
async fn listed(client: &Client) -> usize {
    client.get("/images?limit=1000").await.json()["images"].as_array().unwrap().len()
}

pub async fn bytes_are_stored_as_they_are(host: Host) {
    let burrow = host.start().await;
    for (file, media_type) in KINDS {
        let bytes = fixture(file);
        // Burrow ignores the stated type.
        let headers = [("content-type", if file == "photo.png" { "image/jpeg" } else { "application/octet-stream" })];
        let path = format!("/images?name={file}&tag=a&tag=b%20c&tag=a");
        let reply = post(&burrow.client, &path, &headers, bytes.clone()).await;
        let record = reply.json();
        assert_eq!(reply.status, 201, "{record}");
        assert_eq!(reply.header("location"), format!("/images/{}", record["id"].as_str().unwrap()));
        assert_eq!((&record["status"], &record["media_type"]), (&json!("ready"), &json!(media_type)));
        assert_eq!((&record["name"], &record["tags"]), (&json!(file), &json!(["a", "b c"])));
        assert_eq!(record["url"], Value::Null);
        assert!(burrow.client.content(record["id"].as_str().unwrap()).await == bytes, "{file}");
    }
    let before = stats(&burrow.client).await;
    let reply = post(&burrow.client, "/images", &[("content-type", "image/png")], "no image").await;
    assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (422, &json!("/problems/not-an-image")));
    assert_eq!(post(&burrow.client, "/images", &[("content-type", "image/png")], "").await.status, 422);
    assert_eq!(stats(&burrow.client).await, before);
}

pub async fn limits_are_told(host: Host) {
    let settings =
        [("max_image_bytes", "100000"), ("max_request_bytes", "2000"), ("max_files", "2"), ("page_size", "1")];
    let burrow = host.start_with(&settings).await;
    let client = &burrow.client;
    let png = [("content-type", "image/png")];
    let small = fixture("photo.gif");
    assert!(small.len() < 100_000);
    let three = form(&[part("f", Some("a"), &small), part("f", Some("b"), &small), part("f", Some("c"), &small)]);
    let long_url = json!({ "url": format!("http://nobody.invalid/{}", "x".repeat(2000)) }).to_string();
    for (reply, limit, allowed) in [
        (post(client, "/images", &png, bitmap(110_000, 1)).await, "max_image_bytes", 100_000),
        (
            post(client, "/images", &[MULTIPART], form(&[part("f", Some("a"), &bitmap(110_000, 1))])).await,
            "max_image_bytes",
            100_000,
        ),
        (post(client, "/images", &[JSON], long_url.clone()).await, "max_request_bytes", 2000),
        (
            post(client, "/images", &[("content-type", "application/x-www-form-urlencoded")], long_url).await,
            "max_request_bytes",
            2000,
        ),
        (
            post(
                client,
                "/images",
                &[MULTIPART],
                form(&[part("name", None, &[b'x'; 2001]), part("f", Some("a"), &small)]),
            )
            .await,
            "max_request_bytes",
            2000,
        ),
        (post(client, "/images", &[MULTIPART], three).await, "max_files", 2),
    ] {
        let problem = reply.json();
        assert_eq!((reply.status.as_u16(), &problem["type"]), (413, &json!("/problems/limit")), "{problem}");
        assert_eq!((&problem["limit"], &problem["allowed"]), (&json!(limit), &json!(allowed)), "{problem}");
        assert!(problem["seen"].as_u64().unwrap() > allowed, "{problem}");
    }
    assert_eq!(listed(client).await, 0);
    let origin = Origin::start().await;
    let big = client.add(&json!({ "url": origin.image("/big", bitmap(110_000, 2)) })).await;
    let record = client.settled(&big).await;
    assert!(record["error"].as_str().unwrap().contains("max_image_bytes = 100000"), "{record}");
    for _ in 0..2 {
        assert_eq!(post(client, "/images", &png, small.clone()).await.status, 201);
    }
    assert_eq!(client.get("/images").await.json()["images"].as_array().unwrap().len(), 1);
}

pub async fn several_files_are_stored_at_once(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let big = bitmap(1_000_000, 1);
    let body = form(&[
        part("f", Some("first.png"), &fixture("photo.png")),
        part("tags", None, b"sea, holiday"),
        part("name", None, "ä name".as_bytes()),
        part("f", Some("C:\\pictures\\second.bmp"), &big),
        part("g", Some("third.gif"), &fixture("photo.gif")),
        part("empty", Some(""), b""),
    ]);
    let reply = post(client, "/images", &[MULTIPART], body.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let images = reply.json()["images"].as_array().unwrap().clone();
    let expected = [
        ("first.png", json!([]), fixture("photo.png")),
        ("ä name", json!(["sea", "holiday"]), big),
        ("third.gif", json!(["sea", "holiday"]), fixture("photo.gif")),
    ];
    assert_eq!(images.len(), expected.len());
    for (image, (name, tags, bytes)) in images.iter().zip(expected) {
        assert_eq!((&image["name"], &image["tags"]), (&json!(name), &tags));
        assert!(client.content(image["id"].as_str().unwrap()).await == bytes, "{name}");
    }
    let reply = post(client, "/images", &[MULTIPART, ("accept", "text/html")], body).await;
    assert_eq!((reply.status.as_u16(), reply.header("location")), (303, "/?told=stored&count=3"));
}

pub async fn several_files_are_stored_all_or_none(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let good = || part("f", Some("good.png"), &fixture("photo.png"));
    let whole = form(&[good(), good()]);
    for (what, body, status) in [
        ("no image", form(&[good(), part("f", Some("bad.png"), b"bad")]), 422),
        ("an unknown field", form(&[good(), part("title", None, b"x")]), 422),
        ("a bad name", form(&[good(), part("name", None, b"a\0b"), good()]), 422),
        ("tags after the files", form(&[good(), part("tags", None, b"a")]), 422),
        ("no file", form(&[part("name", None, b"x")]), 422),
        ("nothing", form(&[]), 422),
        ("no end", good(), 400),
        ("cut in a file", whole[..whole.len() - 100].to_vec(), 400),
        ("cut in a head", [good(), b"--a-burrow\r\nContent-Disp".to_vec()].concat(), 400),
        ("no boundary inside", b"x".repeat(5000), 400),
        ("name is not UTF-8", form(&[good(), part("name", None, b"\xff"), good()]), 400),
    ] {
        let reply = post(client, "/images", &[MULTIPART], body).await;
        assert_eq!(reply.status, status, "{what}: {}", reply.text());
        assert_eq!(listed(client).await, 0, "{what}");
        assert_eq!(stats(client).await["stored_bytes"], 0, "{what}");
    }
    for content_type in ["multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=\"\""]
    {
        assert_eq!(post(client, "/images", &[("content-type", content_type)], whole.clone()).await.status, 400);
    }
    assert_eq!(post(client, "/images", &[MULTIPART], whole).await.status, 201);
}

pub async fn what_is_refused_leaves_no_chunks() {
    let mut burrow = Host::Native.start().await;
    let good = part("f", Some("good.png"), &fixture("photo.png"));
    let large = part("f", Some("large.bmp"), &bitmap(700_000, 1));
    let body = form(&[good, large, part("f", Some("bad"), b"bad")]);
    let reply = post(&burrow.client, "/images", &[MULTIPART], body).await;
    assert_eq!(reply.status, 422);
    burrow.stop().await;
    let store = burrow_host::kv::Embedded::open(burrow.store()).unwrap();
    let keys = burrow_host::kv::KeyValue::keys(&store, "").try_concat().await.unwrap();
    assert!(!keys.iter().any(|key| key.starts_with("b1:c:")), "{keys:?}");
    let files = std::fs::read_dir(burrow.store().join("blobs")).map_or(0, Iterator::count);
    assert_eq!(files, 0, "files of blobs are left");
}

pub async fn digests_are_verified(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let png = fixture("photo.png");
    let sha256 = |bytes: &[u8]| format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(bytes)));
    let sha512 = |bytes: &[u8]| format!("sha-512=:{}:", STANDARD.encode(Sha512::digest(bytes)));
    let both = format!("{}, {}", sha512(&png), sha256(&png));
    let one_wrong = format!("{}, {}", sha512(&png), sha256(b"x"));
    for (name, value, status) in [
        ("content-digest", sha256(&png), 201),
        ("repr-digest", sha512(&png), 201),
        ("content-digest", both, 201),
        ("content-digest", one_wrong, 400),
        ("content-digest", sha256(b"x"), 400),
        ("repr-digest", sha512(b"x"), 400),
        ("content-digest", "sha-256=:AAAA:".into(), 400),
        ("content-digest", "md5=:AAAA:".into(), 400),
        ("content-digest", format!("md5=:AAAA:, {}", sha256(&png)), 201),
        ("content-digest", "sha-256=AAAA".into(), 400),
        ("content-digest", String::new(), 400),
    ] {
        let before = listed(client).await;
        let reply = post(client, "/images", &[("content-type", "image/png"), (name, &value)], png.clone()).await;
        assert_eq!(reply.status, status, "{name}: {value}: {}", reply.text());
        if status == 400 {
            assert_eq!(reply.json()["type"], "/problems/digest");
            assert_eq!(listed(client).await, before, "{value}");
        }
    }
    let unknown = [("content-type", "image/png"), ("content-digest", "md5=:AAAA:")];
    assert_eq!(
        post(client, "/images", &unknown, png.clone()).await.header("want-content-digest"),
        "sha-256=10, sha-512=5"
    );
    // The digest is that of the whole body, whatever its type.
    let files = form(&[part("f", Some("a"), &png)]);
    for (body, status) in [(files.as_slice(), 201), (b"x", 400)] {
        let digest = sha256(body);
        assert_eq!(
            post(client, "/images", &[MULTIPART, ("content-digest", &digest)], files.clone()).await.status,
            status
        );
    }
    let digest = sha256(b"{}");
    let url = r#"{"url":"http://nobody.invalid/"}"#;
    assert_eq!(post(client, "/images", &[JSON, ("content-digest", &digest)], url).await.status, 400);
    assert_eq!(stats(client).await["pending"], 0);
}

pub async fn a_request_sent_again_adds_nothing(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let url = origin.image("/photo.png", fixture("photo.png"));
    let job = json!({ "url": url, "tags": ["a"] }).to_string();
    let key = |key| [JSON, ("idempotency-key", key)];
    // The same request eight times at once and again later adds one image.
    let all =
        futures::future::join_all((0..8).map(async |_| post(client, "/images", &key("\"first\""), job.clone()).await))
            .await;
    let ids: Vec<Value> =
        all.iter().filter(|reply| reply.status != 409).map(|reply| reply.json()["id"].clone()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for busy in all.iter().filter(|reply| reply.status == 409) {
        assert_eq!((busy.header("retry-after"), &busy.json()["type"]), ("1", &json!("/problems/busy")));
    }
    client.settled(ids[0].as_str().unwrap()).await;
    for path in ["/images", "/upload"] {
        let again = post(client, path, &key("first"), job.clone()).await;
        assert_eq!(again.json()["id"], ids[0]);
    }
    let other = json!({ "url": url, "tags": ["b"] }).to_string();
    let reused = post(client, "/images", &key("first"), other.clone()).await;
    assert_eq!((reused.status.as_u16(), &reused.json()["type"]), (422, &json!("/problems/key-reused")));
    assert_ne!(post(client, "/images", &key("second"), other).await.json()["id"], ids[0]);

    let png = [("content-type", "image/png"), ("idempotency-key", "bytes")];
    let first = post(client, "/images?name=x", &png, fixture("photo.png")).await;
    let again = post(client, "/images?name=x", &png, fixture("photo.png")).await;
    assert_eq!((first.status.as_u16(), again.status.as_u16(), first.json()), (201, 201, again.json()));
    assert_eq!(post(client, "/images?name=x", &png, fixture("photo.gif")).await.status, 422);
    assert_eq!(post(client, "/images?name=y", &png, fixture("photo.png")).await.status, 422);

    let body = form(&[part("f", Some("a"), &fixture("photo.png")), part("f", Some("b"), &fixture("photo.gif"))]);
    let files = [MULTIPART, ("idempotency-key", "files")];
    let first = post(client, "/images", &files, body.clone()).await.json();
    assert_eq!(post(client, "/images", &files, body).await.json(), first);
    assert_eq!(listed(client).await, 5);
    // All images are readable: discarding the bytes of repeated uploads harmed none.
    for image in client.get("/images").await.json()["images"].as_array().unwrap() {
        client.settled(image["id"].as_str().unwrap()).await;
        client.content(image["id"].as_str().unwrap()).await;
    }
    for wrong in ["", "\"\"", "a b", "ä", &"x".repeat(256)] {
        let reply = post(client, "/images", &key(wrong), job.clone()).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["field"]), (422, &json!("idempotency-key")), "{wrong}");
    }
}

pub async fn a_client_may_wait(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let add = async |url: &str, prefer: &str| {
        post(client, "/images", &[JSON, ("prefer", prefer)], json!({ "url": url }).to_string()).await
    };
    let ready = add(&origin.image("/photo.png", fixture("photo.png")), "wait=20").await;
    assert_eq!((ready.status.as_u16(), &ready.json()["status"]), (201, &json!("ready")));
    assert_eq!(ready.header("preference-applied"), "wait=20");
    let failed = add(&origin.serve("/gone", Behaviour::Status(404)), "wait=20").await;
    assert_eq!((failed.status.as_u16(), &failed.json()["status"]), (201, &json!("failed")));
    let (open, gate) = tokio::sync::watch::channel(false);
    let url = origin.serve("/slow.bmp", Behaviour::Gated(bitmap(300_000, 1).into(), gate));
    let slow = add(&url, "respond-async, wait=1").await;
    assert_eq!((slow.status.as_u16(), slow.header("preference-applied")), (202, "wait=1"));
    open.send(true).unwrap();
    let id = slow.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(client.settled(&id).await["status"], "ready", "the work goes on when the wait is over");
    assert_eq!(add(&url, "respond-async").await.header("preference-applied"), "respond-async");
    assert_eq!(add(&url, "wait=0").await.status, 202);
}
