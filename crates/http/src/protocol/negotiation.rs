//! Content negotiation: gzip or not, a page or JSON (RFC 9110 section 12).

use std::io::Write as _;

use burrow_vault::store::blob::Form;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::{HeaderMap, HeaderName, Response, header};

use crate::message::{Body, set};

/// The elements of a header: name in lower case, and weight in thousandths. Parameters other than `q` are ignored.
fn weights(headers: &HeaderMap, name: &HeaderName) -> Vec<(String, u16)> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let elements = values.flat_map(|value| value.split(','));
    let weighted = elements.filter_map(|element| {
        let mut parts = element.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some((name, weight.map_or(Some(1000), thousandths)?))
    });
    weighted.collect()
}

/// A weight of `0` to `1` with at most three digits after the point (section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths = format!("{fraction:0<3}").parse::<u16>().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

fn weight(weights: &[(String, u16)], names: &[&str]) -> Option<u16> {
    weights.iter().find(|(name, _)| names.contains(&name.as_str())).map(|(_, weight)| *weight)
}

/// The form in which to send content that is stored as deflate (`packed`) or raw; `None` if the client accepts no form.
/// `for_range` prefers the original: a range of it is of more use than a range of a gzip stream.
pub(crate) fn form(headers: &HeaderMap, packed: bool, for_range: bool) -> Option<Form> {
    let weights = weights(headers, &header::ACCEPT_ENCODING);
    let any = weight(&weights, &["*"]);
    // A coding that is not named has the weight of `*`. Only `identity` or `*` with q=0 refuses the original (12.5.3).
    let gzip = weight(&weights, &["gzip", "x-gzip"]).or(any).unwrap_or(0);
    let identity = weight(&weights, &["identity"]);
    let original = identity.or(any).unwrap_or(1);
    if packed && gzip > 0 && (original == 0 || (!for_range && gzip >= identity.unwrap_or(0))) {
        return Some(Form::Gzip);
    }
    (original > 0).then_some(Form::Original)
}

/// The shortest text that is compressed, in bytes: shorter ones would hardly shrink.
const MIN_COMPRESSED: usize = 1024;

/// Whether a response is a page, style or script. Its entity tag is weak, so that it holds for every coding.
pub(crate) fn is_text(headers: &HeaderMap) -> bool {
    media_type(headers).starts_with("text/")
}

/// Whether a response may be sent compressed: text, or JSON.
fn is_compressible(headers: &HeaderMap) -> bool {
    is_text(headers)
        || matches!(media_type(headers), "application/json" | "application/problem+json" | "application/atom+xml")
}

fn media_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Says in `Vary` that a response depends on `Accept-Encoding`, if it may be sent compressed.
pub(crate) fn vary<P>(response: &mut Response<Body<P>>) {
    // There may be several: an answer to another site's page has one of its own.
    let all = response.headers().get_all(header::VARY).iter().filter_map(|vary| vary.to_str().ok());
    let vary = all.collect::<Vec<_>>().join(", ");
    if !is_compressible(response.headers()) || vary.contains("accept-encoding") {
        return;
    }
    let vary = if vary.is_empty() { "accept-encoding".into() } else { format!("{vary}, accept-encoding") };
    set(response.headers_mut(), header::VARY, vary);
}

/// Whether [`compress`] will compress a response: it is text or JSON, is not short, and the client accepts gzip.
pub(crate) fn is_to_be_compressed<P>(request: &HeaderMap, response: &Response<Body<P>>) -> bool {
    let is_long = response.body().text().is_some_and(|text| text.len() >= MIN_COMPRESSED);
    if !is_long || !is_compressible(response.headers()) || response.headers().contains_key(header::CONTENT_ENCODING) {
        return false;
    }
    let weights = weights(request, &header::ACCEPT_ENCODING);
    let gzip = weight(&weights, &["gzip", "x-gzip"]).or(weight(&weights, &["*"])).unwrap_or(0);
    gzip > 0 && gzip >= weight(&weights, &["identity"]).unwrap_or(0)
}

/// The entity tag of the gzip form of what has this tag. A weak tag holds for both forms.
pub(crate) fn gzip_tag(etag: &str) -> String {
    match etag.strip_suffix('"') {
        Some(opaque) if !etag.starts_with("W/") && !opaque.ends_with("-gzip") => format!("{opaque}-gzip\""),
        _ => etag.to_owned(),
    }
}

/// Compresses a response, if it [`is_to_be_compressed`].
pub(crate) fn compress<P>(request: &HeaderMap, response: &mut Response<Body<P>>) {
    vary(response);
    if !is_to_be_compressed(request, response) {
        return;
    }
    let Some(text) = response.body().text() else { return };
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Writing to a Vec cannot fail.
    let Ok(packed) = encoder.write_all(text).and_then(|()| encoder.finish()) else { return };
    set(response.headers_mut(), header::CONTENT_ENCODING, "gzip");
    if let Some(etag) = response.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok()).map(gzip_tag) {
        set(response.headers_mut(), header::ETAG, etag);
    }
    *response.body_mut() = packed.into();
}

/// Whether the client asks for pages: browsers name `text/html`, programs do not.
pub(crate) fn wants_html(headers: &HeaderMap) -> bool {
    let weights = weights(headers, &header::ACCEPT);
    let html = weight(&weights, &["text/html"]).unwrap_or(0);
    html > 0 && html >= weight(&weights, &["application/json"]).unwrap_or(0)
}

/// The language ranges that the client accepts, in lower case, the most wanted first (RFC 9110 section 12.5.4).
pub(crate) fn languages(headers: &HeaderMap) -> Vec<String> {
    let mut ranges = weights(headers, &header::ACCEPT_LANGUAGE);
    ranges.retain(|(_, weight)| *weight > 0);
    ranges.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    ranges.into_iter().map(|(range, _)| range).collect()
}

/// Whether the client names JSON, and does not ask for pages.
pub(crate) fn wants_json(headers: &HeaderMap) -> bool {
    !wants_html(headers) && weight(&weights(headers, &header::ACCEPT), &["application/json"]).is_some_and(|q| q > 0)
}

/// Whether the client asks for plain text rather than for JSON: some libraries name both and expect JSON.
pub(crate) fn wants_text(headers: &HeaderMap) -> bool {
    let weights = weights(headers, &header::ACCEPT);
    let of = |name| weight(&weights, &[name]).unwrap_or(0);
    !wants_html(headers) && of("text/plain") > of("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn every_vary_is_kept() {
        let mut response = Response::new(Body::<()>::from(Vec::new()));
        set(response.headers_mut(), header::CONTENT_TYPE, "application/json");
        for name in ["accept", "origin"] {
            response.headers_mut().append(header::VARY, name.parse().unwrap());
        }
        vary(&mut response);
        let all: Vec<_> = response.headers().get_all(header::VARY).iter().collect();
        assert_eq!(all, ["accept, origin, accept-encoding"]);
    }

    #[test]
    fn codings_are_weighed() {
        use Form::{Gzip, Original};
        for (value, packed, raw) in [
            ("", Some(Original), Some(Original)),
            ("gzip", Some(Gzip), Some(Original)),
            ("GZIP;Q=0.5, br", Some(Gzip), Some(Original)),
            ("x-gzip", Some(Gzip), Some(Original)),
            ("*", Some(Gzip), Some(Original)),
            ("gzip;q=0", Some(Original), Some(Original)),
            ("gzip;q=0.5, identity", Some(Original), Some(Original)),
            ("gzip;q=0.5, identity;q=0.5", Some(Gzip), Some(Original)),
            ("identity;q=0", None, None),
            ("gzip, identity;q=0", Some(Gzip), None),
            ("*;q=0", None, None),
            ("*;q=0, gzip", Some(Gzip), None),
            ("*;q=0, identity", Some(Original), Some(Original)),
            ("br, *;q=0.1", Some(Gzip), Some(Original)),
            ("gzip;q=2", Some(Original), Some(Original)),
            ("gzip;q=0.0001", Some(Original), Some(Original)),
            ("gzip;q=x", Some(Original), Some(Original)),
            (";q=1,,", Some(Original), Some(Original)),
            ("deflate, br, zstd", Some(Original), Some(Original)),
        ] {
            let headers = headers(header::ACCEPT_ENCODING, value);
            assert_eq!(form(&headers, true, false), packed, "{value}");
            assert_eq!(form(&headers, false, false), raw, "{value}");
        }
        let form_of_range = |value| form(&headers(header::ACCEPT_ENCODING, value), true, true);
        assert_eq!(form_of_range("gzip"), Some(Original));
        assert_eq!(form_of_range("gzip, identity;q=0"), Some(Gzip));
        assert_eq!(form(&HeaderMap::new(), true, false), Some(Original));
    }

    #[test]
    fn browsers_are_told_from_programs() {
        let browser = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8";
        for (value, html, json) in [
            (browser, true, false),
            ("*/*", false, false),
            ("application/json", false, true),
            ("application/json, text/html;q=0.5", false, true),
            ("text/html;q=0", false, false),
            ("image/avif,image/webp,*/*", false, false),
        ] {
            let headers = headers(header::ACCEPT, value);
            assert_eq!((wants_html(&headers), wants_json(&headers)), (html, json), "{value}");
        }
    }
}
