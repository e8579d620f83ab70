//! Changes that pages of other sites request.

use super::Stored;
use super::case::{Case, FORBIDDEN, ask};
use crate::support::images::fixture;

/// Every kind of change, requested by a page of another site.
pub(super) fn other_sites(stored: &Stored) -> Vec<Case> {
    let Stored { id, failed, address, .. } = stored;
    let url = "http://127.0.0.1:1/x.png";
    let json = format!("{{\"url\":\"{url}\"}}").into_bytes();
    let multipart =
        b"--b\r\nContent-Disposition: form-data; name=f; filename=f.gif\r\n\r\nGIF89a\r\n--b--\r\n".to_vec();
    let changes: [(&str, String, &str, Vec<u8>); 12] = [
        ("POST", "/images".into(), "application/json", json.clone()),
        ("POST", "/images".into(), "", json.clone()),
        ("POST", "/images".into(), "application/x-www-form-urlencoded", format!("url={url}").into_bytes()),
        ("POST", "/images".into(), "image/gif", fixture("photo.gif")),
        ("POST", "/images".into(), "multipart/form-data; boundary=b", multipart),
        ("POST", "/upload".into(), "application/json", json.clone()),
        ("POST", "/process_image".into(), "text/plain", json),
        ("POST", "/jobs/resume".into(), "", Vec::new()),
        ("POST", "/jobs/repack".into(), "", Vec::new()),
        ("POST", format!("/images/{failed}/retry"), "", Vec::new()),
        ("PATCH", format!("/images/{id}"), "application/merge-patch+json", b"{\"name\":\"changed\"}".to_vec()),
        ("DELETE", format!("/images/{id}"), "", Vec::new()),
    ];
    let mut cases = Vec::new();
    for (method, path, media_type, body) in changes {
        for (name, value) in [
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("origin", "http://127.0.0.1:1"),
            ("origin", "rubbish"),
            ("origin", &format!("http://{address}.evil.example")),
            ("origin", &format!("http://{address}@evil.example")),
            ("origin", &format!("http://evil.example/{address}")),
        ] {
            let case = ask(method, &*path).header(name, value);
            cases.push(case.body(media_type, body.clone()).is(403, FORBIDDEN));
        }
        // `Sec-Fetch-Site` takes precedence over an `Origin` that looks right.
        let both =
            ask(method, &*path).header("sec-fetch-site", "cross-site").header("origin", format!("http://{address}"));
        cases.push(both.body(media_type, body).is(403, FORBIDDEN));
    }
    cases
}
