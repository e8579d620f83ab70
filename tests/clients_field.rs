//! Clients as they are in the world: their forms are read, and they get their answers.

use std::io::Read as _;

use hyper::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::host::Host;
use crate::support::images::fixture;
use crate::uploads::MULTIPART;

/// A form with one file under this head.
fn form(head: &[u8], file: &[u8]) -> Vec<u8> {
    [b"--a-burrow\r\n".as_slice(), head, b"\r\n\r\n", file, b"\r\n--a-burrow--\r\n"].concat()
}

pub async fn forms_are_read_as_clients_send_them(host: Host) {
    let burrow = host.start().await;
    let png = fixture("photo.png");
    let named = "Content-Disposition: form-data; name=\"file\"; ";
    let bytes = |text: &str, rest: &[u8]| [text.as_bytes(), rest].concat();
    let long = format!("{}.png", "画".repeat(83));
    for (head, name) in [
        (bytes(named, b"filename*=utf-8''%C3%BC.png"), Some("ü.png")),
        (bytes(named, b"filename=\"=?utf-8?B?w7wucG5n?=\"; filename*=utf-8''%C3%BC.png"), Some("ü.png")),
        (bytes(named, b"filename=\"=?utf-8?B?w7wucG5n?=\""), Some("ü.png")),
        (bytes(named, b"filename=\"b\xfccher.png\""), Some("b\u{fffd}cher.png")),
        (bytes(named, b"filename=\"\xb2\xe2\xca\xd4.png\""), Some("\u{fffd}\u{fffd}\u{fffd}\u{fffd}.png")),
        (bytes(named, b"filename=\"%C3%BC.png\""), Some("ü.png")),
        (b"Content-Disposition: form-data; NAME=\"file\"; FILENAME=\"a.png\"".to_vec(), Some("a.png")),
        (b"content-disposition:form-data;\r\n name=file;\r\n\tfilename=a.png".to_vec(), Some("a.png")),
        (b"Content-Disposition: form-data; name=\"my filename=x\"; filename=\"a.png\"".to_vec(), Some("a.png")),
        // Nobody typed these for Burrow.
        (bytes(named, b"filename=\"a\tb%0D%0A.png\""), Some("a b  .png")),
        (
            bytes(named, &["filename=\"".as_bytes(), "画".repeat(100).as_bytes(), b".png\""].concat()),
            Some(long.as_str()),
        ),
        (bytes(named, br#"filename="C:\pictures\a \"b\".png""#), Some("a \"b\".png")),
        // Without a name for the file, the image is named by its id.
        (b"Content-Disposition: form-data; name=\"file\"\r\nContent-Type: image/png".to_vec(), None),
        (b"Content-Disposition: form-data; name=file\r\nContent-Type: application/octet-stream".to_vec(), None),
        (bytes(named, b"filename=\"\""), None),
        (b"Content-Type: image/png".to_vec(), None),
    ] {
        let reply = burrow.client.send(Method::POST, "/images", &[MULTIPART], form(&head, &png)).await;
        assert_eq!(reply.status, 201, "{}: {}", head.escape_ascii(), reply.text());
        let image = &reply.json()["images"][0];
        let id = image["id"].as_str().unwrap();
        assert_eq!(image["name"], name.unwrap_or(id), "{}", head.escape_ascii());
        assert!(burrow.client.content(id).await == png);
    }
    // Text fields state their character set, or are UTF-8.
    let text = |charset: &str, name: &[u8]| {
        let field = format!("Content-Disposition: form-data; name=\"name\"\r\nContent-Type: text/plain{charset}");
        let file = b"--a-burrow\r\nContent-Disposition: form-data; name=f; filename=a.png".as_slice();
        [
            b"--a-burrow\r\n".as_slice(),
            field.as_bytes(),
            b"\r\n\r\n",
            name,
            b"\r\n",
            file,
            b"\r\n\r\n",
            &png,
            b"\r\n--a-burrow--",
        ]
        .concat()
    };
    for (body, status, name) in [
        (text("", "ü".as_bytes()), 201, "ü"),
        (text("; charset=ISO-8859-1", b"\xfc"), 201, "ü"),
        (text("; charset=windows-1252", b"\x80"), 201, "€"),
        (text("", b"\xfc"), 400, ""),
        (text("; charset=gbk", b"\xb2\xe2"), 400, ""),
    ] {
        let reply = burrow.client.send(Method::POST, "/images", &[MULTIPART], body).await;
        assert_eq!(reply.status, status, "{}", reply.text());
        assert!(status != 201 || reply.json()["images"][0]["name"] == name, "{}", reply.text());
    }
    let encoded =
        form(b"Content-Disposition: form-data; name=f; filename=a\r\nContent-Transfer-Encoding: base64", b"AA");
    let reply = burrow.client.send(Method::POST, "/images", &[MULTIPART], encoded).await;
    assert!(reply.status == 400 && reply.text().contains("Content-Transfer-Encoding"), "{}", reply.text());
    let marked = "\u{feff}{\"url\": \"http://127.0.0.1:1/a.png\"}";
    for content_type in ["application/json", ""] {
        let headers = [("content-type", content_type)];
        let headers = if content_type.is_empty() { &headers[..0] } else { &headers[..] };
        assert_eq!(burrow.client.send(Method::POST, "/images", headers, marked).await.status, 202);
    }
}

/// Reads an answer with a `Content-Length`; returns its status.
async fn answered(stream: &mut TcpStream) -> u16 {
    let mut received = Vec::new();
    loop {
        let head = String::from_utf8_lossy(&received).into_owned();
        if let Some((head, body)) = head.split_once("\r\n\r\n") {
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
            if body.len() >= length.unwrap_or(0) {
                return head.split(' ').nth(1).unwrap().parse().unwrap();
            }
        }
        assert!(stream.read_buf(&mut received).await.unwrap() > 0, "the connection ended: {head}");
    }
}

pub async fn an_answer_arrives_though_the_body_is_not_read() {
    const LENGTH: usize = 6_000_000;
    const BEGINNING: usize = 300_000;
    let settings = [("write_token", "a-token-of-the-test"), ("max_image_bytes", "5000000")];
    let (open, closed) = (Host::Native.start().await, Host::Native.start_with(&settings).await);
    let token = "Authorization: Bearer a-token-of-the-test\r\n";
    for (burrow, status, path, headers) in [
        (&open, 422, "/images", "Content-Type: image/png\r\n".to_owned()),
        (&open, 403, "/images", "Content-Type: image/png\r\nOrigin: http://evil.example\r\n".into()),
        (&open, 404, "/nowhere", "Content-Type: image/png\r\n".into()),
        (&open, 405, "/stats", "Content-Type: image/png\r\n".into()),
        (&open, 415, "/images", "Content-Type: text/plain\r\n".into()),
        (&open, 413, "/images", "Content-Type: application/json\r\n".into()),
        (&open, 413, "/images", "Content-Type: multipart/form-data; boundary=x\r\n".into()),
        (&open, 400, "/images", "Content-Type: image/png\r\nHost: again\r\n".into()),
        (&closed, 401, "/images", "Content-Type: image/png\r\n".into()),
        (&closed, 413, "/images", format!("Content-Type: image/png\r\n{token}")),
    ] {
        let mut stream = TcpStream::connect(burrow.client.address()).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {LENGTH}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // The answer comes before the body is sent, or after its first part.
        stream.write_all(&vec![b'-'; BEGINNING]).await.unwrap();
        let begun = if path == "/images" && headers.contains("boundary") {
            // Such a body may begin with anything, so the answer needs more of it.
            None
        } else {
            Some(answered(&mut stream).await)
        };
        // The client still sends all of the body, as many do, and the connection is good for another request.
        for piece in vec![b'-'; LENGTH - BEGINNING].chunks(65536) {
            stream.write_all(piece).await.unwrap_or_else(|error| panic!("{status} {path} {headers}: {error}"));
        }
        let answer = match begun {
            Some(status) => status,
            None => answered(&mut stream).await,
        };
        assert_eq!(answer, status, "{path} {headers}");
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
        assert_eq!(answered(&mut stream).await, 200, "{path} {headers}");
    }
    // A body that is held back is not asked for.
    let mut stream = TcpStream::connect(open.client.address()).await.unwrap();
    let head = "POST /nowhere HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 6000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut received = Vec::new();
    stream.read_to_end(&mut received).await.unwrap();
    assert!(received.starts_with(b"HTTP/1.1 404"), "{}", received.escape_ascii());
}

pub async fn json_is_sent_compressed(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let tags: Vec<String> = (0..32).map(|n| format!("tag {n} {}", "x".repeat(40))).collect();
    let query = ["", &tags.join("&tag=").replace(' ', "+")].join("&tag=");
    let png = [("content-type", "image/png")];
    let stored = client.send(Method::POST, &format!("/images?name=a{query}"), &png, fixture("photo.png")).await.json();
    let record = format!("/images/{}", stored["id"].as_str().unwrap());
    let gzip = ("accept-encoding", "gzip");
    for path in ["/images", "/openapi.json", &record] {
        let plain = client.get(path).await;
        let packed = client.send(Method::GET, path, &[gzip], "").await;
        assert_eq!((packed.header("content-encoding"), plain.header("content-encoding")), ("gzip", ""), "{path}");
        assert!(packed.header("vary").contains("accept-encoding") && plain.header("vary").contains("accept-encoding"));
        let mut text = String::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_string(&mut text).unwrap();
        assert_eq!(text, plain.text(), "{path}");
        // Each form has its own strong entity tag, and costs a 304 that says what caches need to know.
        let (etag, other) = (packed.header("etag"), plain.header("etag"));
        assert_eq!(etag, format!("{}-gzip\"", other.strip_suffix('"').unwrap()), "{path}");
        for (headers, etag) in [(&[gzip][..], etag), (&[][..], other)] {
            let again = [headers, &[("if-none-match", etag)]].concat();
            let again = client.send(Method::GET, path, &again, "").await;
            assert_eq!((again.status.as_u16(), again.header("etag")), (304, etag), "{path}");
            assert_eq!(again.header("vary"), packed.header("vary"), "{path}");
        }
        let head = client.send(Method::HEAD, path, &[gzip], "").await;
        assert_eq!(head.header("content-length"), packed.header("content-length"), "{path}");
    }
    // What is short is not compressed.
    assert_eq!(client.send(Method::GET, "/healthz", &[gzip], "").await.header("content-encoding"), "");
    // A change may be conditional on the tag of either form.
    for accept in [gzip, ("accept-encoding", "identity")] {
        let etag = client.send(Method::GET, &record, &[accept], "").await.header("etag").to_owned();
        let change = json!({ "name": format!("named with {}", accept.1) }).to_string();
        let headers = [("content-type", "application/merge-patch+json"), ("if-match", etag.as_str()), accept];
        let changed = client.send(Method::PATCH, &record, &headers, change.clone()).await;
        assert_eq!(changed.status, 200);
        let now = client.send(Method::GET, &record, &[accept], "").await;
        assert_eq!(changed.header("etag"), now.header("etag"));
        assert_eq!(client.send(Method::PATCH, &record, &headers, change).await.status, 412);
    }
}

/// A 304 has the headers of its 200 that caches need (RFC 9110 section 15.4.5).
pub async fn a_304_says_what_its_200_says(host: Host) {
    let burrow = host.start().await;
    let png = [("content-type", "image/png")];
    let stored = burrow.client.send(Method::POST, "/images?name=a", &png, fixture("photo.png")).await.json();
    let id = stored["id"].as_str().unwrap();
    let thumbnail = format!("/images/{id}/thumbnail?w=320");
    while burrow.client.get(&thumbnail).await.status == 503 {}
    let paths = [
        "/".to_owned(),
        "/assets/style.css".into(),
        "/assets/icon.svg".into(),
        "/images".into(),
        "/tags".into(),
        "/stats".into(),
        "/openapi.json".into(),
        "/problems/limit".into(),
        "/basic_stats".into(),
        format!("/images/{id}"),
        format!("/images/{id}/content"),
        thumbnail,
        "/images/by-name/a".into(),
        "/images/by-name/a/content".into(),
        "/image/a".into(),
    ];
    for path in paths {
        for accept in ["text/html", "application/json", "*/*"] {
            for coding in ["gzip", "identity"] {
                let headers = [("accept", accept), ("accept-encoding", coding)];
                let whole = burrow.client.send(Method::GET, &path, &headers, "").await;
                assert_eq!(whole.status, 200, "{path}");
                let etag = whole.header("etag");
                let again = [headers.as_slice(), &[("if-none-match", etag)]].concat();
                let again = burrow.client.send(Method::GET, &path, &again, "").await;
                assert_eq!((again.status.as_u16(), again.body.len()), (304, 0), "{path} {headers:?}");
                for name in ["etag", "vary", "cache-control", "content-location", "last-modified"] {
                    assert_eq!(again.header(name), whole.header(name), "{path} {headers:?}: {name}");
                }
            }
        }
    }
}
