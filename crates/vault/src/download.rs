//! Asks the origin for an image: redirects, statuses, codings and time limits, up to a body to read.

mod coding;

use std::time::Duration;

use burrow_model::error::{Error, FetchError, MAX_REDIRECTS};
use burrow_model::time::retry_after;
use percent_encoding::{CONTROLS, percent_encode};
use url::Url;

use self::coding::Decoded;
use crate::headers::HeaderRules;
use crate::policy::OriginPolicy;
use crate::ports::{ByteSource, FetchTimeouts, Fetched, Get, Ports};
use crate::referrer::Referrer;

/// How long an origin may send less than the least speed.
pub const WINDOW: Duration = Duration::from_secs(30);

/// Which origins Burrow asks, and how long they may take.
#[derive(Clone, Debug)]
pub struct DownloadRules {
    /// Which origins Burrow asks.
    pub origins: OriginPolicy,
    /// What Burrow sends to them besides the URL.
    pub headers: HeaderRules,
    /// Time limits of one request to an origin.
    pub timeouts: FetchTimeouts,
    /// The time limit of a whole download, however steadily bytes arrive.
    pub total_time: Duration,
    /// The least speed of an origin, in bytes a second, over [`WINDOW`] of waiting for it; 0 means none.
    pub least_speed: u64,
}

impl Default for DownloadRules {
    fn default() -> Self {
        Self {
            origins: OriginPolicy::default(),
            headers: HeaderRules::default(),
            timeouts: FetchTimeouts {
                connect: Duration::from_secs(5),
                first_byte: Duration::from_secs(10),
                between_bytes: Duration::from_secs(10),
            },
            total_time: Duration::from_mins(5),
            least_speed: 1024,
        }
    }
}

/// A body that must end before a deadline.
#[derive(Debug)]
pub struct Download<P: Ports> {
    body: Decoded<P::Body>,
    /// Bytes that the origin announced.
    expected: Option<u64>,
    ports: P,
    total_time: Duration,
    deadline: u64,
    speed: Speed,
}

/// The speed of an origin, measured while Burrow waits for it.
#[derive(Debug)]
struct Speed {
    least: u64,
    /// Milliseconds of waiting, and bytes that came meanwhile.
    waited: u64,
    came: u64,
}

impl Speed {
    /// Notes bytes for which Burrow waited so many milliseconds.
    fn note(&mut self, waited: u64, bytes: usize) -> Result<(), FetchError> {
        self.waited += waited;
        self.came += bytes as u64;
        if u128::from(self.waited) < WINDOW.as_millis() {
            return Ok(());
        }
        let is_enough = self.came >= self.least.saturating_mul(self.waited) / 1000;
        (self.waited, self.came) = (0, 0);
        if is_enough { Ok(()) } else { Err(FetchError::TooLittle(self.least)) }
    }
}

/// Asks for `url`, which was found on the page `referrer`, and follows the redirects that the rules allow, until an
/// origin answers 200. Each origin on the way gets the headers that are for it, and no other's.
pub async fn open<P: Ports>(
    ports: &P,
    rules: &DownloadRules,
    mut url: Url,
    referrer: Option<&Referrer>,
) -> Result<Download<P>, FetchError> {
    let DownloadRules { origins, headers, timeouts, total_time, least_speed } = rules;
    let deadline = ports.now() + u64::try_from(total_time.as_millis()).unwrap_or(u64::MAX);
    let mut asked_before = Vec::new();
    for _ in 0..=MAX_REDIRECTS {
        origins.check(&url).map_err(FetchError::Refused)?;
        let headers = headers.of_request(&url, referrer);
        let answer = ports.fetch(Get { url: &url, headers: &headers, timeouts: *timeouts }).await?;
        let Fetched { status, location, content_encoding, content_length, retry_after: asked, body } = answer;
        match status {
            200 => {
                let body = Decoded::of(body, &content_encoding.unwrap_or_default())?;
                // The length of a coded body is not that of the image.
                let expected = content_length.filter(|_| matches!(body, Decoded::Plain(_)));
                let speed = Speed { least: *least_speed, waited: 0, came: 0 };
                let (ports, total_time) = (ports.clone(), *total_time);
                return Ok(Download { body, expected, ports, total_time, deadline, speed });
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

impl<P: Ports> Download<P> {
    /// How many bytes the origin announced, if it did.
    pub fn expected(&self) -> Option<u64> {
        self.expected
    }
}

impl<P: Ports> ByteSource for Download<P> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let begun = self.ports.now();
        if begun > self.deadline {
            return Err(FetchError::TooSlow(self.total_time.as_secs()).into());
        }
        let piece = self.body.next().await?;
        if let Some(bytes) = &piece {
            self.speed.note(self.ports.now().saturating_sub(begun), bytes.len())?;
        }
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
    fn an_origin_that_sends_too_little_is_given_up() {
        let mut speed = Speed { least: 1000, waited: 0, came: 0 };
        // 1 KB a second, in pieces.
        for _ in 0..90 {
            speed.note(2000, 2000).unwrap();
        }
        // A pause is made up for by what comes after it.
        speed.note(20_000, 1).unwrap();
        speed.note(9_000, 29_000).unwrap();
        speed.note(2_000, 3_000).unwrap();
        let mut ended = (1..).map(|n| (n, speed.note(8000, 1)));
        assert_eq!(ended.find(|(_, noted)| noted.is_err()), Some((4, Err(FetchError::TooLittle(1000)))));
        let mut unlimited = Speed { least: 0, waited: 0, came: 0 };
        assert!(unlimited.note(1_000_000, 1).is_ok());
    }

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
