//! Access: tokens, signed links, other sites, allowed hosts; and invalid settings.

use hyper::Method;
use serde_json::json;

use crate::support::client::{Client, Reply};
use crate::support::host::{Host, burrow};
use crate::support::images::{fixture, repository};

const PNG: (&str, &str) = ("content-type", "image/png");
const NOBODY: &str = "00000000-0000-7000-8000-000000000000";

async fn store(client: &Client, headers: &[(&str, &str)]) -> Reply {
    client.send(Method::POST, "/images?name=x", &[&[PNG], headers].concat(), fixture("photo.png")).await
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

pub async fn changes_need_a_token(host: Host) {
    let burrow = host.start_with(&[("write_token", "old-secret-token, new-secret-token")]).await;
    let client = &burrow.client;
    let image = format!("/images/{NOBODY}");
    for (method, path) in [
        (Method::POST, "/images"),
        (Method::POST, "/upload"),
        (Method::POST, "/process_image"),
        (Method::POST, "/jobs/resume"),
        (Method::POST, "/jobs/repack"),
        (Method::POST, "/jobs/rename-tag"),
        (Method::POST, "/tags/a/links"),
        (Method::POST, &format!("{image}/retry")),
        (Method::POST, &format!("{image}/links")),
        (Method::PATCH, &image),
        (Method::DELETE, &image),
    ] {
        for (token, challenge) in [
            (None, "Bearer realm=\"burrow\""),
            (Some("Bearer wrong-secret-token"), "Bearer realm=\"burrow\", error=\"invalid_token\""),
            (Some("Basic b2xkLXNlY3JldC10b2tlbjo="), "Bearer realm=\"burrow\""),
            (Some("Bearer old-secret-token, new-secret-token"), "Bearer realm=\"burrow\", error=\"invalid_token\""),
        ] {
            let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
            let reply = client.send(method.clone(), path, &headers, "").await;
            assert_eq!((reply.status.as_u16(), reply.header("www-authenticate")), (401, challenge), "{method} {path}");
            assert_eq!(reply.json()["type"], "/problems/unauthorized");
        }
    }
    for token in ["old-secret-token", "new-secret-token"] {
        assert_eq!(store(client, &[("authorization", &bearer(token))]).await.status, 201);
    }
    assert_eq!(client.get("/images/by-name/x").await.status, 200, "reading needs none");
}

pub async fn reading_may_need_a_token_too(host: Host) {
    let settings = [("write_token", "the-write-token"), ("read_token", "the-read-token")];
    let burrow = host.start_with(&settings).await;
    let client = &burrow.client;
    let (read, write) = (bearer("the-read-token"), bearer("the-write-token"));
    let record = store(client, &[("authorization", &write)]).await.json();
    assert_eq!(store(client, &[("authorization", &read)]).await.status, 401);
    let (image, content) = (format!("/images/{}", record["id"].as_str().unwrap()), record["content"].as_str().unwrap());
    let protected = [
        "/",
        "/images",
        "/stats",
        "/basic_stats",
        "/image/x",
        "/images/by-name/x",
        "/images/by-name/x/content",
        &image,
        content,
    ];
    for path in protected {
        for method in [Method::GET, Method::HEAD] {
            assert_eq!(client.send(method, path, &[], "").await.status, 401, "{path}");
        }
        for token in [&read, &write] {
            assert_eq!(client.send(Method::GET, path, &[("authorization", token)], "").await.status, 200, "{path}");
        }
    }
    for path in ["/healthz", "/openapi.json", "/assets/style.css", "/problems/unauthorized"] {
        assert_eq!(client.get(path).await.status, 200, "{path}");
    }
    let reply = client.send(Method::GET, content, &[("authorization", &read)], "").await;
    assert_eq!(reply.header("cache-control"), "private, max-age=31536000, immutable");
}

/// Browsers show an image in pages of its own site only, unless the operator or a link says otherwise.
pub async fn other_sites_show_nothing(host: Host) {
    let policy = "cross-origin-resource-policy";
    let closed = host.start_with(&[("link_keys", "a:0123456789abcdef0123")]).await;
    let record = store(&closed.client, &[]).await.json();
    let image = format!("/images/{}", record["id"].as_str().unwrap());
    let content = format!("{image}/content");
    for path in ["/", "/images", "/stats", &image, &content, &format!("{image}/thumbnail"), "/nothing"] {
        assert_eq!(closed.client.get(path).await.header(policy), "same-site", "{path}");
    }
    let link = closed.client.send(Method::POST, &format!("{image}/links"), &[], "{}").await.json();
    assert_eq!(closed.client.get(link["path"].as_str().unwrap()).await.header(policy), "cross-origin");
    let open = host.start_with(&[("cors_origins", "https://a.example")]).await;
    assert_eq!(open.client.get("/images").await.header(policy), "cross-origin");
}

pub async fn a_signed_link_needs_no_token(host: Host) {
    let settings = [
        ("write_token", "the-write-token"),
        ("read_token", "the-read-token"),
        ("link_keys", "new:0123456789abcdef0123,old:fedcba9876543210"),
        ("max_link_seconds", "1000"),
    ];
    let burrow = host.start_with(&settings).await;
    let client = &burrow.client;
    let write = bearer("the-write-token");
    let record = store(client, &[("authorization", &write)]).await.json();
    let links = format!("/images/{}/links", record["id"].as_str().unwrap());
    let link =
        async |body: &str| client.send(Method::POST, &links, &[("authorization", &write)], body.to_owned()).await;
    let reply = link(r#"{"seconds":600}"#).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    let path = reply.json()["path"].as_str().unwrap().to_owned();
    assert!(path.contains("key=new&") && reply.json()["expires"].as_str().unwrap().ends_with('Z'));
    let content = client.get(&path).await;
    assert!(content.status == 200 && content.body == fixture("photo.png"));
    let cache = content.header("cache-control");
    let left: u64 =
        cache.strip_prefix("private, max-age=").unwrap().strip_suffix(", immutable").unwrap().parse().unwrap();
    assert!(left <= 600, "{cache}");
    assert_eq!(client.send(Method::GET, &path, &[("range", "bytes=0-9")], "").await.status, 206);
    // A link that was changed in any part is refused.
    let later = path.replace("expires=", "expires=9");
    let other_key = path.replace("key=new", "key=old");
    let cut = &path[..path.len() - 1];
    let bare = format!("{}?signature=", path.split_once('?').unwrap().0);
    let of_another = path.replace(record["id"].as_str().unwrap(), NOBODY);
    for wrong in [later.as_str(), &other_key, cut, &bare, &of_another] {
        let reply = client.get(wrong).await;
        assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (403, &json!("/problems/forbidden")), "{wrong}");
    }
    for (body, status) in [
        ("", 201),
        ("{}", 201),
        (r#"{"seconds":1000}"#, 201),
        (r#"{"seconds":1001}"#, 422),
        (r#"{"seconds":0}"#, 422),
        (r#"{"seconds":-1}"#, 400),
        (r#"{"seconds":1.5}"#, 400),
        (r#"{"x":1}"#, 400),
    ] {
        assert_eq!(link(body).await.status, status, "{body}");
    }
    // A link expires.
    let brief = link(r#"{"seconds":1}"#).await.json()["path"].as_str().unwrap().to_owned();
    while client.get(&brief).await.status != 403 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
}

pub async fn links_need_keys(host: Host) {
    let burrow = host.start().await;
    let record = store(&burrow.client, &[]).await.json();
    let links = format!("/images/{}/links", record["id"].as_str().unwrap());
    assert_eq!(burrow.client.send(Method::POST, &links, &[], "").await.status, 404);
    let signed = format!("{}?expires=9999999999&key=a&signature=AAAA", record["content"].as_str().unwrap());
    assert_eq!(burrow.client.get(&signed).await.status, 403);
}

pub async fn other_sites_change_nothing(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let id = store(client, &[]).await.json()["id"].as_str().unwrap().to_owned();
    let image = format!("/images/{id}");
    let evil = [("origin", "https://evil.example")];
    let cross = [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")];
    for (method, path) in [
        (Method::POST, "/images"),
        (Method::POST, "/upload"),
        (Method::POST, "/jobs/resume"),
        (Method::POST, "/jobs/repack"),
        (Method::POST, &format!("{image}/retry")),
        (Method::PATCH, &image),
        (Method::DELETE, &image),
    ] {
        for headers in [&evil[..], &cross] {
            let reply = client.send(method.clone(), path, headers, r#"{"url":"http://nobody.invalid/"}"#).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (403, &json!("/problems/forbidden")), "{path}");
        }
    }
    let reply = client.send(Method::GET, &image, &cross, "").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (200, ""));
    assert_eq!(client.get("/images").await.json()["images"].as_array().unwrap().len(), 1);
}

pub async fn allowed_sites_may_read_and_change(host: Host) {
    let burrow = host.start_with(&[("cors_origins", "https://app.example, http://localhost:8080")]).await;
    let client = &burrow.client;
    let app = [("origin", "https://app.example"), ("sec-fetch-site", "cross-site")];
    let reply = store(client, &app).await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (201, "https://app.example"));
    assert!(reply.header("access-control-expose-headers").contains("location"));
    let content = reply.json()["content"].as_str().unwrap().to_owned();
    let reply = client.send(Method::GET, &content, &app, "").await;
    assert_eq!(reply.header("access-control-allow-origin"), "https://app.example");
    let vary: Vec<_> = reply.headers.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(vary, ["accept-encoding", "origin"]);
    let preflight = [app[0], ("access-control-request-method", "PATCH")];
    let reply = client.send(Method::OPTIONS, "/images", &preflight, "").await;
    assert_eq!(
        (reply.status.as_u16(), reply.header("access-control-allow-methods")),
        (204, "GET, POST, HEAD, OPTIONS")
    );
    assert!(reply.header("access-control-allow-headers").contains("idempotency-key"));
    // Errors can be read, too.
    let reply = client.send(Method::GET, "/nothing", &app, "").await;
    assert_eq!((reply.status.as_u16(), reply.header("access-control-allow-origin")), (404, "https://app.example"));
    for other in ["https://evil.example", "https://app.example:444", "null"] {
        let other = [("origin", other)];
        assert_eq!(client.send(Method::GET, &content, &other, "").await.header("access-control-allow-origin"), "");
        assert_eq!(store(client, &other).await.status, 403);
    }
    let open = host.start_with(&[("cors_origins", "*")]).await;
    let reply = open.client.send(Method::GET, "/stats", &app, "").await;
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

pub async fn only_allowed_hosts_are_asked(host: Host) {
    let burrow = host.start_with(&[("allowed_hosts", "images.example, *.cdn.example")]).await;
    for (url, status) in [
        ("http://127.0.0.1:1/", 422),
        ("http://other.example/", 422),
        ("http://cdn.example/", 422),
        ("http://images.example:81/", 202),
        ("http://a.cdn.example/", 202),
    ] {
        let reply = burrow.client.post("/images", &json!({ "url": url })).await;
        assert_eq!(reply.status, status, "{url}: {}", reply.text());
    }
}

/// Each host passes the name on under which it was asked.
pub async fn only_allowed_names_are_answered_for(host: Host) {
    let names = ("allowed_http_hosts", "images.example, *.lan.example");
    let burrow = host.start_with(&[names]).await;
    let guarded = host.start_with(&[("write_token", "the-write-token")]).await;
    for (name, status) in [
        (burrow.client.address(), 200),
        ("localhost", 200),
        ("images.example:3000", 200),
        ("a.lan.example", 200),
        ("lan.example", 421),
        ("evil.example", 421),
    ] {
        let reply = burrow.client.send(Method::GET, "/images", &[("host", name)], "").await;
        assert_eq!(reply.status, status, "{name}: {}", reply.text());
    }
    // Spin closes the connection itself, because such names are those of its own components.
    match burrow.client.try_send(Method::GET, "/images", &[("host", "burrow.spin.internal")], "").await {
        Ok(reply) => assert_eq!(reply.status, 421, "{}", reply.text()),
        Err(unanswered) => assert!(!matches!(host, Host::Native), "{unanswered:?}"),
    }
    assert_eq!(guarded.client.send(Method::GET, "/images", &[("host", "evil.example")], "").await.status, 200);
}

pub async fn settings_that_cannot_be_read_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut serve = burrow(directory.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("BURROW_WRITE_TOKEN", "short");
    let output = serve.output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{told}");
    assert!(told.contains("write_token") && !told.contains("short"), "{told}");
    // Who may write without a token may also read: the answers to writes show images.
    let mut serve = burrow(directory.path());
    serve.args(["serve", "--listen", "127.0.0.1:0"]).env("BURROW_READ_TOKEN", "the-read-token");
    let output = serve.output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{told}");
    assert!(told.contains("write_token") && !told.contains("the-read-token"), "{told}");
    // A token that is empty by mistake must not leave the service open.
    let mut serve = burrow(directory.path());
    let output = serve.args(["serve", "--listen", "127.0.0.1:0"]).env("BURROW_WRITE_TOKEN", "").output().await.unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    let mut help = burrow(directory.path());
    let help = help.args(["serve", "--help"]).env("BURROW_WRITE_TOKEN", "the-secret-token").output().await.unwrap();
    assert!(!String::from_utf8_lossy(&help.stdout).contains("the-secret-token"));
}

/// The component, Spin's manifest, the native host's flags and the documentation name the same settings.
pub async fn the_settings_are_the_same_everywhere() {
    let read = |path: &str| std::fs::read_to_string(repository().join(path)).unwrap();
    let manifest = read("spin.toml");
    let (_, granted) = manifest.split_once("[component.burrow.variables]\n").unwrap();
    let granted = granted.split("\n\n").next().unwrap();
    let names: Vec<&str> = granted.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let source = read("src/settings.rs");
    let (_, listed) = source.split_once("pub const NAMES").unwrap();
    let listed: Vec<&str> = listed.split_once("];\n\n").unwrap().0.split('"').skip(1).step_by(2).collect();
    assert_eq!(names, listed);
    let directory = tempfile::tempdir().unwrap();
    let help = burrow(directory.path()).args(["serve", "--help"]).output().await.unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let documentation = read("docs/http-api.md");
    for name in names {
        assert!(manifest.contains(&format!("\n{name} = {{ default")), "{name} is not declared");
        assert!(help.contains(&format!("--{}", name.replace('_', "-"))), "{name} is no flag");
        assert!(help.contains(&format!("BURROW_{}", name.to_ascii_uppercase())), "{name} is no environment variable");
        assert!(documentation.contains(&format!("`{name}`")), "{name} is not documented");
    }
}
