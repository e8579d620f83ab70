//! Requests from other sites: which origins may read answers (CORS) and make changes.

use std::str::FromStr;

use burrow_model::words::words;
use http::{HeaderMap, HeaderValue, header};

use crate::message::set;
use crate::problem::Problem;

/// Request headers that pages may set.
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-digest, content-type, idempotency-key, if-match, if-modified-since, if-none-match, \
     if-range, if-unmodified-since, prefer, range, repr-digest",
);

/// Response headers that pages may read.
const EXPOSE_HEADERS: HeaderValue = HeaderValue::from_static(
    "accept-ranges, allow, content-disposition, content-encoding, content-location, content-range, etag, link, \
     location, preference-applied, repr-digest, retry-after, unencoded-digest, want-content-digest, www-authenticate",
);

/// Seconds for which browsers may cache a preflight's answer.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

/// Origins whose pages may use the service from browsers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origins {
    /// Only the service's own.
    #[default]
    None,
    /// All origins.
    Any,
    /// The service's own, and these.
    These(Vec<String>),
}

/// The site whose page sends a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// This service's own site, or a program and no page.
    Ours,
    /// Another site that is allowed. A browser may add the user's cookie to its request, but the page does not know the
    /// token in it, so the cookie gives no right to write.
    Allowed,
}

impl Origins {
    /// The format of a list of origins, for error texts.
    pub const RULE: &str = "* or origins such as https://example.com, separated by spaces or commas";

    fn allow(&self, origin: &str) -> bool {
        match self {
            Self::None => false,
            Self::Any => true,
            Self::These(origins) => origins.iter().any(|allowed| allowed == origin),
        }
    }

    /// Refuses a write from a page of a site that is not allowed.
    ///
    /// Browsers state where a request comes from in `Sec-Fetch-Site`, older ones in `Origin`, and pages cannot change
    /// either header. Programs send neither.
    pub(crate) fn check(&self, headers: &HeaderMap) -> Result<Site, Problem> {
        let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or("unreadable"));
        let origin = text(header::ORIGIN.as_str());
        let ours = match (text("sec-fetch-site"), origin) {
            (Some(site), _) => matches!(site, "same-origin" | "none"),
            (None, Some(origin)) => text(header::HOST.as_str()).is_some_and(|host| is_at(origin, host)),
            (None, None) => true,
        };
        if ours {
            return Ok(Site::Ours);
        }
        if origin.is_some_and(|origin| self.allow(origin)) {
            return Ok(Site::Allowed);
        }
        let host = text(header::HOST.as_str()).unwrap_or("this host");
        Err(Problem::cross_site(origin, host))
    }

    /// Adds the headers that let pages of allowed sites read an answer.
    pub(crate) fn share(&self, request: &HeaderMap, response: &mut HeaderMap) {
        let Some(allowed) = self.allowed(request, response) else { return };
        response.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        response.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSE_HEADERS);
    }

    /// Answers a preflight: the methods and headers that pages of an allowed site may use.
    pub(crate) fn preflight(&self, request: &HeaderMap, allow: &str, response: &mut HeaderMap) {
        if request.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD) && self.allowed(request, response).is_some() {
            set(response, header::ACCESS_CONTROL_ALLOW_METHODS, allow);
            response.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
            response.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
        }
    }

    fn allowed(&self, request: &HeaderMap, response: &mut HeaderMap) -> Option<HeaderValue> {
        match self {
            Self::None => None,
            Self::Any => Some(HeaderValue::from_static("*")),
            Self::These(_) => {
                // Caches must not give one origin the answer for another.
                let vary = response.get(header::VARY).and_then(|vary| vary.to_str().ok());
                if !vary.is_some_and(|vary| vary.contains("origin")) {
                    response.append(header::VARY, HeaderValue::from_static("origin"));
                }
                let origin = request.get(header::ORIGIN)?;
                self.allow(origin.to_str().ok()?).then(|| origin.clone())
            }
        }
    }
}

/// Whether a page of `origin` was loaded from `host`, as `Host` states it. A port that is the scheme's own may be stated
/// or not: proxies often add it to `Host`, and browsers never add it to `Origin`.
fn is_at(origin: &str, host: &str) -> bool {
    let Ok(origin) = url::Url::parse(origin) else { return false };
    let Ok(ours) = url::Url::parse(&format!("{}://{host}", origin.scheme())) else { return false };
    let at = |url: &url::Url| {
        let name = url.host_str()?.trim_end_matches('.').to_owned();
        Some((name, url.port_or_known_default()?))
    };
    let is_host_alone = ours.path() == "/" && ours.username().is_empty() && ours.query().is_none();
    matches!(origin.scheme(), "http" | "https") && is_host_alone && at(&origin) == at(&ours)
}

impl FromStr for Origins {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.trim() == "*" {
            return Ok(Self::Any);
        }
        let origin = |text: &str| {
            let url = url::Url::parse(text).map_err(|_| ())?;
            // The form that browsers send: nothing after host and port, and no default port.
            let origin = url.origin().ascii_serialization();
            (matches!(url.scheme(), "http" | "https") && origin == text).then_some(origin).ok_or(())
        };
        words(text, origin).map(Self::These)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs =
            pairs.iter().map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    #[test]
    fn only_our_own_pages_and_programs_change_things() {
        let none = Origins::None;
        let some: Origins = "https://a.example https://b.example:8443".parse().unwrap();
        for (pairs, by_none, by_some) in [
            (&[][..], true, true),
            (&[("sec-fetch-site", "same-origin")], true, true),
            (&[("sec-fetch-site", "none")], true, true),
            (&[("sec-fetch-site", "same-site")], false, false),
            (&[("sec-fetch-site", "cross-site")], false, false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://a.example")], false, true),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://b.example")], false, false),
            (&[("origin", "http://burrow.example:3000"), ("host", "burrow.example:3000")], true, true),
            (&[("origin", "http://evil.example"), ("host", "burrow.example:3000")], false, false),
            (&[("origin", "http://burrow.example:3000")], false, false),
            (&[("origin", "null"), ("host", "burrow.example:3000")], false, false),
            (&[("origin", "https://b.example:8443"), ("host", "burrow.example")], false, true),
            // The scheme's own port, stated or not.
            (&[("origin", "http://burrow.example"), ("host", "burrow.example:80")], true, true),
            (&[("origin", "http://burrow.example:80"), ("host", "burrow.example")], true, true),
            (&[("origin", "https://burrow.example"), ("host", "burrow.example:443")], true, true),
            (&[("origin", "https://burrow.example"), ("host", "burrow.example:80")], false, false),
            (&[("origin", "http://burrow.example"), ("host", "burrow.example:443")], false, false),
            (&[("origin", "http://burrow.example:8080"), ("host", "burrow.example")], false, false),
            // Other spellings of one host.
            (&[("origin", "http://BURROW.example"), ("host", "burrow.Example")], true, true),
            (&[("origin", "http://burrow.example"), ("host", "burrow.example.")], true, true),
            (&[("origin", "http://[::1]:3000"), ("host", "[0:0:0:0:0:0:0:1]:3000")], true, true),
            (&[("origin", "http://127.0.0.1:3000"), ("host", "127.0.0.1:3000")], true, true),
            // What is no host.
            (&[("origin", "http://burrow.example"), ("host", "burrow.example/x")], false, false),
            (&[("origin", "http://burrow.example"), ("host", "x@burrow.example")], false, false),
            (&[("origin", "http://burrow.example"), ("host", "")], false, false),
            (&[("origin", "file://"), ("host", "burrow.example")], false, false),
        ] {
            assert_eq!(none.check(&headers(pairs)).is_ok(), by_none, "{pairs:?}");
            assert_eq!(some.check(&headers(pairs)).is_ok(), by_some, "{pairs:?}");
            assert!(Origins::Any.check(&headers(&[("origin", "http://x.example")])).is_ok());
        }
    }

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        for wrong in ["example.com", "https://example.com/", "https://example.com:443", "ftp://example.com", "a b"] {
            assert_eq!(wrong.parse::<Origins>(), Err(()), "{wrong}");
        }
        assert_eq!(" * ".parse(), Ok(Origins::Any));
    }
}
