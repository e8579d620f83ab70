//! Invalid `multipart/form-data`, and forms with files that are refused.
//!
//! Most forms also hold a valid image, which must not be stored.

use super::Stored;
use super::case::{Case, DIGEST, INVALID, LIMIT, MALFORMED, NOT_AN_IMAGE, UNREADABLE, ask, cut, post};
use crate::support::images::fixture;

const FORM: &str = "multipart/form-data; boundary=b";

/// Media types without the body's boundary, which is `b`.
const BOUNDARIES: &str = "multipart/form-data|multipart/form-data;|multipart/form-data; boundary\
    |multipart/form-data; boundary=|multipart/form-data; boundary=\"\"\
    |multipart/form-data; Boundry=b|multipart/form-data; boundary=c|multipart/form-data; boundary=--b\
    |multipart/form-data; boundary=\"b \"|multipart/form-data; x=boundary=b";

/// Invalid heads of a part, each in place of `Content-Disposition: form-data; name=f; filename=f.gif`.
const HEADS: &str = "|Content-Type: text/plain|Content-Disposition\
    |Content-Disposition form-data; name=f; filename=f.gif|: form-data; name=f; filename=f.gif|Content-Disposition:\
    |Content-Disposition: form-data|Content Disposition: form-data; name=f; filename=f.gif\
    |\0Content-Disposition: form-data; name=f; filename=f.gif";

/// A part with this head.
fn part(head: &str, content: &[u8]) -> Vec<u8> {
    [b"--b\r\n", head.as_bytes(), b"\r\n\r\n", content, b"\r\n"].concat()
}

fn file(content: &[u8]) -> Vec<u8> {
    part("Content-Disposition: form-data; name=f; filename=f.gif\r\nContent-Type: image/gif", content)
}

fn field(name: &str, value: &[u8]) -> Vec<u8> {
    part(&format!("Content-Disposition: form-data; name={name}"), value)
}

fn whole(parts: &[Vec<u8>]) -> Vec<u8> {
    [&parts.concat(), &b"--b--\r\n"[..]].concat()
}

pub(super) fn syntax(_: &Stored) -> Vec<Case> {
    let gif = fixture("photo.gif");
    let good = whole(&[file(&gif)]);
    let mut cases: Vec<_> = BOUNDARIES.split('|').map(|media_type| post("/images", media_type, good.clone())).collect();
    for length in [71, 5000] {
        let boundary = "b".repeat(length);
        let body = String::from_utf8_lossy(&whole(&[file(b"GIF89a")])).replace("--b", &format!("--{boundary}"));
        cases.push(post("/images", &format!("multipart/form-data; boundary={boundary}"), body));
    }
    for head in HEADS.split('|') {
        cases.push(post("/images", FORM, whole(&[part(head, &gif)])));
        cases.push(post("/images", FORM, whole(&[file(&gif), part(head, &gif)])));
    }
    // Cut in the boundary, in the head, in the content and in the last boundary.
    let start = good.len() - gif.len() - "\r\n--b--\r\n".len();
    for end in [0, 1, 3, 5, 20, start - 3, start - 1, start, start + 10, good.len() - 9, good.len() - 6, good.len() - 4]
    {
        cases.push(post("/images", FORM, &good[..end]));
        cases.push(post("/images", FORM, [file(&gif), good[..end].to_vec()].concat()));
    }
    let text = "--b\nContent-Disposition: form-data; name=f; filename=f.gif\n\nno image\n--b--\n";
    for body in [
        text.replace('\n', "\r"),
        text.replace('\n', ""),
        text.replace('\n', "\r\n").replace("--b", "-b"),
        text.replace('\n', "\r\n").replacen("--b", "--b x", 1),
        "x".repeat(10_000),
        "-b".repeat(10_000),
        "--b\r\n".repeat(10_000),
    ] {
        cases.push(post("/images", FORM, body));
    }
    cases = cases.into_iter().map(|case| case.is(400, MALFORMED)).collect();
    cases.push(post("/images", FORM, text).is(422, NOT_AN_IMAGE));
    let header = "Content-Disposition: form-data; name=f; filename=f.gif";
    for head in [
        format!("{}{header}", "X: y\r\n".repeat(3000)),
        format!("{}{header}", "y".repeat(100_000)),
        format!("{header}x\r\nX: {}", "y".repeat(3_000_000)),
        format!("{header}{}", "x".repeat(3_000_000)),
        "X: y\r\n".repeat(500_000) + header,
    ] {
        cases.push(post("/images", FORM, whole(&[part(&head, &gif)])).any(&[400, 413]));
    }
    cases.push(post("/images", "multipart/form-data; boundary=\u{fc}", good.clone()).any(&[400, 415]));
    cases.push(post("/images", FORM, "--b".repeat(10_000)).any(&[400, 422]));
    // The client hangs up.
    for end in [0, 20, start, good.len() - 9, good.len() - 1] {
        let length = good.len();
        let head = format!(
            "POST /images HTTP/1.1\r\nHost: localhost\r\nContent-Type: {FORM}\r\nContent-Length: {length}\r\n\r\n"
        );
        cases.push(cut([head.as_bytes(), &good[..end]].concat()).any(UNREADABLE));
    }
    cases
}

/// Forms of which one part is invalid: no file of them is stored.
pub(super) fn files(_: &Stored) -> Vec<Case> {
    let (gif, webp) = (fixture("photo.gif"), fixture("photo.webp"));
    let (good, bad) = (file(&gif), file(b"<!doctype html>"));
    let mut cases = Vec::new();
    for parts in [
        vec![bad.clone()],
        vec![file(b"")],
        vec![good.clone(), bad.clone()],
        vec![bad.clone(), good.clone()],
        vec![good.clone(), file(&webp), good.clone(), bad.clone()],
        vec![good.clone(), file(b"")],
        vec![good.clone(), file(&whole(std::slice::from_ref(&good)))],
        vec![field("name", b"x"), good.clone(), field("tags", b"a,b"), bad],
    ] {
        cases.push(post("/images", FORM, whole(&parts)).is(422, NOT_AN_IMAGE));
        let browser = ask("POST", "/images").header("accept", "text/html");
        cases.push(browser.body(FORM, whole(&parts)).any(&[422]));
    }
    let many: Vec<_> = (0..33).map(|n| n.to_string()).collect();
    for (name, value) in [
        ("name", "n".repeat(256)),
        ("name", "a\0b".into()),
        ("name", "a\nb".into()),
        ("name", "a\u{85}b".into()),
        ("tags", "t".repeat(65)),
        ("tags", many.join(",")),
        ("tags", "a,b\0c".into()),
    ] {
        let wrong = field(name, value.as_bytes());
        cases.push(post("/images", FORM, whole(&[wrong.clone(), good.clone()])).is(422, INVALID).field(&name[..3]));
        let later = whole(&[good.clone(), wrong, file(&webp)]);
        cases.push(post("/images", FORM, later).is(422, INVALID).field(&name[..3]));
    }
    for name in ["name", "tags"] {
        let wrong = field(name, b"a\xff");
        cases.push(post("/images", FORM, whole(&[wrong, good.clone()])).any(&[400, 422]));
        let large = field(name, &vec![b'x'; 70_000]);
        cases.push(post("/images", FORM, whole(&[large.clone(), good.clone()])).is(413, LIMIT));
        cases.push(post("/images", FORM, whole(&[good.clone(), large, file(&webp)])).is(413, LIMIT));
    }
    let shares = vec![field("tags", &[b','; 10_000]); 8];
    cases.push(post("/images", FORM, whole(&[shares, vec![good.clone()]].concat())).is(413, LIMIT));
    cases.push(post("/images", FORM, whole(&vec![file(&webp); 101])).is(413, LIMIT));
    cases.push(post("/images", FORM, whole(&[])).any(&[400, 422]));
    cases.push(post("/images", FORM, whole(&[field("name", b"x")])).any(&[400, 422]));
    cases.push(post("/images", FORM, whole(&[field("url", b"http://127.0.0.1:1/x.png")])).any(&[400, 422]));
    let digest = ask("POST", "/images").header("content-digest", format!("sha-256=:{}=:", "A".repeat(43)));
    cases.push(digest.body(FORM, whole(&[good.clone(), file(&webp)])).is(400, DIGEST));
    cases
}
