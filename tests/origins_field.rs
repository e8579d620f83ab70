//! Origins as they are in the world: odd heads and codings are read, and every failure has a sentence of its own.

use std::fmt::Write as _;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use serde_json::{Value, json};
use tokio::net::TcpSocket;

use crate::support::client::Client;
use crate::support::host::{Burrow, Host, burrow};
use crate::support::images::{bitmap, fixture};
use crate::support::origin::{Behaviour, Origin};
use crate::support::wire::{Act, Authority, Certificate, answer, origin, secure_origin};

/// Downloads from each origin at once; returns the records.
async fn downloaded<'a>(client: &Client, urls: impl IntoIterator<Item = &'a str>) -> Vec<Value> {
    let download = async |url: &str| client.settled(&client.add(&json!({ "url": url })).await).await;
    futures::future::join_all(urls.into_iter().map(download)).await
}

/// A bitmap packed as gzip, zlib and deflate.
fn packed(bytes: &[u8]) -> [Vec<u8>; 3] {
    let (mut gzip, mut zlib, mut deflate) = (
        GzEncoder::new(Vec::new(), Compression::default()),
        ZlibEncoder::new(Vec::new(), Compression::default()),
        DeflateEncoder::new(Vec::new(), Compression::default()),
    );
    gzip.write_all(bytes).unwrap();
    zlib.write_all(bytes).unwrap();
    deflate.write_all(bytes).unwrap();
    [gzip.finish().unwrap(), zlib.finish().unwrap(), deflate.finish().unwrap()]
}

pub async fn codings_are_undone(host: Host) {
    let burrow = host.start_with(&[("max_image_bytes", "2000000")]).await;
    let (png, big) = (fixture("photo.png"), bitmap(600_000, 1));
    let [gzip, zlib, deflate] = packed(&big);
    let [bomb, ..] = packed(&bitmap(3_000_000, 2));
    let stated = |coding: &str, body: &[u8]| {
        origin(Act::Send(answer(format!("Content-Encoding: {coding}\r\n").as_bytes(), body)))
    };
    let twice = answer(b"Content-Encoding: identity\r\nContent-Encoding: gzip\r\n", &gzip);
    for (url, expected) in [
        (stated("", &png).await, &png),
        (stated("none", &png).await, &png),
        (stated("utf-8", &png).await, &png),
        (stated("aws-chunked", &png).await, &png),
        (stated("identity, identity", &png).await, &png),
        (stated("gzip", &png).await, &png),
        (stated("deflate", &png).await, &png),
        (stated("gzip", &gzip).await, &big),
        (stated("X-GZIP", &gzip).await, &big),
        (stated("gzip, gzip", &packed(&gzip)[0]).await, &big),
        (stated("deflate", &zlib).await, &big),
        (stated("deflate", &deflate).await, &big),
        (origin(Act::Send(twice)).await, &big),
    ] {
        let record = burrow.client.add_ready(&json!({ "url": url })).await;
        assert!(burrow.client.content(record["id"].as_str().unwrap()).await == *expected, "{record}");
    }
    for (url, error, attempts) in [
        (
            stated("br", &png).await,
            "the origin sent Content-Encoding \"br\", which is not undone here; identity was asked for",
            1,
        ),
        (stated("gzip", &gzip[..gzip.len() / 2]).await, "the origin sent compressed bytes that end too early", 3),
        (stated("deflate", &gzip).await, "the origin sent compressed bytes that are damaged", 1),
        (stated("gzip", &bomb).await, "more than the limit max_image_bytes = 2000000 allows: at least", 1),
    ] {
        let record = &downloaded(&burrow.client, [url.as_str()]).await[0];
        assert!(record["error"].as_str().unwrap().starts_with(error), "{record}");
        assert_eq!(record["attempts"], attempts, "{record}");
    }
}

pub async fn heads_are_read_as_browsers_read_them() {
    let burrow = Host::Native.start().await;
    let png = fixture("photo.png");
    let many = (0..900).fold(String::new(), |mut lines, n| {
        write!(lines, "X-{n}: {n}\r\n").unwrap();
        lines
    });
    let length = png.len();
    let whole = |head: &[u8]| [head, b"\r\n", &png].concat();
    let chunked = [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 7\r\n\r\n".as_slice(),
        format!("{length:X};extension=1\r\n").as_bytes(),
        &png,
        b"\r\n0\r\nTrailer: 1\r\n\r\n",
    ]
    .concat();
    let lines: [&[u8]; 12] = [
        b"X: a\r\n\tb\r\n  c\r\n",
        b"Expires : 0\r\n",
        b"P3P\r\n",
        b": no name\r\n",
        b"Set-Cookie: a=\x07\r\n",
        b"X: \xe9\xff\r\n",
        b"B\xfccher: 1\r\n",
        b"two words: 1\r\n",
        b"Server: \r\n",
        b"HTTP/1.1 200 OK\r\n",
        b"Date: yesterday\r\nRetry-After: \xff\r\n",
        many.as_bytes(),
    ];
    let mut answers: Vec<Vec<u8>> = lines.iter().map(|lines| answer(lines, &png)).collect();
    answers.extend([
        whole(b"HTTP/1.0 200 OK\r\n"),
        whole(b"HTTP/1.1 200\r\n"),
        whole(b"HTTP/1.1 200 \xe9t\xe9\r\n"),
        [b"HTTP/1.1 200 OK\nServer: x\n\n".as_slice(), &png].concat(),
        whole(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nContent-Length: {length}\r\n").as_bytes()),
        [whole(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n").as_bytes()).as_slice(), b"more"].concat(),
        [b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".as_slice(), &answer(b"", &png)].concat(),
        chunked,
    ]);
    for bytes in answers {
        let shown = bytes.iter().take(90).copied().collect::<Vec<u8>>().escape_ascii().to_string();
        let url = origin(Act::Send(bytes)).await;
        let record = &downloaded(&burrow.client, [url.as_str()]).await[0];
        assert_eq!((&record["status"], &record["size"]), (&json!("ready"), &json!(length)), "{shown}: {record}");
    }
    let target = origin(Act::Send(answer(b"", &png))).await;
    let to = target.replace("/a.png", "/caf\u{e9}.png").chars().map(|c| c as u8).collect::<Vec<u8>>();
    let latin = [b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: ".as_slice(), &to, b"\r\n\r\n"].concat();
    let record = &downloaded(&burrow.client, [origin(Act::Send(latin)).await.as_str()]).await[0];
    assert_eq!(record["status"], "ready", "{record}");
}

/// A server with short time limits, which trusts this authority.
async fn hasty(authority: &Authority) -> Burrow {
    let mut pem = tempfile::NamedTempFile::new().unwrap();
    pem.write_all(authority.pem().as_bytes()).unwrap();
    let settings = [
        ("connect_timeout_seconds", "1"),
        ("first_byte_timeout_seconds", "1"),
        ("between_bytes_timeout_seconds", "1"),
        ("download_timeout_seconds", "2"),
        ("max_image_bytes", "1000000"),
        ("ca_certificates", pem.path().to_str().unwrap()),
    ];
    Host::Native.start_with(&settings).await
}

/// A port that accepts no connection: the queue of its listener is full.
async fn full() -> (String, Vec<Box<dyn std::any::Any>>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    let mut kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(listener)];
    // The system takes one or two connections more than the queue has places.
    while let Ok(taken) =
        tokio::time::timeout(std::time::Duration::from_secs(1), tokio::net::TcpStream::connect(address)).await
    {
        kept.push(Box::new(taken));
    }
    (format!("http://{address}/a.png"), kept)
}

/// A URL, how often it is tried, and why it fails.
type Failure = (String, u32, &'static str);

/// An origin that sends this.
async fn sending(bytes: &[u8]) -> String {
    origin(Act::Send(bytes.to_vec())).await
}

/// The beginning of an answer.
fn half() -> Vec<u8> {
    answer(b"", &fixture("photo.png"))[..300].to_vec()
}

/// Names and connections that fail. `full` accepts no connection.
async fn connections(full: String) -> Vec<Failure> {
    let refused = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/a.png", listener.local_addr().unwrap())
    };
    vec![
        (format!("http://{}.example/a.png", "x".repeat(64)), 1, "the origin's name has no address"),
        (refused, 3, "the origin refused the connection"),
        (full, 3, "the origin did not accept a connection in time"),
        (origin(Act::Reset(Vec::new())).await, 3, "the origin closed the connection without an answer"),
        (origin(Act::Close).await, 3, "the origin closed the connection without an answer"),
        (origin(Act::Reset(half())).await, 3, "the origin closed the connection before the image was whole"),
        (sending(&half()).await, 3, "the origin closed the connection before the image was whole"),
        (origin(Act::SendAndWait(Vec::new())).await, 3, "the origin did not answer in time"),
    ]
}

/// An origin with a certificate of this authority.
async fn certified(by: &Authority, name: &str, from: i32, to: i32) -> String {
    secure_origin(by.certify(name, from, to), Act::Send(answer(b"", &fixture("photo.png")))).await
}

/// TLS that fails: certificates, and handshakes that either side ends.
async fn handshakes(ours: &Authority) -> Vec<Failure> {
    let self_signed = Certificate::self_signed("localhost");
    let self_signed = secure_origin(self_signed, Act::Send(answer(b"", &fixture("photo.png")))).await;
    let secured = async |act: Act| origin(act).await.replace("http://127.0.0.1", "https://localhost");
    // What a TLS server sends that ends the handshake: a fatal alert.
    let alert = |code: u8| Act::Greet(vec![0x15, 3, 3, 0, 2, 2, code]);
    vec![
        (
            certified(&Authority::new("theirs"), "localhost", 2000, 2100).await,
            1,
            "no TLS connection with the origin: its certificate is not accepted: its issuer is not known here \
             (--ca-certificates adds issuers)",
        ),
        (
            self_signed,
            1,
            "no TLS connection with the origin: its certificate is not accepted: it is that of an authority, and no \
             server's (a certificate with CA:FALSE would do)",
        ),
        (
            certified(ours, "localhost", 2000, 2001).await,
            1,
            "no TLS connection with the origin: its certificate is not accepted: it has expired",
        ),
        (
            certified(ours, "localhost", 2099, 2100).await,
            1,
            "no TLS connection with the origin: its certificate is not accepted: it is not valid yet",
        ),
        (
            certified(ours, "other.example", 2000, 2100).await,
            1,
            "no TLS connection with the origin: its certificate is not accepted: it is for another name",
        ),
        (secured(alert(70)).await, 1, "no TLS connection with the origin: it ended the handshake (ProtocolVersion)"),
        (secured(alert(40)).await, 1, "no TLS connection with the origin: it ended the handshake (HandshakeFailure)"),
        (
            secured(Act::Greet(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())).await,
            1,
            "no TLS connection with the origin: what it sent is not TLS",
        ),
        (secured(Act::Close).await, 3, "the TLS handshake with the origin broke off"),
    ]
}

/// Heads that cannot be read, and bodies that do not come.
async fn answers() -> Vec<Failure> {
    let no_status = "the origin's answer is not HTTP: its status line cannot be read";
    let no_length = "the origin's answer is not HTTP: its Content-Length cannot be read";
    let long_line = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &vec![b'x'; 600_000], b"\r\n\r\n"].concat();
    let chunks = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n";
    let stalled = origin(Act::SendAndWait(half())).await;
    vec![
        (origin(Act::Greet(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())).await, 1, no_status),
        (sending(b"HTTP/1.1 OK\r\n\r\n").await, 1, no_status),
        (sending(&answer(b"Content-Length: 7\r\n", b"GIF89a")).await, 1, no_length),
        (sending(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n").await, 1, no_length),
        (sending(&long_line).await, 1, "the head of the origin's answer is too long"),
        (stalled, 3, "the origin sent nothing for longer than between_bytes_timeout_seconds allows"),
        (sending(chunks).await, 3, "the origin's answer broke off, or its chunks cannot be read"),
        (sending(&answer(b"", b"<!doctype html>")).await, 1, "not an image: starts with \"<!doctype html>\""),
    ]
}

/// Redirects that are not followed, and statuses.
async fn statuses(http: &Origin, ours: &Authority) -> Vec<Failure> {
    let status = |status: u16| http.serve(&format!("/{status}"), Behaviour::Status(status));
    let mut hops = http.image("/image", fixture("photo.png"));
    for hop in 0..6 {
        hops = http.serve(&format!("/hop{hop}"), Behaviour::Redirect(hops));
    }
    let plain = b"HTTP/1.1 302 Found\r\nLocation: http://localhost/\r\nContent-Length: 0\r\n\r\n".to_vec();
    let plain = secure_origin(ours.certify("localhost", 2000, 2100), Act::Send(plain)).await;
    let file = http.serve("/file", Behaviour::Redirect("file:///etc/passwd".into()));
    let dribbling = http.serve("/dribbling", Behaviour::Dribbling(bitmap(3_000_000, 1).into()));
    vec![
        (http.serve("/circle", Behaviour::Redirect("/circle".into())), 1, "more than 5 redirects, in a circle"),
        (hops, 1, "more than 5 redirects"),
        (file, 1, "refused: only http and https are fetched, not file"),
        (plain, 1, "refused: a redirect from https to http"),
        (status(301), 1, "the origin redirected (301) without a usable Location"),
        (status(401), 1, "the origin answered 401"),
        (status(404), 1, "the origin answered 404"),
        (status(429), 3, "the origin answered 429"),
        (status(500), 3, "the origin answered 500"),
        (dribbling, 3, "the download took more than download_timeout_seconds = 2 allows"),
    ]
}

pub async fn every_failure_has_its_sentence() {
    let (ours, http) = (Authority::new("ours"), Origin::start().await);
    let burrow = hasty(&ours).await;
    let (full, _kept) = full().await;
    // Burrow lets an origin rest that asks for it, so it has an origin of its own.
    let resting = Origin::start().await;
    let late = resting.serve("/late", Behaviour::Answer(429, &[("retry-after", "300")]));
    let late = vec![(late, 1, "the origin answered 429 and asks to come back in 300 s")];
    let table = [connections(full).await, handshakes(&ours).await, answers().await, statuses(&http, &ours).await, late];
    let table = table.concat();
    let records = downloaded(&burrow.client, table.iter().map(|(url, ..)| url.as_str())).await;
    let wrong: Vec<_> = table
        .iter()
        .zip(&records)
        .filter(|((_, attempts, error), record)| record["error"] != **error || record["attempts"] != *attempts)
        .map(|((url, attempts, error), record)| format!("{url}: {error:?} x {attempts}, but {record}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let endless = origin(Act::Repeat(
        [b"HTTP/1.1 200 OK\r\n\r\n".as_slice(), &bitmap(30_000, 1)].concat(),
        vec![b'x'; 64 * 1024],
    ));
    let record = &downloaded(&burrow.client, [endless.await.as_str()]).await[0];
    let error = record["error"].as_str().unwrap();
    assert!(error.starts_with("more than the limit max_image_bytes = 1000000 allows") && record["attempts"] == 1);
    // The authority is trusted, so its good certificates are.
    let good = certified(&ours, "localhost", 2000, 2100).await;
    assert_eq!(downloaded(&burrow.client, [good.as_str()]).await[0]["status"], "ready");
}

/// In a network that leads nowhere: neither names nor addresses can be reached.
pub async fn without_a_network_the_reason_is_told() {
    let directory = tempfile::tempdir().unwrap();
    let mut apart = tokio::process::Command::new("unshare");
    if !apart.args(["-rn", "true"]).status().await.is_ok_and(|status| status.success()) {
        let notice = "SKIPPED: failures without a network, for `unshare -rn` makes no network namespace here\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    }
    let add = burrow(directory.path());
    let mut apart = tokio::process::Command::new("unshare");
    apart.arg("-rn").arg(add.as_std().get_program()).args(add.as_std().get_args());
    apart.args(["--allow-private-network", "add", "http://name.example/a.png", "http://192.0.2.1/a.png"]);
    let output = apart.env("BURROW_CONFIG", "/dev/null").output().await.unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    for sentence in [
        "http://name.example/a.png: the origin's name could not be looked up",
        "http://192.0.2.1/a.png: no way leads to the origin's address",
    ] {
        assert!(told.contains(sentence), "{told}");
    }
}

pub async fn certificates_that_cannot_be_read_are_told() {
    let directory = tempfile::tempdir().unwrap();
    let (none, missing) = (directory.path().join("none.pem"), directory.path().join("missing.pem"));
    std::fs::write(&none, "no certificate").unwrap();
    for (file, reason) in [(none, "there is no certificate in PEM"), (missing, "cannot read")] {
        let mut command = burrow(&directory.path().join("store"));
        let output = command.arg("--ca-certificates").arg(&file).args(["add", "x.png"]).output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.contains(reason), "{told}");
        assert!(told.contains(file.to_str().unwrap()) && told.lines().count() == 1, "{told}");
    }
}
