//! The address under which a client reaches the service, for what it copies or downloads to use elsewhere.
//!
//! It is taken from the request alone, and only that request's answer has it.

use http::uri::Authority;
use http::{HeaderMap, HeaderName, header};

/// Set by proxies that take TLS off.
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Scheme and host, such as `https://images.example`; `None` if the request does not name its host.
///
/// A request does not say its scheme. A browser that comes from a page of this host says it there, and proxies say it.
pub(crate) fn address(headers: &HeaderMap) -> Option<String> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let host: Authority = text(&header::HOST)?.parse().ok()?;
    if host.as_str().contains('@') {
        return None;
    }
    let here = host.as_str().to_ascii_lowercase();
    let of_page = [header::ORIGIN, header::REFERER].iter().find_map(|name| {
        let (scheme, place) = text(name)?.split_once("://")?;
        let is_here = place.split('/').next().is_some_and(|other| other.eq_ignore_ascii_case(&here));
        Some(scheme).filter(|_| is_here)
    });
    let is_tls = of_page.or_else(|| text(&FORWARDED_PROTO)).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    Some(format!("{}://{here}", if is_tls { "https" } else { "http" }))
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
        for host in ["", "a b", "u@images.example", "images.example/path", "\"><script>"] {
            let headers = HeaderMap::from_iter([(header::HOST, HeaderValue::from_str(host).unwrap())]);
            assert_eq!(address(&headers), None, "{host}");
        }
        assert_eq!(of(&[]), None);
    }
}
