//! Behind a company's proxy: origins are reached through it, and a proxy that fails is told from an origin that does.

use std::collections::HashMap;
use std::io::Write as _;

use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};

use crate::support::host::burrow;
use crate::support::images::fixture;
use crate::support::proxy::Proxy;
use crate::support::wire::{Act, Authority, answer, origin, secure_origin};

/// Downloads through a proxy, without private addresses; returns the records.
async fn downloaded(proxy: &str, settings: &[(&str, &str)], urls: &[&str]) -> Vec<Value> {
    let directory = TempDir::new().unwrap();
    let run = async |arguments: &[&str]| {
        let mut command = burrow(&directory.path().join("store"));
        command.env("BURROW_OUTBOUND_PROXY", proxy).envs(settings.iter().copied()).args(arguments);
        String::from_utf8(command.output().await.unwrap().stdout).unwrap()
    };
    let told = run(&[&["add"][..], urls].concat()).await;
    let records = run(&["ls", "--json"]).await;
    let mut records: Vec<Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(records.len(), urls.len(), "{told}");
    records.sort_by_key(|record| urls.iter().position(|url| record["url"] == **url));
    records
}

fn port(url: &str) -> u16 {
    url.rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap()
}

fn redirect(to: &str) -> Act {
    Act::Send(format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n").into_bytes())
}

pub async fn origins_are_reached_through_a_proxy() {
    let authority = Authority::new("company");
    let mut pem = NamedTempFile::new().unwrap();
    pem.write_all(authority.pem().as_bytes()).unwrap();
    let image = Act::Send(answer(b"", &fixture("photo.png")));
    let certificate = |name| authority.certify(name, 2000, 2100);
    let hosts = HashMap::from([
        ("plain.example.com:80", port(&origin(image.clone()).await)),
        ("moved.example.com:80", port(&origin(redirect("https://secure.example.com/b.png?c=d")).await)),
        ("inward.example.com:80", port(&origin(redirect("http://10.0.0.1/a.png")).await)),
        ("secure.example.com:443", port(&secure_origin(certificate("secure.example.com"), image.clone()).await)),
        ("false.example.com:443", port(&secure_origin(certificate("secure.example.com"), image).await)),
    ]);
    let proxy = Proxy::start(hosts).await;
    let urls = [
        "http://plain.example.com/a.png",
        "https://secure.example.com/a.png",
        "http://moved.example.com/a.png",
        "http://inward.example.com/a.png",
        "https://false.example.com/a.png",
        "https://nowhere.example.com/a.png",
    ];
    let through = format!("http://ann:open%20sesame@{}", proxy.address);
    let trusted = [("BURROW_CA_CERTIFICATES", pem.path().to_str().unwrap())];
    let records = downloaded(&through, &trusted, &urls).await;
    for (record, error) in records.iter().zip([
        None,
        None,
        None,
        Some("refused: the host is an IP address (10.0.0.1), not a name; allow_private_network would allow it"),
        Some("no TLS connection with the origin: its certificate is not accepted: it is for another name"),
        Some("no TLS connection with the origin: the proxy opens no tunnel to the origin (502)"),
    ]) {
        assert_eq!((record["status"] == "ready", record["error"].as_str()), (error.is_none(), error), "{record}");
    }
    let heads = proxy.heads();
    for line in [
        "GET http://plain.example.com/a.png HTTP/1.1\r\n",
        "CONNECT secure.example.com:443 HTTP/1.1\r\nHost: secure.example.com:443\r\n",
        "GET http://moved.example.com/a.png HTTP/1.1\r\n",
    ] {
        assert!(heads.iter().any(|head| head.starts_with(line)), "{line} {heads:?}");
    }
    for head in &heads {
        // The example of credentials, in Base64.
        assert!(
            head.to_ascii_lowercase().contains("\r\nproxy-authorization: basic yw5uom9wzw4gc2vzyw1l\r\n"),
            "{head}"
        );
        assert!(!head.contains("10.0.0.1"), "{head}");
    }
}

pub async fn a_proxy_that_fails_is_told() {
    let status = |status: u16| Act::Send(format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n").into_bytes());
    let endless = Act::Repeat(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X: y\r\n".repeat(100));
    let no_tls = |why: &str| Some(format!("no TLS connection with the origin: {why}"));
    let unauthorized = "the proxy wants a name and a password, or other ones (407)";
    let no_proxy = no_tls("what answers at the proxy's address is no HTTP proxy");
    let refused = "the request failed: the proxy cannot be reached: Connection refused (os error 111)";
    // What the proxy does, and what is told of an origin with TLS and of one without: the reason and the attempts.
    let table = [
        (None, (Some(refused.into()), 3), (Some(refused.into()), 3)),
        (
            Some(status(403)),
            (no_tls("the proxy opens no tunnel to the origin (403)"), 1),
            (Some("the origin answered 403".into()), 1),
        ),
        (
            Some(status(503)),
            (no_tls("the proxy opens no tunnel to the origin (503)"), 3),
            (Some("the origin answered 503".into()), 3),
        ),
        (Some(status(407)), (no_tls(unauthorized), 1), (Some(unauthorized.into()), 1)),
        (Some(Act::Send(b"SSH-2.0-x\r\n".to_vec())), (no_proxy.clone(), 1), (None, 1)),
        (Some(Act::Send(b"HTTP/1.1 200 OK\r\n\r\nmore".to_vec())), (no_proxy.clone(), 1), (None, 1)),
        (Some(endless), (no_proxy, 1), (None, 1)),
        (Some(Act::Close), (no_tls("the proxy closed the connection when it was asked for a tunnel"), 3), (None, 3)),
        (Some(Act::SendAndWait(vec![])), (no_tls("the proxy opened no tunnel in time"), 3), (None, 3)),
    ];
    let settings = [("BURROW_CONNECT_TIMEOUT_SECONDS", "1"), ("BURROW_FIRST_BYTE_TIMEOUT_SECONDS", "1")];
    let urls = ["https://secure.example.com/a.png", "http://plain.example.com/a.png"];
    for (act, secure, plain) in table {
        let address = match act {
            Some(act) => origin(act).await,
            None => "http://127.0.0.1:1/a.png".into(),
        };
        let records = downloaded(address.trim_end_matches("/a.png"), &settings, &urls).await;
        for (record, (error, attempts)) in records.iter().zip([secure, plain]) {
            // What is no answer of a proxy is none of an origin either, and has the sentence that an origin's would have.
            assert!(error.is_none_or(|error| record["error"] == error), "{record}");
            assert_eq!((&record["status"], &record["attempts"]), (&"failed".into(), &attempts.into()), "{record}");
        }
    }
}

/// The environment's proxy is not used, and that is said; a proxy that cannot be read is told without its password.
pub async fn which_proxy_is_used_is_told() {
    let directory = TempDir::new().unwrap();
    for (named, is_noted) in [(None, true), (Some("http://127.0.0.1:1"), false)] {
        let mut command = burrow(&directory.path().join("store"));
        command.env("HTTP_PROXY", "http://127.0.0.1:1").envs(named.map(|proxy| ("BURROW_OUTBOUND_PROXY", proxy)));
        let output = command.args(["add", "missing.png"]).output().await.unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(told.contains("note: HTTP_PROXY is set, but origins are asked directly"), is_noted, "{told}");
    }
    let show = async |proxy: &str| {
        let mut command = burrow(&directory.path().join("store"));
        let output = command.env("BURROW_OUTBOUND_PROXY", proxy).args(["config", "show"]).output().await.unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    let (code, told) = show("http://ann:secret@proxy.example:3128").await;
    assert!(code == Some(0) && told.contains("http://(secret)@proxy.example:3128"), "{told}");
    assert!(!told.contains("ann"), "{told}");
    let (code, told) = show("https://ann:hidden@proxy.example").await;
    assert!(code == Some(2) && told.contains("TLS with the proxy itself is not supported"), "{told}");
    assert!(!told.contains("hidden"), "{told}");
}
