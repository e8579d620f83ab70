//! Forged links and tokens.

use super::NOBODY;
use super::case::{Case, FORBIDDEN, INVALID, MALFORMED, NOT_FOUND, UNAUTHORIZED, ask, get};
use crate::support::images::fixture;

/// Invalid tokens. The valid ones are `the-write-token`, and `the-read-token` for reading only.
const TOKENS: &str = "|Bearer|Bearer:|Bearer x|Bearer the-write|Bearer the-write-toke|Bearer the-write-tokenx\
    |Bearer THE-WRITE-TOKEN|Bearer the-write-token the-write-token|Bearer the-write-token,|Bearer \"the-write-token\"\
    |Bearer=the-write-token|Bearerthe-write-token|the-write-token|Basic the-write-token\
    |Basic dGhlLXdyaXRlLXRva2VuOg==|Token the-write-token|Bearer the-write-token\u{a0}|Bearer the-write-tok\u{e9}n\
    |Bearer *|Bearer %|Bearer null|Bearer the-write-token, Bearer x|Digest username=\"x\"|Bearer the%2Dwrite-token\
    |x the-write-token|Bearer the-write-token;";

/// Invalid values of `seconds`.
const SECONDS: &str = "-1 1.5 1e999 \"x\" \"60\" true [] [60] {} 18446744073709551616 60,\"x\":1 60,\"seconds\":60
    0x10";

/// Requests with forged tokens and links. `link` is the path of a valid link to the image `id`.
pub(super) fn secrets(id: &str, link: &str) -> Vec<Case> {
    let mut cases = links(id);
    cases.extend(forged(id, link));
    let record = format!("/images/{id}");
    let retry = format!("{record}/retry");
    for token in TOKENS.split('|').chain(["Bearer the-read-token"]) {
        let with = |method: &str, path: &str| ask(method, path).header("authorization", token).is(401, UNAUTHORIZED);
        cases.push(with("DELETE", &record));
        cases.push(with("POST", &retry));
        cases.push(with("POST", "/jobs/resume"));
        cases.push(with("POST", "/jobs/repack"));
        cases.push(with("POST", "/images").body("image/gif", fixture("photo.gif")));
        cases.push(with("PATCH", &record).body("application/merge-patch+json", "{\"name\":\"changed\"}"));
        if token != "Bearer the-read-token" {
            for path in ["/", "/images", "/stats", "/basic_stats", "/image/x", &record, &format!("{record}/content")] {
                cases.push(with("GET", path));
            }
        }
    }
    // A token is valid only in `Authorization`.
    for query in ["access_token=the-write-token", "token=the-write-token", "authorization=Bearer%20the-write-token"] {
        cases.push(ask("DELETE", format!("{record}?{query}")).is(401, UNAUTHORIZED));
        cases.push(get(format!("{record}/content?{query}")).is(401, UNAUTHORIZED));
    }
    for name in ["x-api-key", "x-authorization", "proxy-authorization", "cookie"] {
        cases.push(ask("DELETE", &*record).header(name, "Bearer the-write-token").is(401, UNAUTHORIZED));
    }
    cases
}

/// Requests for links that are refused.
fn links(id: &str) -> Vec<Case> {
    let ask = |id: &str, body: &str| {
        let case = ask("POST", format!("/images/{id}/links")).header("authorization", "Bearer the-write-token");
        case.body("application/json", body)
    };
    let mut cases = Vec::new();
    for seconds in SECONDS.split(' ') {
        cases.push(ask(id, &format!("{{\"seconds\":{seconds}}}")).is(400, MALFORMED));
    }
    for body in ["{", "[]", "[60]", "null", "60", "\"60\"", "{} {}", "{\"Seconds\":60}", "{\"expires\":60}"] {
        cases.push(ask(id, body).is(400, MALFORMED));
    }
    for seconds in ["0", "604801", "18446744073709551615"] {
        cases.push(ask(id, &format!("{{\"seconds\":{seconds}}}")).is(422, INVALID).field("seconds"));
    }
    for id in [NOBODY, "x", "..", "%00", &id[..35]] {
        cases.push(ask(id, "{\"seconds\":60}").is(404, NOT_FOUND));
    }
    cases
}

/// Links that another server made, or that were changed. None opens anything.
fn forged(id: &str, link: &str) -> Vec<Case> {
    let (path, query) = link.split_once('?').unwrap();
    let fields: Vec<_> = query.split('&').map(|field| field.split_once('=').unwrap()).collect();
    let [("expires", expires), ("key", key), ("signature", signature)] = fields[..] else { panic!("{link}") };
    let with = |expires: &str, key: &str, signature: &str| {
        get(format!("{path}?expires={expires}&key={key}&signature={signature}"))
    };
    let mut cases = Vec::new();
    for expires in
        ["", "0", "1", "-1", "x", "99999999999", "18446744073709551616", "1e10", "%00", &format!("{expires}0")]
    {
        cases.push(with(expires, key, signature).is(403, FORBIDDEN));
    }
    for key in ["", "old", "NEW", "ne", "new2", "*", "%00", "new:0123456789abcdef", "..%2f"] {
        cases.push(with(expires, key, signature).is(403, FORBIDDEN));
    }
    let other = if signature.starts_with('A') { "B" } else { "A" };
    for signature in [
        "",
        "x",
        "%00",
        "*",
        "none",
        &"A".repeat(43),
        &"A".repeat(5000),
        &format!("{other}{}", &signature[1..]),
        &signature[..42],
        &signature[..21],
        &format!("{signature}A"),
        &format!("{signature}{signature}"),
        &signature.to_lowercase(),
        &signature.to_uppercase(),
    ] {
        cases.push(with(expires, key, signature).is(403, FORBIDDEN));
    }
    for query in ["", "key=new", &format!("expires={expires}"), &format!("expires={expires}&key={key}"), "x=1"] {
        cases.push(get(format!("{path}?{query}")).is(401, UNAUTHORIZED));
    }
    cases.push(get(format!("{path}?signature={signature}")).is(403, FORBIDDEN));
    cases.push(get(format!("{path}?key={key}&signature={signature}")).is(403, FORBIDDEN));
    // A link is valid only for reading the content of one image.
    cases.push(get(link.replace(id, NOBODY)).is(403, FORBIDDEN));
    for path in [format!("/images/{id}"), "/images/by-name/x/content".into(), "/image/x".into(), "/stats".into()] {
        cases.push(get(format!("{path}?{query}")).is(401, UNAUTHORIZED));
    }
    cases.push(ask("DELETE", format!("/images/{id}?{query}")).is(401, UNAUTHORIZED));
    cases.push(ask("POST", format!("/images/{id}/links?{query}")).is(401, UNAUTHORIZED));
    cases
}
