//! An image's content over HTTP: headers, conditions, ranges, encodings.

use std::io::Read as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hyper::Method;
use serde_json::{Value, json};

use crate::support::client::{Client, Reply};
use crate::support::host::Host;
use crate::support::images::{bitmap, fixture};
use crate::support::origin::Origin;

/// Bytes of the original in one block, 248 KiB.
const BLOCK: usize = 248 * 1024;

async fn get(client: &Client, path: &str, headers: &[(&str, &str)]) -> Reply {
    client.send(Method::GET, path, headers, "").await
}

/// Stores bytes and returns the record.
async fn store(client: &Client, name: &str, bytes: Vec<u8>) -> Value {
    let path = format!("/images?name={name}");
    let reply = client.send(Method::POST, &path, &[("content-type", "application/octet-stream")], bytes).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()
}

fn path_of(record: &Value) -> String {
    record["content"].as_str().unwrap().to_owned()
}

fn digest(record: &Value) -> String {
    let hex = record["sha256"].as_str().unwrap();
    let bytes: Vec<u8> = (0..32).map(|n| u8::from_str_radix(&hex[2 * n..2 * n + 2], 16).unwrap()).collect();
    format!("sha-256=:{}:", STANDARD.encode(bytes))
}

fn gunzip(bytes: &[u8]) -> Vec<u8> {
    let mut original = Vec::new();
    flate2::read::GzDecoder::new(bytes).read_to_end(&mut original).unwrap();
    original
}

pub async fn content_says_what_it_is(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let png = fixture("photo.png");
    let record = store(client, "caf%C3%A9%2Fpng", png.clone()).await;
    let reply = client.get(&path_of(&record)).await;
    let sha256 = record["sha256"].as_str().unwrap();
    for (name, value) in [
        ("etag", format!("\"{sha256}\"")),
        ("repr-digest", digest(&record)),
        ("content-type", "image/png".into()),
        ("content-length", png.len().to_string()),
        ("cache-control", "public, max-age=31536000, immutable".into()),
        ("accept-ranges", "bytes".into()),
        ("vary", "accept-encoding".into()),
        ("x-content-type-options", "nosniff".into()),
        ("content-security-policy", "sandbox; default-src 'none'; style-src 'unsafe-inline'".into()),
        ("content-disposition", "inline; filename=\"caf__png.png\"; filename*=UTF-8''caf%C3%A9_png.png".into()),
    ] {
        assert_eq!(reply.header(name), value, "{name}");
    }
    assert!(reply.body == png && reply.header("last-modified").ends_with(" GMT"));
    let download = client.get(&format!("{}?download", path_of(&record))).await;
    assert!(download.header("content-disposition").starts_with("attachment; "));
}

pub async fn a_name_leads_to_its_newest_image(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let (old, new) =
        (store(client, "a%2Fb", fixture("photo.png")).await, store(client, "a%2Fb", fixture("photo.gif")).await);
    let record = client.get("/images/by-name/a%2Fb").await;
    assert_eq!((record.status.as_u16(), &record.json()["id"]), (200, &new["id"]));
    let by_name = "/images/by-name/a%2Fb/content";
    let reply = client.get(by_name).await;
    assert!(reply.body == fixture("photo.gif"));
    assert_eq!((reply.header("cache-control"), reply.header("last-modified")), ("no-cache", ""));
    assert_eq!(reply.header("content-location"), path_of(&new));
    // Once the newest is removed, the name leads to the older image. A cache must not take it for the newer one.
    let etag = reply.header("etag").to_owned();
    client.send(Method::DELETE, &format!("/images/{}", new["id"].as_str().unwrap()), &[], "").await;
    let later = "Fri, 31 Dec 2999 23:59:59 GMT";
    let reply = get(client, by_name, &[("if-none-match", &etag), ("if-modified-since", later)]).await;
    assert!(reply.status == 200 && reply.body == fixture("photo.png"));
    assert_eq!(get(client, by_name, &[("if-modified-since", later)]).await.status, 200);
    assert_eq!(reply.header("content-location"), path_of(&old));
    for nothing in ["/images/by-name/a", "/images/by-name/a/content", "/images/by-name/a/b", "/images/by-name/"] {
        assert_eq!(client.get(nothing).await.status, 404, "{nothing}");
    }
}

pub async fn conditions_hold_or_not(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let record = store(client, "x", bitmap(100_000, 1)).await;
    let path = path_of(&record);
    let plain = client.get(&path).await;
    let (etag, modified) = (plain.header("etag").to_owned(), plain.header("last-modified").to_owned());
    let gzip_etag = format!("{}-gzip\"", etag.trim_end_matches('"'));
    let (weak, before) = (format!("W/{etag}"), "Sun, 06 Nov 1994 08:49:37 GMT");
    for (headers, status) in [
        (vec![("if-match", etag.as_str())], 200),
        (vec![("if-match", "*")], 200),
        (vec![("if-match", "\"x\", \"y\"")], 412),
        (vec![("if-match", &weak)], 412),
        (vec![("if-unmodified-since", before)], 412),
        (vec![("if-unmodified-since", before), ("if-match", &etag)], 200),
        (vec![("if-unmodified-since", &modified)], 200),
        (vec![("if-none-match", &etag)], 304),
        (vec![("if-none-match", &weak)], 304),
        (vec![("if-none-match", "*")], 304),
        (vec![("if-none-match", "\"x\"")], 200),
        (vec![("if-modified-since", &modified)], 304),
        (vec![("if-modified-since", before)], 200),
        (vec![("if-modified-since", "rubbish")], 200),
        (vec![("if-none-match", "\"x\""), ("if-modified-since", &modified)], 200),
        (vec![("if-match", "\"x\""), ("if-none-match", &etag)], 412),
        // Each encoding has its own entity tag.
        (vec![("if-none-match", &gzip_etag)], 200),
        (vec![("if-none-match", &gzip_etag), ("accept-encoding", "gzip")], 304),
        (vec![("if-none-match", &etag), ("accept-encoding", "gzip")], 200),
        // Conditions take precedence over ranges.
        (vec![("if-none-match", &etag), ("range", "bytes=0-1")], 304),
        (vec![("if-match", "\"x\""), ("range", "bytes=0-1")], 412),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let reply = client.send(method.clone(), &path, &headers, "").await;
            assert_eq!(reply.status, status, "{method} {headers:?}");
            if status == 304 {
                let gzip = headers.contains(&("accept-encoding", "gzip"));
                assert_eq!(reply.header("etag"), if gzip { &gzip_etag } else { &etag }, "{headers:?}");
                assert_eq!(reply.header("vary"), "accept-encoding");
                assert!(reply.body.is_empty() && !reply.header("cache-control").is_empty());
            }
        }
    }
    let failed = get(client, &path, &[("if-match", "\"x\"")]).await;
    assert_eq!(failed.json()["type"], "/problems/precondition");
}

pub async fn ranges_are_sent(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let bytes = bitmap(3 * BLOCK, 2);
    let record = store(client, "x", bytes.clone()).await;
    let (path, size) = (path_of(&record), bytes.len());
    assert_eq!(record["codec"], "deflate");
    for (range, first, last) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=0-".into(), 0, size - 1),
        (format!("bytes={}-{}", BLOCK - 1, BLOCK), BLOCK - 1, BLOCK),
        (format!("bytes={BLOCK}-{}", 2 * BLOCK - 1), BLOCK, 2 * BLOCK - 1),
        (format!("bytes={}-", size - 1), size - 1, size - 1),
        ("bytes=-1".into(), size - 1, size - 1),
        ("bytes=-99999999999".into(), 0, size - 1),
        (format!("bytes=10-{}", usize::MAX), 10, size - 1),
        ("bytes=5-9,7-20".into(), 5, 20),
        ("bytes=5-9,99999999-".into(), 5, 9),
    ] {
        // A range is a part of the original, although the client accepts gzip.
        let reply = get(client, &path, &[("range", &range), ("accept-encoding", "gzip, deflate, br")]).await;
        assert_eq!(reply.status, 206, "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes {first}-{last}/{size}"), "{range}");
        assert_eq!(reply.header("content-length"), (last - first + 1).to_string(), "{range}");
        assert_eq!(
            (reply.header("content-encoding"), reply.header("etag")),
            ("", client.get(&path).await.header("etag"))
        );
        assert!(reply.body == bytes[first..=last], "{range}");
    }
    for range in [
        format!("bytes={size}-"),
        "bytes=-0".into(),
        "bytes=2-1".into(),
        "bytes=x".into(),
        "bytes=".into(),
        ["0-0"; 17].join(",").replacen("0-0", "bytes=0-0", 1),
    ] {
        let reply = get(client, &path, &[("range", &range)]).await;
        assert_eq!(reply.status, 416, "{range}");
        assert_eq!(reply.header("content-range"), format!("bytes */{size}"), "{range}");
        assert_eq!(reply.json()["type"], "/problems/range");
    }
    assert_eq!(get(client, &path, &[("range", "pixels=0-1")]).await.status, 200);
    let head = client.send(Method::HEAD, &path, &[("range", "bytes=0-1")], "").await;
    assert_eq!((head.status.as_u16(), head.header("content-length")), (200, size.to_string().as_str()));
    let (etag, modified) = (head.header("etag").to_owned(), head.header("last-modified").to_owned());
    for (condition, status) in [
        (etag.as_str(), 206),
        (&format!("W/{etag}"), 200),
        ("\"x\"", 200),
        (&modified, 206),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 200),
    ] {
        let reply = get(client, &path, &[("range", "bytes=0-1"), ("if-range", condition)]).await;
        assert_eq!(reply.status, status, "{condition}");
    }
}

pub async fn several_ranges_are_sent(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let bytes = bitmap(3 * BLOCK, 3);
    let path = path_of(&store(client, "x", bytes.clone()).await);
    let range = format!("bytes=-5, 0-1, {}-{}", BLOCK - 2, BLOCK + 2);
    let reply = get(client, &path, &[("range", &range)]).await;
    assert_eq!(reply.status, 206);
    let boundary = reply.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let mut expected = Vec::new();
    let size = bytes.len();
    for (first, last) in [(size - 5, size - 1), (0, 1), (BLOCK - 2, BLOCK + 2)] {
        let head =
            format!("--{boundary}\r\nContent-Type: image/bmp\r\nContent-Range: bytes {first}-{last}/{size}\r\n\r\n");
        expected.extend([head.as_bytes(), &bytes[first..=last], b"\r\n"].concat());
    }
    expected.extend(format!("--{boundary}--\r\n").into_bytes());
    assert!(reply.body == expected, "{}", reply.text());
    assert_eq!(reply.header("content-length"), expected.len().to_string());
}

pub async fn what_is_stored_as_deflate_goes_out_as_gzip(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let bytes = bitmap(3 * BLOCK, 4);
    let packed = store(client, "x", bytes.clone()).await;
    let path = path_of(&packed);
    let reply = get(client, &path, &[("accept-encoding", "br;q=1.0, gzip;q=0.8, *;q=0.1")]).await;
    assert_eq!((reply.status.as_u16(), reply.header("content-encoding")), (200, "gzip"));
    assert_eq!(reply.header("etag"), format!("\"{}-gzip\"", packed["sha256"].as_str().unwrap()));
    assert_eq!(reply.header("content-length"), reply.body.len().to_string());
    assert_eq!((reply.header("repr-digest"), reply.header("unencoded-digest")), ("", digest(&packed).as_str()));
    assert_eq!(reply.header("content-type"), "image/bmp");
    assert!(gunzip(&reply.body) == bytes);
    // The body is the stored chunks, with 20 bytes of gzip's header and trailer.
    assert_eq!(reply.body.len() as u64, packed["stored_size"].as_u64().unwrap() + 20);
    let head = client.send(Method::HEAD, &path, &[("accept-encoding", "gzip")], "").await;
    assert_eq!(head.header("content-length"), reply.header("content-length"));
    // A broken transfer in gzip continues in gzip.
    for first in [0, 5, 10, 1000, reply.body.len() - 12, reply.body.len() - 3] {
        let range = format!("bytes={first}-");
        let headers = [("accept-encoding", "gzip"), ("range", range.as_str()), ("if-range", reply.header("etag"))];
        let rest = get(client, &path, &headers).await;
        assert_eq!((rest.status.as_u16(), rest.header("content-encoding")), (206, "gzip"));
        assert!(rest.body == reply.body[first..], "{first}");
    }
    let raw = store(client, "y", fixture("photo.webp")).await;
    assert_eq!(raw["codec"], "raw");
    let raw = path_of(&raw);
    for (path, accept, status, coding) in [
        (&path, "identity", 200, ""),
        (&path, "gzip;q=0", 200, ""),
        (&path, "gzip;q=0.5, identity", 200, ""),
        (&path, "*;q=0, gzip", 200, "gzip"),
        (&path, "identity;q=0, gzip;q=0.001", 200, "gzip"),
        (&path, "identity;q=0", 406, ""),
        (&path, "*;q=0", 406, ""),
        (&raw, "gzip", 200, ""),
        (&raw, "identity;q=0, gzip", 406, ""),
    ] {
        let reply = get(client, path, &[("accept-encoding", accept)]).await;
        assert_eq!((reply.status.as_u16(), reply.header("content-encoding")), (status, coding), "{path} {accept}");
    }
}

pub async fn content_that_is_not_there_yet(host: Host) {
    let (burrow, origin) = (host.start().await, Origin::start().await);
    let failed = burrow.client.add(&json!({ "url": origin.image("/x", "no image") })).await;
    assert_eq!(burrow.client.settled(&failed).await["status"], "failed");
    let reply = burrow.client.get(&format!("/images/{failed}/content")).await;
    assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (409, &json!("/problems/not-ready")));
}
