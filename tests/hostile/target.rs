//! Invalid request targets: paths, percent-encoding, control characters, long URLs.

use super::case::{CLOSED, Case, INVALID, LIMIT, MALFORMED, NOT_FOUND, UNREADABLE, ask, get, padded, post, raw};
use super::{NOBODY, Stored};
use crate::support::images::fixture;

/// Targets that are not paths. The server takes each for a path, or refuses it.
const ODD: &str = r"stats stats?x * ? # ?limit=1 \stats ./stats ../stats http: http:/stats http:// http:///stats
    http://[::1/stats http://user:password@burrow/stats ://burrow/stats http://evil.example/stats
    https://evil.example/stats ftp://evil.example/stats file:///etc/passwd javascript:alert(1)
    http://burrow:99999/stats http://burrow:x/stats burrow:80 [::1]:80 @ /stats#fragment /stats?# /stats??
    /stats?&&&=&";

/// Paths that look like existing ones, or that scanners try everywhere.
const NOWHERE: &str = "// /// //images //stats /stats/ /stats// /stats/. /stats/.. /./stats /../stats /. /..
    /images/../stats /images/./ /images/.. /images/%2e%2e/stats /images/%2E%2E/stats /images/..%2fstats /%2e/stats
    /%2e%2e/stats /images/..;/stats /stats; /stats;x=1 /stats%3b /stats%2f /%2fstats /stats%20 /stats%00 /stats%0a
    /stats.json /stats%3fx /stats%23x /STATS /Images /images/ /images// /healthz/ /HEALTHZ /images/by-name
    /images/by-name/ /images/by-name//content /images/by-name/a/b /images/by-name/a/b/content /problems /problems/
    /problems/nothing /problems/../stats /problems/%2e%2e /jobs /jobs/ /jobs/resume/ /assets/style.css/ /assets/style.css%00.png
    /upload/ /openapi.json/ /openapi.yaml /.env /.git/config /etc/passwd /../../../../etc/passwd
    /..%2f..%2f..%2fetc%2fpasswd /..%5c..%5cwindows /cgi-bin/%2e%2e/sh /admin /wp-login.php /metrics /debug/pprof
    /server-status /images/* /images/null /images/0 /images/-1 /images/by-name/%2e%2e
    /images/by-name/..%2f..%2fetc%2fpasswd /image/..%2f..%2fetc%2fpasswd /image/nothing /image/";

/// Paths that do not exist, with the id of an image that does.
const NOT_AN_IMAGES: &str =
    "/images/ID/ /images/ID//content /images/ID/content/ /images/ID/content/x /images/ID%2fcontent
    /images%2fID /images/ID;v=1 /images/ID/content;v=1 /images/ID/Content /images/ID/nothing /images/ID.png
    /images/ID%00 /images/ID%20 /images/%20ID /images/ID/.. /images/ID/../ID /images/x/../ID /images//ID //images/ID
    /images/ID/content/../content /images/ID/%63ontent/ /IMAGES/ID";

/// Percent signs that encode nothing.
const PERCENT: &str = "/% /%% /%%1 /%2 /%zz /%2x /%x2 /%-1 /%+1 /%u0041 /stats% /stats%2 /images% /images/%
    /images/%g1 /images/by-name/% /images/by-name/a%2 /images/by-name/%zz/content /image/% /image/a%zzb /image/%2
    /problems/%zz /nothing/%/x /?% /?cursor=% /?x=%zz /images?% /images?q=% /images?q=%z /images?q=a%2 /images?q=%%41
    /images?tag=%zz /images?limit=%3 /images?cursor=% /images?status=% /images?%=1 /images?%zz=1 /images?limit=1&x=%
    /stats?% /stats?x=%zz /healthz?%2 /basic_stats?% /openapi.json?% /assets/style.css?%g0 /images/ID?% /images/ID/content?%
    /images/ID/content?download=% /images/ID%/content /images/ID/%content";

/// Paths that decode to invalid UTF-8: lone bytes, truncated and overlong characters, surrogates, and code points
/// beyond the last.
const NO_TEXT: &str = "/images/by-name/%ff /images/by-name/%c3 /images/by-name/%c3%28 /images/by-name/%c0%af
    /images/by-name/%ed%a0%80 /images/by-name/%f4%90%80%80 /images/by-name/%80/content /image/%ff /image/a%c3
    /image/%fe%ff/x /images?q=%ff /images?q=a%c3 /images?tag=%fe /images?q=%ed%bf%bf";

/// Encoded control characters.
const CONTROLS: &str = "%00 %01 %0a %0d%0aX:%20y %1b%5b31m %7f %c2%85";

pub(super) fn targets(stored: &Stored) -> Vec<Case> {
    let line = |target: &[u8]| raw([b"GET ", target, b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat());
    let mut cases = Vec::new();
    for target in [&b"/\0"[..], b"/\x01", b"/\x7f", b"/\rstats", b"/a\tb", b"/\xff", b"/\xc3(", b"/images?q=\xff"] {
        cases.push(line(target).any(UNREADABLE));
    }
    cases.push(line(b"http://a b/stats").any(UNREADABLE));
    for target in ODD.split_ascii_whitespace() {
        cases.push(line(target.as_bytes()).any(&[200, 400, 404, CLOSED]));
    }
    for odd in ["http:///images/ID", "images/ID", "?/images/ID", "#/images/ID", "*//images/ID", "*", "burrow:80", "/"] {
        for method in ["DELETE", "CONNECT", "TRACE"] {
            let line = format!("{method} {}", odd.replace("ID", &stored.id));
            let refused: &[u16] = &[400, 404, 405, 501, CLOSED];
            cases.push(raw(format!("{line} HTTP/1.1\r\nHost: localhost\r\n\r\n")).any(refused));
        }
    }
    cases
}

/// Nothing in a path is resolved, folded or joined.
pub(super) fn paths(stored: &Stored) -> Vec<Case> {
    let paths = NOWHERE.split_ascii_whitespace().chain(NOT_AN_IMAGES.split_ascii_whitespace());
    paths.map(|path| get(path.replace("ID", &stored.id)).is(404, NOT_FOUND)).collect()
}

pub(super) fn percent_signs(stored: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for path in PERCENT.split_ascii_whitespace().chain(NO_TEXT.split_ascii_whitespace()) {
        cases.push(get(path.replace("ID", &stored.id)).is(400, MALFORMED));
    }
    for line in [
        "POST /upload?%",
        "POST /process_image?%",
        "POST /jobs/resume?%",
        "DELETE /images/ID?%",
        "PATCH /images/ID?%zz",
        "POST /images/ID/retry?%2",
        "POST /images/ID/links?%",
    ] {
        let (method, path) = line.split_once(' ').unwrap();
        cases.push(ask(method, path.replace("ID", &stored.id)).is(400, MALFORMED));
    }
    for query in ["name=%", "name=%ff", "tag=%zz", "tag=%c3", "%", "name=a&%2"] {
        cases.push(post(format!("/images?{query}"), "image/gif", fixture("photo.gif")).is(400, MALFORMED));
    }
    // A path that is not decoded need not be text.
    for path in ["/%ff", "/images/%ff", "/stats/%ff", "/stats%ff"] {
        cases.push(get(path).any(&[400, 404]));
    }
    // Text that should have been encoded.
    for path in ["/images/by-name/\u{fc}", "/image/\u{1f9ab}", "/\u{fc}", "/images?q=\u{fc}&limit=0"] {
        cases.push(raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).any(&[400, 404, 422]));
    }
    cases
}

/// Control characters where text is expected.
pub(super) fn control_characters(_: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for control in CONTROLS.split_ascii_whitespace() {
        for path in ["/images/by-name/?", "/images/by-name/photo.png?/content", "/image/photo.png?", "/images/?", "/?"]
        {
            cases.push(get(path.replace('?', control)).is(404, NOT_FOUND));
        }
        for (field, query) in
            [("q", "q=a?a"), ("tag", "tag=a?a"), ("status", "status=?"), ("cursor", "cursor=?"), ("limit", "limit=1?")]
        {
            let query = query.replace('?', control);
            cases.push(get(format!("/images?{query}")).is(422, INVALID).field(field));
        }
        for field in ["name", "tag"] {
            let path = format!("/images?{field}=a{control}a");
            cases.push(post(path, "image/gif", fixture("photo.gif")).is(422, INVALID).field(field));
        }
        for (field, rest) in [("name", "name=a?a"), ("tag", "tags=b,a?a")] {
            let form = format!("url=http%3A%2F%2F127.0.0.1%3A1%2Fx.png&{}", rest.replace('?', control));
            cases.push(post("/images", "application/x-www-form-urlencoded", form).is(422, INVALID).field(field));
        }
    }
    for control in
        ["\\u0000", "\\u0001", "\\b", "\\n", "\\r\\n", "\\u001b[31m", "\\u007f", "\\u0085", "\\u009f", "\u{85}"]
    {
        for (field, value) in [("name", r#""a?b""#), ("tags", r#"["x","a?b"]"#)] {
            let value = value.replace('?', control);
            let body = format!(r#"{{"url":"http://127.0.0.1:1/x.png","{field}":{value}}}"#);
            cases.push(post("/images", "application/json", body.clone()).is(422, INVALID).field(field));
            cases.push(post("/upload", "application/json", body).is(422, INVALID).field(field));
        }
    }
    cases
}

/// URLs longer than a request line may be.
pub(super) fn long_urls(stored: &Stored) -> Vec<Case> {
    let delete = format!("/images/{}?", stored.id);
    let starts = ["/", "/images?q=", "/images/", "/images/by-name/", "/image/", "/stats?", "/nothing/", "/%41"];
    let mut cases = Vec::new();
    for length in [16_385, 20_000, 65_000] {
        for start in starts {
            cases.push(get(padded(start, length)).is(414, LIMIT));
        }
        cases.push(ask("DELETE", padded(&delete, length)).is(414, LIMIT));
        cases.push(post(padded("/images?name=", length), "image/png", "x").is(414, LIMIT));
    }
    // The host itself refuses these.
    for start in starts {
        cases.push(get(padded(start, 100_000)).any(&[414]));
    }
    cases.push(ask("DELETE", padded(&delete, 100_000)).any(&[414]));
    cases.push(get("/".repeat(16_385)).is(414, LIMIT));
    cases.push(get(format!("/{}", "%".repeat(16_384))).any(&[400, 414]));
    // These are just short enough.
    cases.push(get("/".repeat(16_384)).is(404, NOT_FOUND));
    cases.push(get(padded("/", 16_384)).is(404, NOT_FOUND));
    cases.push(get(padded("/images/", 16_000)).is(404, NOT_FOUND));
    cases.push(get(format!("/{}", "../".repeat(5000))).is(404, NOT_FOUND));
    cases.push(get(format!("/{}", "a/".repeat(8000))).is(404, NOT_FOUND));
    cases.push(get(format!("/images/{NOBODY}?{}", "a=b&".repeat(4000))).is(404, NOT_FOUND));
    cases.push(get(format!("/images?{}", "limit=1&".repeat(2000))).is(422, INVALID));
    cases
}
