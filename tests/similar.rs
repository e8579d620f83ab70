//! Similar pictures: found however they were encoded and scaled, and through changes.

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::{Host, burrow};
use crate::support::images::{bitmap, fixture};

/// The same picture in other formats.
const SAME: [(&str, &str); 5] = [
    ("photo.png", "image/png"),
    ("photo.jpg", "image/jpeg"),
    ("photo.webp", "image/webp"),
    ("photo.gif", "image/gif"),
    ("photo.bmp", "image/bmp"),
];

async fn store(client: &Client, name: &str, media_type: &str, bytes: Vec<u8>) -> String {
    let reply =
        client.send(Method::POST, &format!("/images?name={name}"), &[("content-type", media_type)], bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn similar(client: &Client, id: &str) -> Value {
    let reply = client.get(&format!("/images/{id}/similar")).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn names(found: &Value) -> Vec<String> {
    let mut names: Vec<_> =
        found["images"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect();
    names.sort_unstable();
    names
}

pub async fn similar_pictures_are_found(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let mut ids = Vec::new();
    for (name, media_type) in SAME {
        ids.push(store(client, name, media_type, fixture(name)).await);
    }
    for (name, bytes) in [("other.png", fixture("interlaced.png")), ("noise.bmp", bitmap(300_000, 1))] {
        ids.push(store(client, name, "image/png", bytes).await);
    }
    // Each is found once its own likeness was made, by its thumbnail or by this question.
    for id in &ids {
        assert_eq!(client.get(&format!("/images/{id}/thumbnail?w=160")).await.status, 200);
        similar(client, id).await;
    }
    for (id, (name, _)) in ids.iter().zip(SAME) {
        let found = similar(client, id).await;
        let mut others: Vec<_> = SAME.map(|(name, _)| name).into_iter().filter(|other| *other != name).collect();
        others.sort_unstable();
        assert_eq!(names(&found), others, "{found}");
        let distances: Vec<u64> =
            found["images"].as_array().unwrap().iter().map(|it| it["distance"].as_u64().unwrap()).collect();
        assert!(distances.is_sorted() && distances.iter().all(|it| *it <= 7), "{distances:?}");
    }
    assert_eq!(names(&similar(client, &ids[5]).await), [""; 0]);
    let two = client.get(&format!("/images/{}/similar?limit=2", ids[0])).await.json();
    assert_eq!(two["images"].as_array().unwrap().len(), 2);
    assert!(two["images"][0]["content"].is_string() && two["images"][0]["sha256"].is_string(), "{two}");
    // The page shows them, with links.
    let page = client.send(Method::GET, &format!("/images/{}", ids[0]), &[("accept", "text/html")], "").await.text();
    let (_, section) = page.split_once("Similar pictures").unwrap();
    assert!(section.contains(&format!("href=\"/images/{}\"", ids[1])) && section.contains("photo.jpg"), "{section}");

    // One that is removed is not found any more, and one that is renamed still is.
    assert_eq!(client.send(Method::DELETE, &format!("/images/{}", ids[1]), &[], "").await.status, 204);
    let patch = [("content-type", "application/merge-patch+json")];
    let renamed = client.send(Method::PATCH, &format!("/images/{}", ids[2]), &patch, r#"{"name":"new"}"#).await;
    assert_eq!(renamed.status, 200, "{}", renamed.text());
    assert_eq!(names(&similar(client, &ids[0]).await), ["new", "photo.bmp", "photo.gif"]);
}

pub async fn what_cannot_be_compared_is_told(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let drawing = store(client, "a", "image/svg+xml", fixture("drawing.svg")).await;
    assert_eq!(similar(client, &drawing).await, json!({ "images": [], "incomparable": true }));
    let nobody = "00000000-0000-7000-8000-000000000000";
    let job = client.add(&json!({ "url": "http://127.0.0.1:9/" })).await;
    client.settled(&job).await;
    for (path, status) in [
        (format!("/images/{nobody}/similar"), 404),
        (format!("/images/{job}/similar"), 409),
        (format!("/images/{drawing}/similar?limit=0"), 422),
        (format!("/images/{drawing}/similar?limit=1001"), 422),
        (format!("/images/{drawing}/similar?limit=x"), 422),
        (format!("/images/{drawing}/similar?q=x"), 422),
    ] {
        assert_eq!(client.get(&path).await.status.as_u16(), status, "{path}");
    }
}

async fn run(store: &std::path::Path, args: &[&str]) -> (Option<i32>, String, String) {
    let output = burrow(store).args(args).output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The command line compares one image with all, and all with all, though nobody has looked at them; so does a vault to
/// which they were restored.
pub async fn the_command_line_compares() {
    let here = tempfile::tempdir().unwrap();
    let files = here.path().join("files");
    std::fs::create_dir(&files).unwrap();
    for name in ["photo.png", "photo.jpg", "interlaced.png", "drawing.svg"] {
        std::fs::write(files.join(name), fixture(name)).unwrap();
    }
    std::fs::write(files.join("copy.png"), fixture("photo.png")).unwrap();
    std::fs::write(files.join("noise.bmp"), bitmap(300_000, 2)).unwrap();
    let (vault, copy, archive) = (here.path().join("vault"), here.path().join("copy"), here.path().join("vault.tar"));
    assert_eq!(run(&vault, &["add", files.to_str().unwrap()]).await.0, Some(0));
    assert_eq!(run(&vault, &["export", archive.to_str().unwrap()]).await.0, Some(0));
    assert_eq!(run(&copy, &["import", archive.to_str().unwrap()]).await.0, Some(0));
    for vault in [&vault, &copy] {
        let (code, out, _) = run(vault, &["similar", "--all"]).await;
        let lines: Vec<&str> = out.lines().collect();
        assert!(
            code == Some(0) && lines.len() == 4 && lines[0].starts_with(" 0  ") && lines[1].starts_with("    "),
            "{out}"
        );
        let (code, out, err) = run(vault, &["similar", "--all", "--json"]).await;
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let pairs: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        // Of equal ones, one is compared with others.
        assert_eq!((pairs.len(), &pairs[0]["distance"]), (2, &json!(0)), "{out}");
        let mut names: Vec<&str> =
            pairs.iter().flat_map(|pair| [0, 1].map(|n| pair["images"][n]["name"].as_str().unwrap())).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names, ["copy.png", "photo.jpg", "photo.png"], "{out}");
        let (code, out, _) = run(vault, &["similar", "photo.jpg"]).await;
        assert_eq!(code, Some(0));
        let mut found: Vec<&str> = out.lines().map(|line| line.rsplit("  ").next().unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, ["copy.png", "photo.png"], "{out}");
        let (code, out, err) = run(vault, &["similar", "drawing.svg"]).await;
        assert!(code == Some(1) && out.is_empty() && err.contains("cannot be compared"), "{err}");
        let (code, _, err) = run(vault, &["verify"]).await;
        assert_eq!(code, Some(0), "{err}");
    }
}
