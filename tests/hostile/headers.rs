//! Changes whose headers are invalid, or whose conditions do not hold.

use super::case::{Case, DIGEST, INVALID, PRECONDITION, ask};
use super::{NOBODY, Stored};
use crate::support::images::fixture;

/// The SHA-256 of photo.gif.
const RIGHT: &str = "SebUg6P9w4SY/cGkb7ETP0yXYwdbWnoWiG6F4IHcULU=";

/// Digests that are invalid, or of other algorithms or other bytes. `RIGHT` stands for the right SHA-256.
const DIGESTS: &str = r#"sha-256 sha-256= sha-256=abc sha-256="RIGHT" sha-256=RIGHT sha-256=:RIGHT sha-256=RIGHT:
    sha-256=:!!!!: sha-256=:AAAA: sha-256=:: sha-256=?1 sha-256=1 sha-256=(:RIGHT:) SHA-256=:RIGHT: =:RIGHT: :RIGHT:
    RIGHT sha-256=:RIGHT:x sha-256=:RIGHT:, ,sha-256=:RIGHT: sha-256=:RIGHT:; sha-256=:RIGHT::RIGHT: sha-256:RIGHT
    sha-256=:-_-_: sha256=:RIGHT: sha_256=:RIGHT: md5=:1B2M2Y8AsgTpgAmY7PhCfg==: sha=:2jmj7l5rSw0yVb/vlWAYkK/YBwk=:
    sha-1=:AAAA: crc32c=:AAAAAA==: unixsum=:AAA=: unixcksum=:AAAAAA==: adler=:AAAAAA==: id-sha-256=:RIGHT:
    sha-384=:AAAA: rubbish=:AAAA: sha-512=:RIGHT: sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:
    sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:
    sha-256=:RIGHT:,sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:
    sha-256=:RIGHT:,sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"#;

const PREFERENCES: &str = "wait|wait=|wait=-1|wait=x|wait=1.5|wait=99999999999999999999999999|wait=\"1|wait=1=2\
    |wait==1|=|;;;|,,,|\"|wait;wait;wait|wait=0, wait=x|WAIT=-5|respond-async=no|return=rubbish|\u{fc}\
    |handling=lenient; foo=\"|()|@|wait = 1";

/// Invalid entity tags, and tags of something else.
const TAGS: &str =
    r#"rubbish "rubbish" "" " W/"rubbish" W/ w/"x" 'x' *x "*" ** , ,,, "a","b" "a"b" xyz,abc 0 -1 null "#;

pub(super) fn digests(_: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for value in DIGESTS.split_ascii_whitespace() {
        let value = value.replace("RIGHT", RIGHT);
        for name in ["content-digest", "repr-digest"] {
            let case = ask("POST", "/images").header(name, &*value);
            cases.push(case.body("image/gif", fixture("photo.gif")).is(400, DIGEST));
        }
    }
    let url = "http://127.0.0.1:1/x.png";
    for name in ["content-digest", "repr-digest"] {
        for value in ["sha-256=:AAAA:".into(), "md5=:AAAA:".into(), format!("sha-256=:{RIGHT}:"), "rubbish".into()] {
            for (media_type, body) in [
                ("application/json", format!("{{\"url\":\"{url}\"}}")),
                ("application/x-www-form-urlencoded", format!("url={url}")),
            ] {
                cases.push(ask("POST", "/images").header(name, &*value).body(media_type, body).is(400, DIGEST));
            }
        }
        let bytes = ask("POST", "/images").header(name, "sha-256=:\u{fc}:");
        cases.push(bytes.body("image/gif", fixture("photo.gif")).is(400, DIGEST));
    }
    cases
}

pub(super) fn idempotency_keys(_: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for key in [
        "",
        "\"\"",
        &"k".repeat(256),
        &format!("\"{}\"", "k".repeat(256)),
        &"k".repeat(5000),
        "\u{e9}",
        "a\u{e9}b",
        "\u{1f9ab}",
        "a b",
        "a\tb",
        "\"a b\"",
        "\u{a0}",
    ] {
        for (media_type, body) in [
            ("image/gif", fixture("photo.gif")),
            ("application/json", b"{\"url\":\"http://127.0.0.1:1/x.png\"}".to_vec()),
            ("application/x-www-form-urlencoded", b"url=http://127.0.0.1:1/x.png".to_vec()),
        ] {
            let case = ask("POST", "/images").header("idempotency-key", key).body(media_type, body);
            cases.push(case.is(422, INVALID).field("idempotency-key"));
        }
    }
    cases
}

/// Invalid preferences. They are ignored (RFC 7240), so the URL is what is refused.
pub(super) fn preferences(_: &Stored) -> Vec<Case> {
    let values = PREFERENCES.split('|').map(|value| ask("POST", "/images").header("prefer", value));
    let body = "{\"url\":\"file:///etc/passwd\"}";
    values.map(|case| case.body("application/json", body).is(422, INVALID).field("url")).collect()
}

/// Conditions that do not hold: no image has the tag, the tag is weak, or it is the one that must not match.
pub(super) fn conditions(stored: &Stored) -> Vec<Case> {
    let path = format!("/images/{}", stored.id);
    let change = |method: &str, name, value: &str| {
        let body: &[u8] = if method == "PATCH" { b"{\"name\":\"changed\"}" } else { b"" };
        let media_type = if method == "PATCH" { "application/merge-patch+json" } else { "" };
        ask(method, &*path).header(name, value).body(media_type, body).is(412, PRECONDITION)
    };
    let etag = stored.etag.trim_start_matches("W/");
    let mut cases = Vec::new();
    for method in ["DELETE", "PATCH"] {
        for tag in TAGS.split_ascii_whitespace() {
            cases.push(change(method, "if-match", tag));
        }
        for tag in [format!("W/{etag}"), etag.to_uppercase() + "x", format!("\u{fc}{etag}"), etag.replace('"', "")] {
            cases.push(change(method, "if-match", &tag));
        }
        for tag in ["*".into(), etag.into(), format!("W/{etag}"), format!("\"x\", {etag}")] {
            cases.push(change(method, "if-none-match", &tag));
        }
    }
    for tag in ["*", "\"x\"", "rubbish"] {
        cases.push(ask("DELETE", format!("/images/{NOBODY}")).header("if-match", tag).is(412, PRECONDITION));
    }
    cases
}
