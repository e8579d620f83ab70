//! Bodies that are invalid JSON, or JSON with invalid types, members or sizes.

use super::Stored;
use super::case::{Case, INVALID, LIMIT, MALFORMED, ask, padded, post};
use crate::support::images::fixture;

const JSON: &str = "application/json";
const MERGE: &str = "application/merge-patch+json";

/// A valid member. If the rest of the body were accepted, an image would be added.
const URL: &str = r#""url":"http://127.0.0.1:1/x.png""#;

/// Texts that are not JSON; `URL` stands for the valid member. The last ones hold lone surrogates.
const NO_JSON: &str = r#"{ } {{ {}} x {url {"url {"url" {"url": {"url":} {:} {,} {"url":"x" {URL,} {URL}x {URL}{URL}
    {URL}, {URL}] [{URL} {URL;} {URL"name":"x"} {URL,,"name":"x"} {URL,"name"} {URL,"name":'x'} {URL,"name":x}
    {URL,"name":"x} {URL,name:"x"} {'url':'http://127.0.0.1:1/'} {URL,"name":"\x41"} {URL,"name":"\u00"}
    {URL,"name":"\u00zz"} {URL,"name":"\"} {URL}//x /**/{URL} {URL/**/} {URL,"name":NaN} {URL,"name":Infinity}
    {URL,"name":undefined} {URL,"name":+1} {URL,"name":01} {URL,"name":.5} {URL,"name":0x1} {URL,"name":1e999}
    {URL,"name":True} {URL,"tags":["a",]} {URL,"tags":["a"} {URL,"tags":["a""b"]} {URL,"tags":[,]} )]}',{URL}
    url=http%3A%2F%2F127.0.0.1 <url>http://127.0.0.1/</url> {URL,"name":"\ud800"} {URL,"name":"\udc00"}
    {URL,"name":"\ud800x"} {URL,"name":"\ud800\u0041"} {URL,"name":"\udc00\ud800"} {URL,"tags":["\udbff"]}
    {"\ud800":1,URL} {"url":"http://127.0.0.1:1/\ud800"}"#;

/// Further texts that are not JSON, with white space and control characters.
const NO_JSON_EITHER: &str = "| |\n|{URL} {URL}|{URL}\0|\0{URL}|{URL,\"name\":\"a\nb\"}|{URL,\"name\":\"a\tb\"}\
    |{URL,\"name\":\"a\0b\"}|#\n{URL}|{URL,\"tags\":[\"a\" \"b\"]}|{URL}\u{feff}|\u{a0}{URL}|\u{b}{URL}\
    |--- \nurl: x";

/// Bytes that are not UTF-8: lone bytes, truncated and overlong characters, a surrogate, and code points beyond the
/// last.
const NO_TEXT: [&[u8]; 9] = [
    b"\xff",
    b"\x80",
    b"\xc3",
    b"\xc3(",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf8\x88\x80\x80\x80",
];

/// JSON that is not an object.
const NO_OBJECTS: &str =
    r#"null true 7 -0.0 "x" [] [[]] [{}] [{URL}] ["http://127.0.0.1:1/x.png"] ["http://127.0.0.1:1/x.png","x",[]]"#;

/// Objects with values of the wrong type, and the `field` that the problem must name.
const WRONG_TYPES: [(&str, &str); 6] = [
    (
        "url",
        r#"{"url":7} {"url":true} {"url":1.5} {"url":[]} {"url":["http://127.0.0.1:1/x.png"]} {"url":{"href":"x"}}"#,
    ),
    ("name", r#"{URL,"name":7} {URL,"name":false} {URL,"name":["x"]} {URL,"name":{"$ne":null}}"#),
    ("tags", r#"{URL,"tags":"a,b"} {URL,"tags":7} {URL,"tags":true} {URL,"tags":{}} {URL,"tags":{"0":"a"}}"#),
    ("tags[0]", r#"{URL,"tags":[7]} {URL,"tags":[null]} {URL,"tags":[true]}"#),
    ("tags[1]", r#"{URL,"tags":["a",["b"]]}"#),
    ("tags[2]", r#"{URL,"tags":["a","b",{}]}"#),
];

/// Objects with a member twice, or with an unknown member.
const WRONG_MEMBERS: &str = r#"{URL,URL} {URL,"url":"http://127.0.0.1:2/y.png"} {URL,"url":null} {"url":null,URL}
    {URL,"\u0075rl":"http://127.0.0.1:1/"} {URL,"name":"a","name":"b"} {URL,"name":null,"name":null}
    {URL,"tags":[],"tags":["b"]} {URL,"tags":["a"],"name":"x","tags":["a"]} {URL,"x":1} {"x":1,URL} {URL,"URL":"x"}
    {URL,"Name":"x"} {URL,"u\u0000rl":"x"} {URL,"":""} {URL,"tag":["a"]}
    {URL,"id":"00000000-0000-7000-8000-000000000000"} {URL,"status":"ready"} {URL,"sha256":"0"} {URL,"size":0}
    {URL,"content":"x"} {URL,"attempts":99} {URL,"created":"x"} {URL,"__proto__":{"x":1}} {URL,"constructor":{}}
    {URL,"$schema":"x"} {URL,"x":null} {URL,"x":{"url":"x"}} {URL,"max_image_bytes":1}
    {URL,"allow_private_network":true} {"image":{URL}}"#;

pub(super) fn syntax(stored: &Stored) -> Vec<Case> {
    let mut bodies: Vec<Vec<u8>> = NO_JSON
        .split_ascii_whitespace()
        .chain(NO_JSON_EITHER.split('|'))
        .map(|body| body.replace("URL", URL).into_bytes())
        .collect();
    for bytes in NO_TEXT {
        bodies.push([b"{", URL.as_bytes(), b",\"name\":\"", bytes, b"\"}"].concat());
        bodies.push([b"{\"", bytes, b"\":1,", URL.as_bytes(), b"}"].concat());
    }
    let text = format!("{{{URL}}}");
    bodies.push(text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    bodies.push([0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_be_bytes).collect());
    bodies.push(text.chars().flat_map(|char| u32::from(char).to_le_bytes()).collect());
    bodies.push([b"\x1f\x8b\x08\0\0\0\0\0", text.as_bytes()].concat());
    bodies.push(fixture("photo.gif"));
    let mut cases: Vec<_> = bodies.iter().map(|body| post("/images", JSON, body.clone()).is(400, MALFORMED)).collect();
    for body in bodies.into_iter().step_by(7) {
        cases.push(post("/upload", JSON, body.clone()).is(400, MALFORMED));
        cases.push(post("/process_image", JSON, body.clone()).is(400, MALFORMED));
        cases.push(ask("PATCH", format!("/images/{}", stored.failed)).body(JSON, body.clone()).any(&[400, 409]));
        // A body without a content type is taken for JSON.
        cases.push(post("/images", "", body).is(400, MALFORMED));
    }
    cases
}

/// JSON of the wrong shape.
pub(super) fn types(stored: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for body in NO_OBJECTS.split_ascii_whitespace() {
        cases.push(post("/images", JSON, body.replace("URL", URL)).is(400, MALFORMED));
        cases.push(
            ask("PATCH", format!("/images/{}", stored.id)).body(JSON, body.replace("URL", URL)).is(400, MALFORMED),
        );
    }
    for (field, bodies) in WRONG_TYPES {
        for body in bodies.split_ascii_whitespace() {
            for path in ["/images", "/upload", "/process_image"] {
                cases.push(post(path, JSON, body.replace("URL", URL)).is(400, MALFORMED).field(field));
            }
        }
    }
    for body in [r"{}", r#"{"url":null}"#, r#"{"name":"x"}"#, r#"{"tags":["a"]}"#] {
        for path in ["/images", "/upload", "/process_image"] {
            cases.push(post(path, JSON, body).is(422, INVALID).field("url"));
        }
    }
    cases
}

pub(super) fn members(_: &Stored) -> Vec<Case> {
    let bodies = WRONG_MEMBERS.split_ascii_whitespace().map(|body| body.replace("URL", URL));
    let wide: Vec<_> = (0..5000).map(|n| format!("\"{n}\":0")).collect();
    let bodies = bodies.chain([format!("{{{URL},{}}}", wide.join(",")), format!("{{{URL},\"url \":\"x\"}}")]);
    bodies.map(|body| post("/images", JSON, body).is(400, MALFORMED)).collect()
}

/// JSON that is nested too deeply, or too large.
pub(super) fn sizes(stored: &Stored) -> Vec<Case> {
    let add = |rest: &str| format!("{{{URL},{rest}}}");
    let url = |length: usize| format!("{{\"url\":\"{}\"}}", padded("http://127.0.0.1:1/", length));
    let tags = |count: usize, tag: &str| add(&format!("\"tags\":[{}]", vec![format!("\"{tag}\""); count].join(",")));
    let mut cases = Vec::new();
    for depth in [128, 129, 1000, 10_000] {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open.repeat(depth), close.repeat(depth));
            cases.push(post("/images", JSON, deep.clone()).is(400, MALFORMED));
            cases.push(post("/images", JSON, add(&format!("\"x\":{deep}"))).is(400, MALFORMED));
            cases.push(post("/images", JSON, add(&format!("\"name\":{deep}"))).is(400, MALFORMED));
            cases.push(post("/upload", JSON, add(&format!("\"tags\":{deep}"))).is(400, MALFORMED));
            cases.push(post("/process_image", JSON, open.repeat(depth)).is(400, MALFORMED));
        }
    }
    for length in [8193, 9000, 60_000] {
        cases.push(post("/images", JSON, url(length)).is(422, INVALID).field("url"));
    }
    for (count, tag) in [(33, "t"), (10_000, "t"), (1, &"t".repeat(65)), (32, &"t".repeat(65)), (1, ""), (2, "  ")] {
        cases.push(post("/images", JSON, tags(count, tag)).is(422, INVALID).field("tags"));
    }
    for name in ["n".repeat(256), "\u{fc}".repeat(128), "n".repeat(50_000)] {
        cases.push(post("/images", JSON, add(&format!("\"name\":\"{name}\""))).is(422, INVALID).field("name"));
    }
    let large = [
        url(100_000),
        url(1_000_000),
        tags(10_000, "a tag"),
        tags(100_000, "t"),
        add(&format!("\"name\":\"{}\"", "n".repeat(100_000))),
        add(&format!("\"x\":{}", "9".repeat(100_000))),
        format!("{{{URL}}}{}", " ".repeat(100_000)),
        format!("{}{{{URL}}}", "\n".repeat(100_000)),
        "[".repeat(100_000),
        "{\"a\":".repeat(100_000),
        "\0".repeat(100_000),
    ];
    for body in &large {
        cases.push(post("/images", JSON, body.clone()).is(413, LIMIT));
    }
    for body in &large[..4] {
        cases.push(post("/upload", JSON, body.clone()).is(413, LIMIT));
        cases.push(ask("PATCH", format!("/images/{}", stored.id)).body(MERGE, body.clone()).is(413, LIMIT));
    }
    cases
}
