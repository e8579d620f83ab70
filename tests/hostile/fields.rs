//! URLs, forms, media types, charsets and encodings that are refused.

use super::Stored;
use super::case::{Case, INVALID, LIMIT, NOT_AN_IMAGE, UNSUPPORTED, ask, post};
use crate::support::client::encode;
use crate::support::images::fixture;

const JSON: &str = "application/json";
const FORM: &str = "application/x-www-form-urlencoded";

/// A valid body.
const ADD: &str = r#"{"url":"http://127.0.0.1:1/x.png"}"#;

/// URLs that are refused, although private addresses are allowed: with another scheme or none, with a user name,
/// without a host, with an invalid port or address.
const URLS: &str = r#"x / //burrow/x.png /x.png ? # x.png burrow/x.png burrow:80/x.png 127.0.0.1/x.png www.example.com
    file:///etc/passwd file://localhost/etc/passwd FILE:///etc/passwd ftp://127.0.0.1/x.png sftp://127.0.0.1/x
    gopher://127.0.0.1:1/_x javascript:alert(1) data:image/png;base64,iVBORw0KGgo= about:blank
    blob:http://127.0.0.1:1/x ws://127.0.0.1:1/ wss://127.0.0.1:1/ ldap://127.0.0.1:1/ dict://127.0.0.1:1/
    jar:http://127.0.0.1:1/!/ view-source:http://127.0.0.1:1/ httpx://127.0.0.1:1/ mailto:a@b.example unix:/run/x.sock
    http+unix://%2frun%2fx.sock/ urn:uuid:0 s3://bucket/x.png C:\x.png \\server\share\x.png http//127.0.0.1:1/
    :http://127.0.0.1:1/ url:http://127.0.0.1:1/ <http://127.0.0.1:1/> "http://127.0.0.1:1/"
    http://user:password@127.0.0.1:1/x.png http://user@127.0.0.1:1/x.png http://:password@127.0.0.1:1/
    https://%75ser@127.0.0.1:1/ http://a@b@127.0.0.1:1/ http://127.0.0.1:x\@evil.example/ http: http:/ http://
    http:/// http://?x http://#x http://:80/ http://@/ http://:@/ http://user@/ http://127.0.0.1:0/
    http://127.0.0.1:65536/ http://127.0.0.1:99999/ http://127.0.0.1:-1/ http://127.0.0.1:x/ http://127.0.0.1:1x/
    http://127.0.0.1:0x50/ http://127.0.0.1:4294967376/ http://a%20b/ http://a%00b/ http://%/ http://%zz/ http://%ff/
    http://a<b/ http://a>b/ http://a^b/ http://a|b/ http://[::1/ http://::1/ http://[]/ http://[g]/ http://[::1]x/
    http://[1]/ http://[::1%25lo]/ http://[1:2:3:4:5:6:7:8:9]/ http://[127.0.0.1]/ http://256.256.256.256/
    http://1.2.3.4.5/ http://0x100000000/ http://4294967296/ http://127.0.0.1.256/ http://1.2.3.08/
    http://0x7f.1.1.1.1/ http://xn--/ http://a.xn--zzzzzzz99999999999999/"#;

/// Further URLs that are refused.
const URLS_TOO: [&str; 10] = [
    "",
    " ",
    "http://a b/",
    "http://127.0.0.1: 80/",
    "http ://127.0.0.1:1/",
    "http://a\u{0}b/",
    "http://\u{ad}/",
    "ht\u{0}tp://127.0.0.1:1/",
    "http\u{ff1a}//127.0.0.1:1/",
    "\u{feff}http://127.0.0.1:1/",
];

const MEDIA_TYPES: &str = "text/plain text/html text/json text/xml application/xml application/yaml application/jsonp
    application/json5 application/json-seq application/x-ndjson application/ld+json application/problem+json
    application/merge-patch+json application/javascript application/x-www-form application/pdf application/zip
    multipart/mixed;boundary=b multipart/related;boundary=b message/http video/mp4 audio/mpeg font/woff2 model/obj
    json image imagex/png application application/ /json */* rubbish \u{fc}/\u{fc} application/json/x applicationjson
    text/plain,application/json text/plain;application/json";

const CHARSETS: &str = "latin1 iso-8859-1 utf-16 utf-7 us-asciix \"utf-16le\" windows-1252 x";

const ENCODINGS: &str = "gzip x-gzip deflate br zstd compress rubbish gzip,gzip identity,gzip aes128gcm GZIP";

pub(super) fn urls(_: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for url in URLS.split_ascii_whitespace().chain(URLS_TOO) {
        let body = serde_json::json!({ "url": url }).to_string();
        cases.push(post("/images", JSON, body).is(422, INVALID).field("url"));
    }
    for url in
        ["", "file:///etc/passwd", "http://u:p@127.0.0.1:1/", "http://", "http://a b/", "http://127.0.0.1:99999/"]
    {
        let body = serde_json::json!({ "url": url, "name": "x" }).to_string();
        cases.push(post("/upload", JSON, body.clone()).is(422, INVALID).field("url"));
        cases.push(post("/process_image", JSON, body).is(422, INVALID).field("url"));
        let form = format!("url={}&name=x", encode(url));
        cases.push(post("/images", FORM, form.clone()).is(422, INVALID).field("url"));
        // Also from a browser, which would be redirected if the form were valid.
        cases.push(ask("POST", "/images").header("accept", "text/html").body(FORM, form).any(&[422]));
    }
    cases
}

/// Forms that lack a field, hold an invalid one, or are too large.
pub(super) fn forms(_: &Stored) -> Vec<Case> {
    let url = format!("url={}", encode("http://127.0.0.1:1/x.png"));
    let tags: Vec<_> = (0..33).map(|n| n.to_string()).collect();
    let mut cases = Vec::new();
    for (field, body) in [
        ("url", String::new()),
        ("url", "&&&".into()),
        ("url", "url".into()),
        ("url", "url=".into()),
        ("url", "name=x".into()),
        ("url", format!("url={}", "a".repeat(9000))),
        ("name", format!("{url}&name={}", "n".repeat(256))),
        ("tag", format!("{url}&tags={}", "t".repeat(65))),
        ("tag", format!("{url}&tags={}", tags.join(","))),
    ] {
        cases.push(post("/images", FORM, body).is(422, INVALID).field(field));
    }
    cases.push(post("/images", FORM, format!("URL{}", &url[3..])).is(422, INVALID));
    for body in [ADD, "url=%ff%fe", "url=%zz", "url=%", "\0", "url=\u{1}"] {
        cases.push(post("/images", FORM, body).any(&[400, 422]));
    }
    for body in [format!("{url}&name={}", "n".repeat(100_000)), "&".repeat(100_000), "x=y&".repeat(50_000)] {
        cases.push(post("/images", FORM, body).is(413, LIMIT));
    }
    cases
}

/// Bodies with a media type, charset or encoding that is refused. Each would be valid with another one.
pub(super) fn media_types(stored: &Stored) -> Vec<Case> {
    let (gif, path) = (fixture("photo.gif"), format!("/images/{}", stored.id));
    let mut cases = Vec::new();
    for media_type in MEDIA_TYPES.split_ascii_whitespace() {
        cases.push(post("/images", media_type, ADD).is(415, UNSUPPORTED));
        cases.push(post("/images", media_type, gif.clone()).is(415, UNSUPPORTED));
    }
    for charset in CHARSETS.split_ascii_whitespace() {
        cases.push(post("/images", &format!("{JSON}; charset={charset}"), ADD).is(415, UNSUPPORTED));
    }
    // This charset is accepted, so the URL is what is refused.
    for charset in ["utf-8", "UTF-8", "\"utf-8\""] {
        let wrong = r#"{"url":"file:///etc/passwd"}"#;
        cases.push(post("/images", &format!("{JSON}; charset={charset}"), wrong).is(422, INVALID));
    }
    for media_type in ["text/plain", "application/json-patch+json", "application/xml", FORM, "image/png", "rubbish"] {
        cases.push(ask("PATCH", &*path).body(media_type, r#"{"name":"x"}"#).is(415, UNSUPPORTED));
    }
    let form = format!("url={}", encode("http://127.0.0.1:1/x.png"));
    let multipart = b"--b\r\nContent-Disposition: form-data; name=f; filename=f.gif\r\n\r\nGIF89a\r\n--b--\r\n";
    for encoding in ENCODINGS.split(' ') {
        for (media_type, body) in [
            (JSON, ADD.as_bytes()),
            (FORM, form.as_bytes()),
            ("image/gif", &gif),
            ("application/octet-stream", &gif),
            ("multipart/form-data; boundary=b", multipart),
        ] {
            let case = ask("POST", "/images").header("content-encoding", encoding);
            cases.push(case.body(media_type, body).is(415, UNSUPPORTED));
        }
    }
    for media_type in ["image/gif", "image/x", "application/octet-stream"] {
        cases.push(post("/images", media_type, ADD).is(422, NOT_AN_IMAGE));
    }
    cases
}
