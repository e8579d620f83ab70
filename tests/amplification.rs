//! Amplification: what the largest requests that are accepted get from a full vault, in bytes and in memory.
//!
//! Every route of openapi.json has its requests here, and a bound on the bytes of its answer.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, encode};
use crate::support::images::{fixture, repository};
use crate::support::process::{Process, serve};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Images in the vault, each with the longest name and the most and longest tags.
const IMAGES: usize = 400;

/// The most memory of the server while many such requests are answered at once, to readers that take their time.
const MEMORY: u64 = 640 * 1024 * 1024;

/// How many at once.
const AT_ONCE: usize = 32;

/// The longest time for another request meanwhile.
const MEANWHILE: Duration = Duration::from_secs(20);

/// A request, and the most bytes of its answer's body beside twice its own.
struct Asked {
    route: &'static str,
    method: Method,
    path: String,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    most: usize,
}

impl Asked {
    /// The bytes of the request.
    fn bytes(&self) -> usize {
        let headers: usize = self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        self.path.len() + headers + self.body.len()
    }
}

struct Full {
    ids: Vec<String>,
    name: String,
    /// The path of a link to a tag that all images have.
    shared: String,
}

/// Fills a vault.
async fn fill(client: &Client) -> Full {
    let mut full = Full { ids: Vec::new(), name: String::new(), shared: String::new() };
    for n in 0..IMAGES {
        let name = format!("{n:03}{}", "n".repeat(252));
        let own = (0..31).map(|tag| format!("&tag={:064}", n * 31 + tag));
        let tags = own.chain(["&tag=shared".into()]).collect::<Vec<_>>().concat();
        let gif = [b"GIF89a\x01\0\x01\0\0\0\0;".as_slice(), &n.to_be_bytes()].concat();
        let path = format!("/images?name={name}{tags}");
        let reply = client.send(Method::POST, &path, &[("content-type", "image/gif")], gif).await;
        assert_eq!(reply.status, 201, "{}", reply.text());
        full.ids.push(reply.json()["id"].as_str().unwrap().to_owned());
        full.name = name;
    }
    let link = client.send(Method::POST, "/tags/shared/links", &[], "").await;
    link.json()["path"].as_str().unwrap().clone_into(&mut full.shared);
    full
}

/// The largest requests of every route. `most` is what its answer may have.
fn largest(full: &Full) -> Vec<Asked> {
    const PAGE: &[(&str, &str)] = &[("accept", "text/html")];
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    const FORM: &[(&str, &str)] = &[("content-type", "application/x-www-form-urlencoded"), ("accept", "text/html")];
    const FILES: &[(&str, &str)] = &[("content-type", "multipart/form-data; boundary=x")];
    let mut all = Vec::new();
    let mut ask =
        |route, method: &Method, path: String, headers: &[(&'static str, &'static str)], body: Vec<u8>, most| {
            all.push(Asked { route, method: method.clone(), path, headers: headers.to_vec(), body, most });
        };
    let (get, post) = (&Method::GET, &Method::POST);
    let none = Vec::new;
    let (id, name) = (&full.ids[0], &full.name);
    let image = format!("/images/{id}");
    let quotes = encode(&"'".repeat(5000));
    let words = "n ".repeat(5000).replace(' ', "+");
    for query in [String::new(), format!("&q={quotes}"), format!("&q={words}"), "&q=n".into()] {
        ask("/", get, format!("/?limit=1000{query}"), PAGE, none(), 5 * MIB);
        ask("/images", get, format!("/images?limit=1000{query}"), &[], none(), 2 * MIB);
    }
    let tags = (0..32).map(|tag| format!("{tag:064},")).collect::<Vec<_>>().concat();
    let field =
        |name: &str, value: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    let file = |n| {
        format!("--x\r\nContent-Disposition: form-data; name=f; filename={n}.gif\r\n\r\nGIF89a\x01\0\x01\0\0\0\0;\r\n")
    };
    let files = (0..100).map(file).collect::<Vec<_>>().concat();
    let form = field("tags", tags.trim_end_matches(',')) + &files;
    ask("/images", post, "/images".into(), FILES, format!("{form}--x--\r\n").into_bytes(), MIB);
    let long = json!({ "url": format!("http://x/{}", "\u{1}".repeat(7000)), "tags": vec!["\"".repeat(64); 100] });
    for (route, path) in [("/images", "/images"), ("/upload", "/upload"), ("/process_image", "/process_image")] {
        ask(route, post, path.into(), JSON, long.to_string().into_bytes(), 4 * KIB);
    }
    ask("/images/{id}", get, image.clone(), &[], none(), 8 * KIB);
    ask("/images/{id}", get, image.clone(), PAGE, none(), 64 * KIB);
    let change = json!({ "name": "\"".repeat(255), "tags": (0..32).map(|n| format!("{n:064}")).collect::<Vec<_>>() });
    ask("/images/{id}", &Method::PATCH, image.clone(), JSON, change.to_string().into_bytes(), 8 * KIB);
    ask("/images/{id}", &Method::DELETE, format!("/images/{}", full.ids[1]), &[], none(), KIB);
    let ranges: &[(&str, &str)] = &[("range", "bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14")];
    ask("/images/{id}/content", get, format!("{image}/content"), &[], none(), 4 * KIB);
    ask("/images/{id}/content", get, format!("{image}/content?download"), ranges, none(), 4 * KIB);
    ask("/images/{id}/thumbnail", get, format!("{image}/thumbnail?width=1280"), &[], none(), 240 * KIB);
    ask("/images/{id}/similar", get, format!("{image}/similar?limit=1000"), &[], none(), 2 * MIB);
    ask("/images/{id}/retry", post, format!("{image}/retry"), &[], none(), 4 * KIB);
    ask("/images/{id}/links", post, format!("{image}/links"), JSON, b"{\"seconds\":1}".to_vec(), 4 * KIB);
    ask("/images/by-name/{name}", get, format!("/images/by-name/{name}"), &[], none(), 8 * KIB);
    ask("/images/by-name/{name}/content", get, format!("/images/by-name/{name}/content"), &[], none(), 4 * KIB);
    ask("/image/{name}", get, format!("/image/{name}"), PAGE, none(), 64 * KIB);
    ask("/stats", get, "/stats".into(), PAGE, none(), 128 * KIB);
    ask("/stats", get, "/stats".into(), &[], none(), 64 * KIB);
    ask("/tags", get, "/tags?limit=1000".into(), &[], none(), 512 * KIB);
    ask("/tags", get, "/tags".into(), &[], none(), 512 * KIB);
    ask("/tags/{tag}/links", post, "/tags/shared/links".into(), JSON, b"{\"seconds\":1}".to_vec(), 4 * KIB);
    ask("/feed.atom", get, format!("/feed.atom?tag=shared&q={words}"), &[], none(), MIB);
    let shared = &full.shared;
    ask("/shared/{link}", get, format!("{shared}?limit=1000"), PAGE, none(), 5 * MIB);
    ask("/shared/{link}", get, format!("{shared}?limit=1000"), &[], none(), 2 * MIB);
    ask("/shared/{link}/feed.atom", get, format!("{shared}/feed.atom"), &[], none(), MIB);
    ask("/shared/{link}/archive", get, format!("{shared}/archive"), &[], none(), 500 * KIB);
    ask("/shared/{link}/images/{id}", get, format!("{shared}{image}"), PAGE, none(), 64 * KIB);
    ask("/shared/{link}/images/{id}/content", get, format!("{shared}{image}/content"), ranges, none(), 4 * KIB);
    ask("/shared/{link}/images/{id}/thumbnail", get, format!("{shared}{image}/thumbnail"), &[], none(), 240 * KIB);
    ask("/basic_stats", get, "/basic_stats".into(), &[], none(), 2 * MIB);
    ask("/jobs/resume", post, "/jobs/resume".into(), &[], none(), 4 * KIB);
    let rename = json!({ "from": format!("{:064}", 40), "to": "\"".repeat(64) });
    ask("/jobs/rename-tag", post, "/jobs/rename-tag".into(), JSON, rename.to_string().into_bytes(), 4 * KIB);
    ask("/jobs/repack", post, "/jobs/repack".into(), &[], none(), 4 * KIB);
    ask("/healthz", get, "/healthz".into(), &[], none(), KIB);
    ask("/openapi.json", get, "/openapi.json".into(), &[], none(), 256 * KIB);
    ask("/problems/{kind}", get, "/problems/limit".into(), PAGE, none(), 64 * KIB);
    ask("/assets/{name}", get, "/assets/style.css".into(), &[], none(), 256 * KIB);
    ask("/add", get, format!("/add?url={quotes}"), PAGE, none(), 64 * KIB);
    ask("/uploaders/{name}", get, "/uploaders/picgo.json".into(), &[], none(), 4 * KIB);
    let several = full.ids.iter().skip(2).take(390).map(|id| format!("&id={id}")).collect::<Vec<_>>().concat();
    ask("/archive", get, format!("/archive?{}", &several[1..]), &[], none(), 390 * KIB);
    // A form that deletes without being sure is answered with a page that asks.
    let delete = format!("action=delete{several}");
    ask("/gallery", post, "/gallery".into(), FORM, delete.into_bytes(), MIB);
    let wrong = format!("token={}&back=/{}", "t".repeat(30_000), "b".repeat(30_000));
    ask("/session", post, "/session".into(), FORM, wrong.into_bytes(), 128 * KIB);
    let unknown = format!("language={}&back=/{}", "x".repeat(30_000), "b".repeat(30_000));
    ask("/language", post, "/language".into(), FORM, unknown.into_bytes(), 128 * KIB);
    all
}

/// The routes and methods that openapi.json has.
fn documented() -> BTreeSet<(String, String)> {
    let interface: Value = serde_json::from_slice(&std::fs::read(repository().join("openapi.json")).unwrap()).unwrap();
    let mut routes = BTreeSet::new();
    for (path, operations) in interface["paths"].as_object().unwrap() {
        let methods = operations.as_object().unwrap().keys().filter(|key| *key != "parameters");
        routes.extend(methods.map(|method| (path.clone(), method.to_ascii_uppercase())));
    }
    routes
}

pub async fn no_answer_outgrows_its_request() {
    let store = tempfile::tempdir().unwrap();
    let mut command = serve(store.path());
    command.args(["--metrics", "127.0.0.1:0", "--answer-cache", "0"]);
    command.env("BURROW_LINK_KEYS", "a:0123456789abcdef0123");
    let mut process = Process::spawn(&mut command);
    let client = process.ready().await.unwrap();
    let full = fill(&client).await;
    let asked = largest(&full);
    let tried: BTreeSet<_> = asked.iter().map(|asked| (asked.route.to_owned(), asked.method.to_string())).collect();
    assert_eq!(tried, documented());
    let mut outgrown = Vec::new();
    for one in &asked {
        let reply = client.send(one.method.clone(), &one.path, &one.headers, one.body.clone()).await;
        let (bytes, most) = (reply.body.len(), one.most + 2 * one.bytes());
        assert!(reply.status.as_u16() < 500, "{} {}: {}", one.method, one.route, reply.text());
        if bytes > most {
            outgrown.push(format!("{} {}: {bytes} bytes of at most {most}", one.method, one.route));
        }
    }
    assert!(outgrown.is_empty(), "{outgrown:#?}");
    // The largest pages to many readers at once, who take their time; meanwhile others are served.
    let is_large = |asked: &&Asked| asked.method == Method::GET && matches!(asked.route, "/" | "/images" | "/archive");
    let pages: Vec<&Asked> = asked.iter().filter(is_large).collect();
    let (metrics, is_over) = (process.metrics.as_ref().unwrap(), AtomicBool::new(false));
    let readers = futures::future::join_all((0..AT_ONCE).map(async |n| {
        let one = pages[n % pages.len()];
        for _ in 0..3 {
            let reply = client.send(one.method.clone(), &one.path, &one.headers, one.body.clone()).await;
            assert!(matches!(reply.status.as_u16(), 200 | 422 | 503), "{}", reply.text());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }));
    let readers = async {
        readers.await;
        is_over.store(true, Ordering::Relaxed);
    };
    let watching = async {
        let (mut peak, mut longest) = (0, Duration::ZERO);
        while !is_over.load(Ordering::Relaxed) {
            let text = metrics.get("/metrics").await.text();
            let line = text.lines().find(|line| line.starts_with("process_resident_memory_bytes")).unwrap();
            peak = peak.max(line.split(' ').nth(1).unwrap().parse::<u64>().unwrap());
            let began = Instant::now();
            let png =
                client.send(Method::POST, "/images", &[("content-type", "image/png")], fixture("photo.png")).await;
            assert_eq!(png.status, 201, "{}", png.text());
            longest = longest.max(began.elapsed());
        }
        (peak, longest)
    };
    let ((), (peak, longest)) = tokio::join!(readers, watching);
    assert!(peak < MEMORY, "{} MiB", peak >> 20);
    assert!(longest < MEANWHILE, "{longest:?}");
}
