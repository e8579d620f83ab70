//! What origins are told besides the URL: the page on which an image was found, and the operator's headers.

use std::path::Path;

use hyper::{Method, StatusCode};
use serde_json::{Value, json};

use crate::support::client::encode;
use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};

const JSON: [(&str, &str); 1] = [("content-type", "application/json")];
const FORM: [(&str, &str); 1] = [("content-type", "application/x-www-form-urlencoded")];

/// Every way to add a URL takes the page on which it was found. Each attempt and each hop tells it.
pub async fn origins_are_told_the_page(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    let picture = || Behaviour::Image(fixture("photo.png").into());
    let flaky = origin.serve("/flaky", Behaviour::AtFirst(Behaviour::Status(503).into(), picture().into()));
    let image = client.add_ready(&json!({ "url": flaky, "referrer": " http://page.example/a b?q#part " })).await;
    assert_eq!(origin.told("/flaky", "referer"), ["http://page.example/a%20b?q", "http://page.example/a%20b?q"]);
    assert_eq!(image["referrer"], "http://page.example/a%20b?q");
    assert_eq!(client.get("/images").await.json()["images"][0]["referrer"], image["referrer"]);
    let path = format!("/images/{}", image["id"].as_str().unwrap());
    let page = client.send(Method::GET, &path, &[("accept", "text/html")], "").await.text();
    assert!(page.contains("<a href=\"http://page.example/a%20b?q\" rel=\"noreferrer nofollow\">"), "{page}");

    origin.serve("/end", picture());
    let hop = origin.serve("/hop", Behaviour::Redirect("/end".into()));
    let form = format!("url={}&referrer={}", encode(&hop), encode("https://secret.example/private?token=x"));
    let added = client.send(Method::POST, "/images", &FORM, form).await.json();
    assert_eq!(client.settled(added["id"].as_str().unwrap()).await["status"], "ready");
    // Who listens on the way to an origin without TLS learns nothing of an encrypted page but its site.
    for path in ["/hop", "/end"] {
        assert_eq!(origin.told(path, "referer"), ["https://secret.example/"], "{path}");
    }

    let urls = [origin.serve("/one", picture()), origin.serve("/two", picture())];
    let form = format!("action=add&urls={}&referrer=http://page.example/", encode(&urls.join("\n")));
    let done = client.send(Method::POST, "/gallery", &FORM, form).await.json();
    assert_eq!(done, json!({ "done": 2, "failures": [], "here": [] }));
    for image in client.get("/images?limit=2").await.json()["images"].as_array().unwrap() {
        let image = client.settled(image["id"].as_str().unwrap()).await;
        assert_eq!((&image["status"], &image["referrer"]), (&json!("ready"), &json!("http://page.example/")));
    }
    assert_eq!(
        (origin.told("/one", "referer"), origin.told("/two", "referer")),
        (vec!["http://page.example/".into()], vec!["http://page.example/".into()])
    );

    // Without a page nothing is told, and nothing is shown.
    for referrer in [json!(null), json!(""), json!("  ")] {
        let plain = client.add_ready(&json!({ "url": origin.serve("/plain", picture()), "referrer": referrer })).await;
        assert!(plain.get("referrer").is_none(), "{plain}");
    }
    assert_eq!(origin.told("/plain", "referer"), ["", "", ""]);
}

pub async fn pages_that_cannot_be_told_are_refused(host: Host) {
    let burrow = host.start().await;
    let url = "http://origin.example/a.png";
    let long = format!("http://page.example/{}", "a".repeat(8192));
    for referrer in [
        "page.example",
        "about:blank",
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://user@page.example/",
        "http://user:password@page.example/",
        "http://page.example/\r\nCookie: a=b",
        "http://page.example/\u{0}",
        &long,
    ] {
        let reply = burrow.client.post("/images", &json!({ "url": url, "referrer": referrer })).await;
        let problem = reply.json();
        assert_eq!(
            (reply.status, &problem["field"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("referrer")),
            "{problem}"
        );
        let form = format!("action=add&urls={}&referrer={}", encode(url), encode(referrer));
        let reply = burrow.client.send(Method::POST, "/gallery", &FORM, form).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["field"]), (422, &json!("referrer")), "{referrer:?}");
    }
    assert_eq!(burrow.client.get("/stats").await.json()["pending"], 0);
    // The routes of the first design take no such member, and go on to ignore it.
    let reply = burrow.client.post("/upload", &json!({ "url": url, "referrer": "nonsense" })).await;
    assert_eq!(reply.status, 200);
}

/// An image that an origin shows only to visitors of its pages fails, and succeeds once the page is told.
pub async fn a_failed_image_is_tried_again_with_a_page(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let client = &burrow.client;
    for (path, send) in [("/json", true), ("/form", false)] {
        let url = origin.serve(path, Behaviour::Guarded("http://page.example/", fixture("photo.png").into()));
        let id = client.add(&json!({ "url": url, "referrer": "http://other.example/" })).await;
        let failed = client.settled(&id).await;
        assert_eq!(failed["error"], "the origin answered 403", "{failed}");
        let retry = format!("/images/{id}/retry");
        let refused = client.send(Method::POST, &retry, &JSON, json!({ "referrer": "nonsense" }).to_string()).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["field"]), (422, &json!("referrer")));
        let page = "http://page.example/7";
        if send {
            let reply = client.send(Method::POST, &retry, &JSON, json!({ "referrer": page }).to_string()).await;
            assert_eq!(reply.status, 202, "{}", reply.text());
        } else {
            let form = format!("action=retry&id={id}&referrer={page}");
            assert_eq!(client.send(Method::POST, "/gallery", &FORM, form).await.json()["done"], 1);
        }
        let image = client.settled(&id).await;
        assert_eq!((&image["status"], &image["referrer"]), (&json!("ready"), &json!(page)), "{image}");
        assert_eq!(origin.told(path, "referer"), ["http://other.example/", page]);
    }
}

/// The operator's headers reach the origin that they are for, and no other, nor any answer.
pub async fn headers_go_where_they_are_for(host: Host) {
    let (chosen, other) = (Origin::start().await, Origin::start().await);
    let lines = format!(
        "{base} Cookie: session=the-secret-cookie\n{base} X-Key: the-secret-key\n{base} Referer: http://usual.example/",
        base = chosen.base()
    );
    let burrow = host.start_with(&[("request_headers", lines.as_str()), ("user_agent", "Otter/7 (a test)")]).await;
    let client = &burrow.client;
    let picture = fixture("photo.png");
    let direct = chosen.image("/direct", picture.clone());
    let away = chosen.serve("/away", Behaviour::Redirect(other.image("/end", picture.clone())));
    let home = other.serve("/home", Behaviour::Redirect(chosen.image("/found", picture.clone())));
    let mut said = String::new();
    for url in [&direct, &away, &home] {
        let image = client.add_ready(&json!({ "url": url })).await;
        let page = format!("/images/{}", image["id"].as_str().unwrap());
        for (path, accept) in [(&page[..], "text/html"), (&page[..], "*/*"), ("/", "text/html"), ("/stats", "*/*")] {
            said += &client.send(Method::GET, path, &[("accept", accept)], "").await.text();
        }
    }
    for path in ["/direct", "/away", "/found"] {
        assert_eq!(chosen.told(path, "cookie"), ["session=the-secret-cookie"], "{path}");
        assert_eq!(chosen.told(path, "x-key"), ["the-secret-key"], "{path}");
        assert_eq!(chosen.told(path, "referer"), ["http://usual.example/"], "{path}");
        assert_eq!(chosen.told(path, "user-agent"), ["Otter/7 (a test)"], "{path}");
    }
    for path in ["/end", "/home"] {
        for name in ["cookie", "x-key", "referer"] {
            assert_eq!(other.told(path, name), [""], "{path} {name}");
        }
        assert_eq!(other.told(path, "user-agent"), ["Otter/7 (a test)"]);
    }
    // What is known of the single image counts more.
    let url = chosen.image("/own", picture);
    client.add_ready(&json!({ "url": url, "referrer": "http://page.example/" })).await;
    assert_eq!(chosen.told("/own", "referer"), ["http://page.example/"]);
    // Nor does a failure show them.
    let gone = client.settled(&client.add(&json!({ "url": format!("{}/gone", chosen.base()) })).await).await;
    said += &gone.to_string();
    assert!(said.len() > 1000 && !said.contains("the-secret"), "{said}");
}

async fn run(store: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = burrow(store).arg("--allow-private-network").args(args).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The command line tells the page of its flag, unless a list has another for an image, and tries again with it.
pub async fn the_command_line_tells_the_page() {
    let (here, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
    let (store, page) = (here.path().join("store"), "http://page.example/");
    let guarded =
        |path: &str, seed| origin.serve(path, Behaviour::Guarded("http://page.example/", bitmap(20_000, seed).into()));
    let urls = [guarded("/1", 1), guarded("/2", 2), guarded("/3", 3)];
    let (list, failed) = (here.path().join("list.csv"), here.path().join("failed.jsonl"));
    let table = format!("url,referrer\n{},http://page.example/2\n{},http://wrong.example/\n", urls[1], urls[2]);
    std::fs::write(&list, table).unwrap();
    let (list, failed) = (list.to_str().unwrap(), failed.to_str().unwrap());
    let (code, out, err) =
        run(&store, &["add", &urls[0], "--from", list, "--referrer", page, "--failed", failed]).await;
    assert_eq!(code, Some(1), "{out}{err}");
    assert_eq!(origin.told("/1", "referer"), [page]);
    assert_eq!(origin.told("/2", "referer"), ["http://page.example/2"]);
    assert_eq!(origin.told("/3", "referer"), ["http://wrong.example/"]);
    // The list of failures says what was told, so that it can be corrected.
    let line: Value = serde_json::from_str(&std::fs::read_to_string(failed).unwrap()).unwrap();
    assert_eq!((&line["url"], &line["referrer"]), (&json!(urls[2]), &json!("http://wrong.example/")));
    let (code, _, err) = run(&store, &["add", &urls[2], "--referrer", "http://page.example/3"]).await;
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(origin.told("/3", "referer"), ["http://wrong.example/", "http://page.example/3"]);
    let (_, shown, _) = run(&store, &["show", "3"]).await;
    assert!(shown.contains("referrer  http://page.example/3\n"), "{shown}");
    let (_, shown, _) = run(&store, &["show", "3", "--json"]).await;
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["referrer"], "http://page.example/3");
    let (code, _, err) = run(&store, &["add", &urls[0], "--again", "--referrer", "nonsense"]).await;
    assert!(code == Some(1) && err.contains("referrer: not a URL"), "{err}");

    // A retry may bring another, and an archive keeps it.
    let fourth = guarded("/4", 4);
    assert_eq!(run(&store, &["add", &fourth]).await.0, Some(1));
    let (code, _, err) = run(&store, &["retry", "--all", "--referrer", "http://page.example/4"]).await;
    assert_eq!(code, Some(0), "{err}");
    let (archive, copy) = (here.path().join("vault.tar"), here.path().join("copy"));
    assert_eq!(run(&store, &["export", archive.to_str().unwrap()]).await.0, Some(0));
    assert_eq!(run(&copy, &["import", archive.to_str().unwrap()]).await.0, Some(0));
    let (_, there, _) = run(&store, &["ls", "--json"]).await;
    let (_, copied, _) = run(&copy, &["ls", "--json"]).await;
    let of = |listed: &str| {
        let image = |line: &str| serde_json::from_str::<Value>(line).unwrap();
        let mut all: Vec<_> =
            listed.lines().map(image).map(|it| (it["name"].to_string(), it["referrer"].to_string())).collect();
        all.sort();
        all
    };
    assert_eq!(of(&there), of(&copied));
    assert!(of(&copied).contains(&("\"4\"".into(), "\"http://page.example/4\"".into())), "{copied}");
}
