//! Asks the origin for an image: redirects, statuses, codings and time limits, up to a body to read.

mod coding;

use std::time::Duration;

use burrow_model::error::{Error, FetchError, MAX_REDIRECTS};
use burrow_model::time::retry_after;
use percent_encoding::{CONTROLS, percent_encode};
use url::Url;

use self::coding::Decoded;
use crate::policy::OriginPolicy;
use crate::ports::{ByteSource, FetchTimeouts, Fetched, Ports};

/// Which origins Burrow asks, and how long they may take.
#[derive(Clone, Debug)]
pub struct DownloadRules {
    /// Which origins Burrow asks.
    pub origins: OriginPolicy,
    /// Time limits of one request to an origin.
    pub timeouts: FetchTimeouts,
    /// The time limit of a whole download, however steadily bytes arrive.
    pub total_time: Duration,
}

impl Default for DownloadRules {
    fn default() -> Self {
        Self {
            origins: OriginPolicy::default(),
            timeouts: FetchTimeouts {
                connect: Duration::from_secs(5),
                first_byte: Duration::from_secs(10),
                between_bytes: Duration::from_secs(10),
            },
            total_time: Duration::from_mins(5),
        }
    }
}

/// A body that must end before a deadline.
#[derive(Debug)]
pub struct Download<P: Ports> {
    body: Decoded<P::Body>,
    ports: P,
    total_time: Duration,
    deadline: u64,
}

/// Asks for `url`, and follows the redirects that the rules allow, until an origin answers 200.
pub async fn open<P: Ports>(ports: &P, rules: &DownloadRules, mut url: Url) -> Result<Download<P>, FetchError> {
    let DownloadRules { origins, timeouts, total_time } = rules;
    let deadline = ports.now() + u64::try_from(total_time.as_millis()).unwrap_or(u64::MAX);
    let mut asked_before = Vec::new();
    for _ in 0..=MAX_REDIRECTS {
        origins.check(&url).map_err(FetchError::Refused)?;
        let answer = ports.fetch(&url, *timeouts).await?;
        let Fetched { status, location, content_encoding, retry_after: asked, body } = answer;
        match status {
            200 => {
                let body = Decoded::of(body, &content_encoding.unwrap_or_default())?;
                return Ok(Download { body, ports: ports.clone(), total_time: *total_time, deadline });
            }
            301 | 302 | 303 | 307 | 308 => {
                let next = location.and_then(|location| leads_to(&url, &location));
                let next = next.ok_or(FetchError::BadRedirect(status))?;
                if url.scheme() == "https" && next.scheme() == "http" {
                    return Err(FetchError::Refused("a redirect from https to http".into()));
                }
                asked_before.push(std::mem::replace(&mut url, next));
            }
            // Only a proxy answers so (RFC 9110 section 15.5.8), whatever the origin's name is.
            407 => {
                let why = "the proxy wants a name and a password, or other ones (407)";
                return Err(FetchError::Unusable(why.into()));
            }
            _ => {
                let retry_after = asked.and_then(|asked| retry_after(&asked, ports.now()));
                return Err(FetchError::Status { status, retry_after });
            }
        }
    }
    Err(FetchError::TooManyRedirects { in_a_circle: asked_before.contains(&url) })
}

/// The URL that a `Location` leads to. Its bytes beyond ASCII are percent-encoded as they came, whatever their character
/// set, as browsers do.
fn leads_to(from: &Url, location: &[u8]) -> Option<Url> {
    from.join(&percent_encode(location, CONTROLS).to_string()).ok()
}

impl<P: Ports> ByteSource for Download<P> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.ports.now() > self.deadline {
            return Err(FetchError::TooSlow(self.total_time.as_secs()).into());
        }
        let piece = self.body.next().await?;
        if matches!(self.body, Decoded::Coded(_)) {
            // Undoing a coding computes without waiting.
            self.ports.yield_now().await;
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_lead_where_browsers_go() {
        let from = Url::parse("http://origin.example/a/b.png?q#f").unwrap();
        for (location, expected) in [
            (&b"c.png"[..], "http://origin.example/a/c.png"),
            (b"/c d.png", "http://origin.example/c%20d.png"),
            (b"//other.example/", "http://other.example/"),
            (b"?r", "http://origin.example/a/b.png?r"),
            (b"", "http://origin.example/a/b.png?q"),
            (b" /c.png ", "http://origin.example/c.png"),
            (b"\\c.png", "http://origin.example/c.png"),
            // Latin-1, UTF-8, and what is neither.
            (b"/caf\xe9.png", "http://origin.example/caf%E9.png"),
            (b"/caf\xc3\xa9.png?\xff", "http://origin.example/caf%C3%A9.png?%FF"),
            (b"/caf%E9.png", "http://origin.example/caf%E9.png"),
            (b"http://b\xc3\xbccher.example/", "http://xn--bcher-kva.example/"),
        ] {
            let next = leads_to(&from, location).unwrap();
            assert_eq!(next.as_str(), expected, "{}", location.escape_ascii());
        }
        for location in [&b"http://"[..], b"http://b\xfccher.example/", b"http://a b/", b"http://a:x/"] {
            assert_eq!(leads_to(&from, location), None, "{}", location.escape_ascii());
        }
    }
}
