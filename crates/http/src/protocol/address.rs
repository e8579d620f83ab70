//! The address under which a client reaches the service, for what it copies or downloads to use elsewhere.
//!
//! It is taken from the request alone, and only that request's answer has it.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};

/// Set by proxies that take TLS off.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Scheme and host, such as `https://images.example`; `None` if the request names no host, or one with characters that
/// neither names nor addresses have.
///
/// A request does not say its scheme. A browser that comes from a page of this host says it there, and proxies say it.
pub(crate) fn address(headers: &HeaderMap) -> Option<String> {
    let here = host(headers)?;
    let of_page = [header::ORIGIN, header::REFERER].iter().find_map(|name| {
        let (scheme, place) = text(headers, name)?.split_once("://")?;
        let is_here = place.split('/').next().is_some_and(|other| other.eq_ignore_ascii_case(&here));
        Some(scheme).filter(|_| is_here)
    });
    Some(with_scheme(of_page.or_else(|| text(headers, &FORWARDED_PROTO)), &here))
}

/// The same by `Host` and `X-Forwarded-Proto` alone, for answers that do not vary by pages.
pub(crate) fn address_without_page(headers: &HeaderMap) -> Option<String> {
    Some(with_scheme(text(headers, &FORWARDED_PROTO), &host(headers)?))
}

/// The name under which the client asks, and its port.
fn host(headers: &HeaderMap) -> Option<String> {
    let host: Authority = text(headers, &header::HOST)?.parse().ok()?;
    let is_plain = host.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric() || b".:-[]_".contains(&byte));
    is_plain.then(|| host.as_str().to_ascii_lowercase())
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn with_scheme(scheme: Option<&str>, host: &str) -> String {
    let is_tls = scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    format!("{}://{host}", if is_tls { "https" } else { "http" })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_address_is_that_of_the_request() {
        let of = |headers: &[(&'static str, &'static str)]| {
            let pair = |(name, value): &(&'static str, &'static str)| {
                (HeaderName::from_static(name), HeaderValue::from_static(value))
            };
            address(&headers.iter().map(pair).collect())
        };
        let host = ("host", "Images.example:8080");
        for (others, expected) in [
            (&[][..], "http://images.example:8080"),
            (&[("referer", "https://images.example:8080/add?x")], "https://images.example:8080"),
            (&[("referer", "https://images.example/add")], "http://images.example:8080"),
            (&[("origin", "https://images.example:8080")], "https://images.example:8080"),
            (&[("origin", "https://evil.example")], "http://images.example:8080"),
            (&[("x-forwarded-proto", "https")], "https://images.example:8080"),
            (&[("x-forwarded-proto", "javascript")], "http://images.example:8080"),
        ] {
            assert_eq!(of(&[&[host], others].concat()).as_deref(), Some(expected), "{others:?}");
        }
        for host in ["", "a b", "u@images.example", "images.example/path", "\"><script>", "a&b", "a'b", "a%2db"] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
            assert_eq!(address(&headers), None, "{host}");
        }
        assert_eq!(of(&[]), None);
    }
}
