//! The operator's proxy: takes plain requests in absolute form, and opens tunnels to origins with TLS (RFC 9110
//! sections 7.1 and 9.3.6, RFC 9112 section 3.2).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, Uri, header};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use url::Url;

/// The longest head of a proxy's answer, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// An HTTP proxy through which origins are asked. `Display` shows it without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    uri: Uri,
    /// The value of `Proxy-Authorization` (RFC 7617), which `Debug` does not show.
    authorization: Option<HeaderValue>,
}

impl FromStr for Proxy {
    type Err = String;

    /// Parses `http://[USER:PASSWORD@]HOST[:PORT]`, with the port 80 if none is given.
    ///
    /// # Errors
    ///
    /// What is wrong, without the text, which may have a password.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "it must be http://[USER:PASSWORD@]HOST[:PORT]";
        let url = Url::parse(text).map_err(|error| format!("{FORM}: {error}"))?;
        match url.scheme() {
            "http" => {}
            "https" => return Err(format!("{FORM}; TLS with the proxy itself is not supported")),
            scheme if scheme.starts_with("socks") => return Err(format!("{FORM}; SOCKS is not supported")),
            _ => return Err(FORM.into()),
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(format!("{FORM}, and nothing behind"));
        }
        let (host, port) = url.host_str().zip(url.port_or_known_default()).ok_or(FORM)?;
        let uri = format!("http://{host}:{port}/").parse().map_err(|_| FORM)?;
        let authorization = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(basic(user, password.unwrap_or_default())?),
        };
        Ok(Self { uri, authorization })
    }
}

/// The credentials of a user in the Basic scheme.
fn basic(user: &str, password: &str) -> Result<HeaderValue, String> {
    let pair: Vec<u8> = percent_decode_str(user).chain([b':']).chain(percent_decode_str(password)).collect();
    let mut value =
        HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair))).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let user = if self.authorization.is_some() { "(secret)@" } else { "" };
        write!(f, "http://{user}{authority}")
    }
}

impl Proxy {
    /// Where it is.
    pub(super) fn uri(&self) -> Uri {
        self.uri.clone()
    }

    /// Adds what the proxy wants in the head of a plain request.
    pub(super) fn authorize(&self, headers: &mut HeaderMap) {
        if let Some(authorization) = &self.authorization {
            headers.insert(header::PROXY_AUTHORIZATION, authorization.clone());
        }
    }

    /// Has the proxy, with which `stream` is a connection, open a tunnel to an origin.
    pub(super) async fn tunnel(&self, stream: &mut TcpStream, origin: &Uri) -> Result<(), Failure> {
        let (host, port) = (origin.host().unwrap_or_default(), origin.port_u16().unwrap_or(443));
        let mut request = format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n").into_bytes();
        if let Some(authorization) = &self.authorization {
            request.extend([b"Proxy-Authorization: ", authorization.as_bytes(), b"\r\n"].concat());
        }
        request.extend(b"\r\n");
        stream.write_all(&request).await.map_err(|_| Failure::Closed)?;
        let mut head = Vec::new();
        let end = loop {
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
            if head.len() > MAX_HEAD {
                return Err(Failure::NotHttp);
            }
            if stream.read_buf(&mut head).await.map_err(|_| Failure::Closed)? == 0 {
                return Err(if head.is_empty() { Failure::Closed } else { Failure::NotHttp });
            }
        };
        match status(&head).ok_or(Failure::NotHttp)? {
            // In TLS the client speaks first, so nothing may have come through the tunnel.
            200..=299 if end == head.len() => Ok(()),
            200..=299 => Err(Failure::NotHttp),
            407 => Err(Failure::Unauthorized),
            status => Err(Failure::Refused(status)),
        }
    }
}

/// The status in the head of an answer.
fn status(head: &[u8]) -> Option<u16> {
    let rest = head.strip_prefix(b"HTTP/1.")?;
    let [_, b' ', digits @ ..] = rest.first_chunk::<5>()? else { return None };
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Why a proxy leads to no origin.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// There is no connection with the proxy.
    #[error("the proxy cannot be reached: {0}")]
    Unreachable(String),
    /// It did not answer within the time limit of connecting.
    #[error("the proxy opened no tunnel in time")]
    Late,
    /// It closed the connection.
    #[error("the proxy closed the connection when it was asked for a tunnel")]
    Closed,
    /// What it answered is not HTTP.
    #[error("what answers at the proxy's address is no HTTP proxy")]
    NotHttp,
    /// It wants credentials, or others.
    #[error("the proxy wants a name and a password, or other ones (407)")]
    Unauthorized,
    /// It answered another status.
    #[error("the proxy opens no tunnel to the origin ({0})")]
    Refused(u16),
}

impl Failure {
    /// Whether another attempt would end the same.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::NotHttp | Self::Unauthorized => true,
            Self::Refused(status) => !matches!(status, 408 | 425 | 429 | 500..=599),
            Self::Unreachable(_) | Self::Late | Self::Closed => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_and_never_shows_its_password() {
        let read = |text: &str| text.parse::<Proxy>();
        for (text, shown) in [
            ("http://proxy.example:3128", "http://proxy.example:3128"),
            ("http://proxy.example/", "http://proxy.example:80"),
            ("HTTP://10.0.0.1:8080", "http://10.0.0.1:8080"),
            ("http://[fd00::1]:8080", "http://[fd00::1]:8080"),
            ("http://ann:secret@proxy.example:3128", "http://(secret)@proxy.example:3128"),
        ] {
            let proxy = read(text).unwrap();
            assert_eq!(proxy.to_string(), shown);
            assert!(!format!("{proxy:?}").contains("YW5u"), "{proxy:?}");
        }
        // The example of RFC 7617, section 2, with an escape that a URL needs.
        let value = read("http://Aladdin:open%20sesame@a").unwrap().authorization.unwrap();
        assert_eq!(value, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        for text in
            ["", "proxy:3128", "ftp://a", "https://ann:secret@a", "socks5h://a", "http://a/b", "http://a?b", "http://"]
        {
            let error = read(text).unwrap_err();
            assert!(error.starts_with("it must be http://") && !error.contains("secret"), "{text}: {error}");
        }
    }

    #[test]
    fn a_status_is_read_or_there_is_none() {
        assert_eq!(status(b"HTTP/1.1 200 Connection established\r\n\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 407\r\n\r\n"), Some(407));
        for head in [&b""[..], b"HTTP/1.1 2", b"HTTP/2 200 \r\n\r\n", b"HTTP/1.1 x00\r\n\r\n", b"SSH-2.0-x\r\n\r\n"] {
            assert_eq!(status(head), None, "{}", head.escape_ascii());
        }
    }
}
