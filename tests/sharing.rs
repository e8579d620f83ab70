//! Links to tags: they show the images of a tag, and nothing else.

use std::io::Read as _;
use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, Reply};
use crate::support::host::{Burrow, Host};
use crate::support::images::fixture;

const WRITE: (&str, &str) = ("authorization", "Bearer the-write-token");

/// A vault whose reading needs a token.
async fn closed(host: &Host) -> Burrow {
    let settings = [
        ("write_token", "the-write-token"),
        ("read_token", "the-read-token"),
        ("link_keys", "a:0123456789abcdef"),
        ("page_size", "2"),
    ];
    host.start_with(&settings).await
}

async fn store(client: &Client, name: &str, file: &str, tags: &[&str]) -> String {
    let pairs = tags.iter().map(|tag| ("tag", *tag)).chain([("name", name)]);
    let path = format!("/images?{}", url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish());
    let reply = client.send(Method::POST, &path, &[WRITE, ("content-type", "image/png")], fixture(file)).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn share(client: &Client, tag: &str, body: &str) -> Reply {
    client.send(Method::POST, &format!("/tags/{tag}/links"), &[WRITE], body.to_owned()).await
}

async fn link(client: &Client, tag: &str) -> String {
    let reply = share(client, tag, "").await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["path"].as_str().unwrap().to_owned()
}

/// Paths that a page leads to, without those of styles and scripts.
fn paths(page: &str) -> Vec<String> {
    let attributes = ["href=\"", "src=\"", "action=\"", "srcset=\""];
    let found = attributes.iter().flat_map(|attribute| page.split(attribute).skip(1));
    let paths = found.filter_map(|rest| rest.split('"').next()).filter(|path| !path.starts_with("/assets/"));
    paths.map(|path| path.replace("&#38;", "&")).collect()
}

pub async fn a_link_to_a_tag_shows_its_images_and_nothing_else(host: Host) {
    let burrow = closed(&host).await;
    let client = &burrow.client;
    let first = store(client, "first", "photo.png", &["otter/é", "private"]).await;
    store(client, "second", "photo.jpg", &["otter/é"]).await;
    let other = store(client, "other", "photo.gif", &["private"]).await;
    let path = link(client, "otter%2F%C3%A9").await;
    // One that comes later is shown, too.
    store(client, "third", "photo.bmp", &["otter/é"]).await;
    let page = client.get(&path).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let listed = page.json();
    let names = |list: &Value| {
        list["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["name"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!((&listed["tag"], names(&listed)), (&json!("otter/é"), vec!["third".into(), "second".into()]));
    let cursor = listed["next"].as_str().unwrap();
    let rest = client.get(&format!("{path}?cursor={cursor}")).await.json();
    assert_eq!((names(&rest), &rest["next"]), (vec!["first".into()], &Value::Null));
    // Neither other tags nor where an image is from.
    assert_eq!((&rest["images"][0]["tags"], rest["images"][0].get("url")), (&json!(["otter/é"]), None));
    let content = rest["images"][0]["content"].as_str().unwrap();
    assert_eq!(content, format!("{path}/images/{first}/content"));
    let bytes = client.get(content).await;
    assert!(bytes.body == fixture("photo.png") && bytes.header("cache-control").starts_with("private"));
    assert_eq!(client.send(Method::GET, content, &[("range", "bytes=0-9")], "").await.status, 206);
    let small = client.get(&format!("{path}/images/{first}/thumbnail?w=160")).await;
    assert!(small.status == 200 && small.header("cache-control").starts_with("private"), "{:?}", small.headers);
    assert_eq!(client.get(&format!("{path}/images/{first}")).await.json()["name"], "first");
    // Every path of its pages is below the link, and works.
    let html = [("accept", "text/html")];
    let mut seen = vec![path.clone(), format!("{path}/images/{first}")];
    let mut next = 0;
    while let Some(page) = seen.get(next).cloned() {
        next += 1;
        let reply = client.send(Method::GET, &page, &html, "").await;
        assert_eq!(reply.status, 200, "{page}");
        if !reply.header("content-type").starts_with("text/html") {
            continue;
        }
        for found in paths(&reply.text()) {
            assert!(
                found == path || found.starts_with(&format!("{path}/")) || found.starts_with(&format!("{path}?")),
                "{page} leads to {found}"
            );
            if !seen.contains(&found) {
                seen.push(found);
            }
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
    // Other images, and everything else, are not reached.
    for what in ["", "/content", "/thumbnail"] {
        assert_eq!(client.get(&format!("{path}/images/{other}{what}")).await.status, 404, "{what}");
        assert_eq!(client.get(&format!("/images/{first}{what}")).await.status, 401, "{what}");
    }
    for elsewhere in ["/", "/images", "/tags", "/stats", "/feed.atom", "/images?tag=otter/%C3%A9"] {
        assert_eq!(client.get(elsewhere).await.status, 401, "{elsewhere}");
    }
    assert_eq!(client.send(Method::DELETE, &format!("{path}/images/{first}"), &[], "").await.status, 405);
    assert_eq!(client.get(&format!("{path}/images/{first}?x=1")).await.status, 422);
    // An image that loses its tag is not shared any more.
    let merge = [WRITE, ("content-type", "application/merge-patch+json")];
    let untagged = client.send(Method::PATCH, &format!("/images/{first}"), &merge, r#"{"tags":["private"]}"#).await;
    assert_eq!(untagged.status, 200);
    assert_eq!(client.get(content).await.status, 404);
}

pub async fn a_shared_tag_is_one_file(host: Host) {
    let burrow = closed(&host).await;
    let client = &burrow.client;
    store(client, "a.png", "photo.png", &["otter"]).await;
    store(client, "b.bmp", "photo.bmp", &["otter"]).await;
    store(client, "c.gif", "photo.gif", &["other"]).await;
    let (path, empty) = (link(client, "otter").await, link(client, "nobody").await);
    let archive = client.get(&format!("{path}/archive")).await;
    assert_eq!((archive.status.as_u16(), archive.header("content-type")), (200, "application/zip"));
    assert!(!archive.headers.contains_key("etag"), "{:?}", archive.headers);
    let has = |name: &str| archive.body.windows(name.len()).any(|window| window == name.as_bytes());
    assert!(has("a.png") && has("b.bmp") && !has("c.gif"));
    // The bytes of the first, which is stored as it is.
    let photo = fixture("photo.png");
    assert!(archive.body.windows(photo.len()).any(|window| window == photo));
    assert_eq!(client.get(&format!("{empty}/archive")).await.status, 404);
    assert_eq!(client.get(&empty).await.json()["images"], json!([]));
    let feed = client.get(&format!("{path}/feed.atom")).await;
    let mut text = String::new();
    std::io::Cursor::new(feed.body).read_to_string(&mut text).unwrap();
    assert!(text.matches("<entry>").count() == 2 && text.contains(&format!("{path}/images/")), "{text}");
}

pub async fn links_to_tags_end_and_cannot_be_forged(host: Host) {
    let burrow = closed(&host).await;
    let client = &burrow.client;
    store(client, "a", "photo.png", &["otter"]).await;
    let path = link(client, "otter").await;
    let other = link(client, "other").await;
    let (tag, of_other) = (path.rsplit('.').next().unwrap(), other.rsplit_once('.').unwrap().0);
    for forged in
        [format!("{of_other}.{tag}"), format!("{path}x"), path[..path.len() - 1].to_owned(), "/shared/a.b.c.d".into()]
    {
        for below in ["", "/archive", "/feed.atom"] {
            let reply = client.get(&format!("{forged}{below}")).await;
            assert_eq!(
                (reply.status.as_u16(), &reply.json()["type"]),
                (403, &json!("/problems/forbidden")),
                "{forged}"
            );
        }
    }
    let short = share(client, "otter", r#"{"seconds":1}"#).await.json()["path"].as_str().unwrap().to_owned();
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert!(client.get(&short).await.json()["detail"].as_str().unwrap().contains("expired"));
    for (tag, body, status) in [
        ("otter", r#"{"seconds":604801}"#, 422),
        ("otter", r#"{"seconds":0}"#, 422),
        ("otter", "[]", 400),
        (&"x".repeat(65), "", 422),
        ("%20", "", 422),
        ("a%0Ab", "", 422),
    ] {
        assert_eq!(share(client, tag, body).await.status, status, "{tag} {body}");
    }
    // A browser gets a page with the link.
    let html = [WRITE, ("accept", "text/html")];
    let page = client.send(Method::POST, "/tags/otter/links", &html, "").await;
    assert!(page.status == 201 && page.text().contains("value=\"/shared/"), "{}", page.text());
    let listing = client.send(Method::GET, "/?tag=otter", &html, "").await.text();
    assert!(listing.contains("action=\"/tags/otter/links\""), "{listing}");
    // Without keys there are no links.
    let plain = host.start().await;
    assert_eq!(plain.client.send(Method::POST, "/tags/otter/links", &[], "").await.status, 404);
    let listing = plain.client.send(Method::GET, "/?tag=otter", &html, "").await.text();
    assert!(!listing.contains("/links"), "{listing}");
}
