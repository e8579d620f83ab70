//! Finds the host that a request is for, and refuses ambiguous requests.

use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, Request, Version, header};

/// Puts scheme and authority into the request's URI, from its `Host` header (RFC 9112, section 3.2). Refuses, with the
/// reason, a request whose host a proxy may understand differently.
pub(crate) fn complete<B>(mut request: Request<B>) -> Result<Request<B>, &'static str> {
    let named = host(request.headers())?;
    let stated = request.uri().authority().cloned();
    if let (Some(named), Some(stated)) = (&named, &stated)
        && named != stated
    {
        return Err("Host and the request's target name different hosts");
    }
    let Some(authority) = stated.or(named) else {
        let old = request.version() < Version::HTTP_11;
        return if old { Ok(request) } else { Err("the request has no Host") };
    };
    if request.uri().path() == "*" {
        // A URI with an authority cannot express `*`, the whole server.
        return Ok(request);
    }
    let path = request.uri().path_and_query().cloned().unwrap_or_else(|| PathAndQuery::from_static("/"));
    let mut parts = http::uri::Parts::default();
    (parts.scheme, parts.authority, parts.path_and_query) = (Some(Scheme::HTTP), Some(authority), Some(path));
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| "the request's target cannot be read")?;
    Ok(request)
}

fn host(headers: &HeaderMap) -> Result<Option<Authority>, &'static str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let Some(host) = hosts.next() else { return Ok(None) };
    let authority = Authority::try_from(host.as_bytes()).ok().filter(|authority| !authority.as_str().contains('@'));
    match (authority, hosts.next()) {
        (Some(authority), None) => Ok(Some(authority)),
        _ => Err("a request must have one Host: a name or address, perhaps with a port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authority(target: &str, headers: &[(&str, &str)]) -> Result<Option<String>, &'static str> {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = complete(request.body(()).unwrap())?;
        assert_eq!(request.uri().path(), "/a");
        Ok(request.uri().authority().map(ToString::to_string))
    }

    #[test]
    fn the_host_is_found_or_refused() {
        assert_eq!(authority("/a?b", &[("host", "x.example:80")]), Ok(Some("x.example:80".into())));
        assert_eq!(authority("http://x.example/a", &[("host", "X.example")]), Ok(Some("x.example".into())));
        for (target, headers) in [
            ("/a", &[][..]),
            ("/a", &[("host", "")]),
            ("/a", &[("host", "a b")]),
            ("/a", &[("host", "u@x.example")]),
            ("/a", &[("host", "x.example"), ("host", "x.example")]),
            ("http://y.example/a", &[("host", "x.example")]),
        ] {
            assert!(authority(target, headers).is_err(), "{target} {headers:?}");
        }
    }
}
