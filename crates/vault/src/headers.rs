//! The headers of requests to origins: Burrow's own, and the operator's for chosen origins.

use std::fmt;
use std::str::FromStr;

use url::Url;

use crate::policy::HostPattern;
use crate::referrer::Referrer;

/// The longest value of a header, in bytes; most servers take 8 KiB for all headers.
const MAX_VALUE: usize = 4096;

/// Headers that the operator cannot set, and beginnings of such: they say where a message ends or who gets it, or lead
/// to an answer that is not the whole image as it is.
const FORBIDDEN: [&str; 12] = [
    "accept-encoding",
    "connection",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
];
const FORBIDDEN_BEGINNINGS: [&str; 3] = ["content-", "if-", "proxy-"];

/// The headers of one request. They may have secrets, so only their names are shown.
#[derive(Clone, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Names in lower case, and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(other, _)| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// The name by which Burrow introduces itself to origins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(String);

impl UserAgent {
    /// The rule that a setting obeys.
    pub const RULE: &str = "1 to 256 visible ASCII characters and spaces";
}

impl Default for UserAgent {
    fn default() -> Self {
        Self(concat!("Burrow/", env!("CARGO_PKG_VERSION")).into())
    }
}

impl FromStr for UserAgent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let fits = (1..=256).contains(&text.len()) && text.bytes().all(is_visible);
        if fits { Ok(Self(text.to_owned())) } else { Err(()) }
    }
}

/// The operator's headers for chosen origins. They may be secrets, so nothing shows them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RequestHeaders(Vec<Line>);

/// A header for chosen origins.
#[derive(Clone, PartialEq, Eq)]
struct Line {
    scheme: &'static str,
    host: HostPattern,
    port: u16,
    /// In lower case.
    name: String,
    value: String,
}

impl RequestHeaders {
    /// The rule that a setting obeys.
    pub const RULE: &str = "a line for each header, such as 'i.example.com Cookie: a=b'. Before the header stands a host, \
         or *.host, with http:// before it if the header may be sent without encryption, and :port after it if that is \
         not the usual one. Headers that Burrow must set itself, such as Host and Range, are refused";
}

impl fmt::Debug for RequestHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} headers", self.0.len())
    }
}

impl FromStr for RequestHeaders {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        lines.map(str::parse).collect::<Result<_, ()>>().map(Self)
    }
}

impl FromStr for Line {
    type Err = ();

    fn from_str(line: &str) -> Result<Self, ()> {
        let (origin, header) = line.split_once([' ', '\t']).ok_or(())?;
        let (scheme, usual, place) = match origin.split_once("://") {
            None => ("https", 443, origin),
            Some(("https", place)) => ("https", 443, place),
            Some(("http", place)) => ("http", 80, place),
            Some(_) => return Err(()),
        };
        let (host, port) = match place.rsplit_once(':') {
            // The last colon of an IPv6 address.
            Some((_, end)) if end.ends_with(']') => (place, usual),
            Some((host, port)) => (host, port.parse().map_err(|_| ())?),
            None => (place, usual),
        };
        let (name, value) = header.split_once(':').ok_or(())?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let is_sent =
            (1..=MAX_VALUE).contains(&value.len()) && value.bytes().all(|byte| byte == b'\t' || is_visible(byte));
        if !is_token(&name) || is_forbidden(&name) || !is_sent {
            return Err(());
        }
        Ok(Self { scheme, host: host.parse()?, port, name, value: value.to_owned() })
    }
}

impl Line {
    fn is_for(&self, url: &Url) -> bool {
        url.scheme() == self.scheme
            && url.port_or_known_default() == Some(self.port)
            && url.host_str().is_some_and(|host| self.host.matches(host))
    }
}

/// What Burrow sends to origins besides the URL.
#[derive(Clone, Debug, Default)]
pub struct HeaderRules {
    /// How Burrow introduces itself.
    pub user_agent: UserAgent,
    /// The operator's headers for chosen origins.
    pub request_headers: RequestHeaders,
}

impl HeaderRules {
    /// The headers of a request for `url`. The operator's replace Burrow's own, and of the operator's with one name the
    /// last counts. What is known of the single image is above both.
    pub(crate) fn of_request(&self, url: &Url, referrer: Option<&Referrer>) -> Headers {
        let mut headers = Headers::default();
        headers.set("accept", "image/*, */*;q=0.1");
        // Burrow stores the origin's bytes, not an encoding of them.
        headers.set("accept-encoding", "identity");
        headers.set("user-agent", &self.user_agent.0);
        for line in self.request_headers.0.iter().filter(|line| line.is_for(url)) {
            headers.set(&line.name, &line.value);
        }
        if let Some(referrer) = referrer {
            headers.set("referer", &referrer.told_to(url));
        }
        headers
    }
}

fn is_visible(byte: u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Whether a text may be the name of a header (RFC 9110 section 5.6.2).
fn is_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

fn is_forbidden(name: &str) -> bool {
    FORBIDDEN.contains(&name) || FORBIDDEN_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(lines: &str, url: &str, referrer: Option<&str>) -> Vec<(String, String)> {
        let rules = HeaderRules { request_headers: lines.parse().unwrap(), ..HeaderRules::default() };
        let referrer = referrer.map(|referrer| Referrer::new(referrer).unwrap());
        let sent = rules.of_request(&Url::parse(url).unwrap(), referrer.as_ref()).0;
        // What Burrow sends to everyone, unless it was replaced.
        let usual = |name: &str| ["accept", "accept-encoding", "user-agent"].contains(&name);
        sent.into_iter().filter(|(name, value)| !usual(name) || value == "mine").collect()
    }

    #[test]
    fn headers_go_to_the_origins_that_are_named() {
        let lines = "\n i.example.com  Cookie: a=b; c=\"d, e\" \n*.example.org:8443\tAuthorization : Bearer x\n\
                     http://[::1]:81 X-Key: 1\nhttp://plain.example X-Key: 2\n";
        let (cookie, bearer) = (("cookie", "a=b; c=\"d, e\""), ("authorization", "Bearer x"));
        for (url, expected) in [
            ("https://i.example.com/a.png", vec![cookie]),
            ("https://I.EXAMPLE.com.:443/", vec![cookie]),
            ("http://i.example.com/a.png", vec![]),
            ("https://i.example.com:8443/", vec![]),
            ("https://a.i.example.com/", vec![]),
            ("https://i.example.com.evil.example/", vec![]),
            ("https://evil.example/?i.example.com", vec![]),
            ("https://a.b.example.org:8443/", vec![bearer]),
            ("https://example.org:8443/", vec![]),
            ("https://a.example.org/", vec![]),
            ("http://[::1]:81/", vec![("x-key", "1")]),
            ("http://plain.example/", vec![("x-key", "2")]),
            ("https://plain.example/", vec![]),
        ] {
            let expected: Vec<(String, String)> =
                expected.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(sent(lines, url, None), expected, "{url}");
        }
    }

    #[test]
    fn what_is_more_exact_counts() {
        let lines =
            "i.example Referer: https://own.example/\ni.example User-Agent: mine\n*.example X-A: 1\ni.example X-A: 2";
        let sent = |referrer| sent(lines, "https://i.example/", referrer);
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let own = pair("referer", "https://own.example/");
        assert_eq!(sent(None), [own, pair("user-agent", "mine"), pair("x-a", "2")]);
        let given = pair("referer", "https://page.example/7");
        assert_eq!(sent(Some("https://page.example/7")), [pair("user-agent", "mine"), pair("x-a", "2"), given]);
    }

    #[test]
    fn what_cannot_be_sent_is_refused() {
        for line in [
            "i.example.com",
            "i.example.com Cookie",
            "i.example.com Cookie:",
            "Cookie: a=b",
            "i.example.com Host: other.example",
            "i.example.com CONTENT-Length: 5",
            "i.example.com Transfer-Encoding: chunked",
            "i.example.com Range: bytes=0-1",
            "i.example.com If-None-Match: x",
            "i.example.com Proxy-Authorization: x",
            "i.example.com Accept-Encoding: br",
            "i.example.com A B: c",
            "i.example.com X-A: \u{7f}",
            "i.example.com X-A: é",
            "ftp://i.example.com X-A: b",
            "i.example.com:x X-A: b",
            "i.example.com/path X-A: b",
            "a*.example.com X-A: b",
            "* X-A: b",
        ] {
            assert!(line.parse::<RequestHeaders>().is_err(), "{line}");
            assert!(format!("ok.example X-A: b\n{line}").parse::<RequestHeaders>().is_err(), "{line}");
        }
        let long = format!("i.example.com X-A: {}", "a".repeat(MAX_VALUE + 1));
        assert!(long.parse::<RequestHeaders>().is_err());
        for agent in ["", "a\nb", "é", &"a".repeat(257)] {
            assert!(agent.parse::<UserAgent>().is_err(), "{agent}");
        }
    }

    #[test]
    fn nothing_shows_a_value() {
        let rules =
            HeaderRules { request_headers: "a.example Cookie: s3cret".parse().unwrap(), ..HeaderRules::default() };
        let headers = rules.of_request(&Url::parse("https://a.example/").unwrap(), None);
        assert!(headers.iter().any(|(_, value)| value == "s3cret"));
        let shown = format!("{rules:?} {headers:?}");
        assert!(shown.contains("cookie") && !shown.contains("s3cret"), "{shown}");
    }
}
