//! Asking the origin: redirects, status and time, until there is a body to read.

use std::time::{Duration, UNIX_EPOCH};

use url::Url;

use crate::error::Error;
use crate::ports::{ByteSource, Fetched, Ports};
use crate::vault::Settings;

/// Redirects followed before giving up.
pub const MAX_REDIRECTS: usize = 5;

/// Why an origin did not give the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL, or one it redirects to, is not allowed.
    #[error("refused: {0}")]
    Refused(String),
    /// No connection, or it broke.
    #[error("{0}")]
    Unreachable(String),
    /// An answer other than 200.
    #[error("the origin answered {status}{}", and_asks(*.retry_after))]
    Status {
        /// Its status.
        status: u16,
        /// How long it asks not to be asked again.
        retry_after: Option<Duration>,
    },
    /// More than [`MAX_REDIRECTS`].
    #[error("more than {MAX_REDIRECTS} redirects")]
    TooManyRedirects,
    /// A redirect to nowhere.
    #[error("the origin redirected ({0}) without a usable Location")]
    BadRedirect(u16),
    /// The origin compressed the body though it was asked not to.
    #[error("the origin sent Content-Encoding {0:?} though identity was asked for")]
    Encoded(String),
    /// The whole download took too long.
    #[error("the download took more than download_timeout_seconds = {0} allows")]
    TooSlow(u64),
}

impl FetchError {
    /// Whether the origin may give the image later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooSlow(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// How long the origin asks not to be asked again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Status { retry_after, .. } => retry_after.unwrap_or_default(),
            _ => Duration::ZERO,
        }
    }
}

fn and_asks(retry_after: Option<Duration>) -> String {
    let seconds = retry_after.map(|time| time.as_millis().div_ceil(1000));
    seconds.map_or_else(String::new, |seconds| format!(" and asks to come back in {seconds} s"))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, as the time from `now`, in milliseconds since 1970.
/// What is neither is ignored.
fn retry_after(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More than fits is longer than anybody waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_millis(now)))
}

/// A body with an end in time.
#[derive(Debug)]
pub struct Download<P: Ports> {
    body: P::Body,
    ports: P,
    total_time: Duration,
    deadline: u64,
}

/// Asks for `url`, following redirects that the settings allow, until an origin answers 200.
pub async fn open<P: Ports>(ports: &P, settings: &Settings, mut url: Url) -> Result<Download<P>, FetchError> {
    let Settings { origins: policy, timeouts, download_time: total_time, .. } = settings;
    let deadline = ports.now() + u64::try_from(total_time.as_millis()).unwrap_or(u64::MAX);
    for _ in 0..=MAX_REDIRECTS {
        policy.check(&url).map_err(FetchError::Refused)?;
        let answer = ports.fetch(&url, *timeouts).await?;
        let Fetched { status, location, content_encoding, retry_after: asked, body } = answer;
        match status {
            200 => {
                return match content_encoding {
                    Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(FetchError::Encoded(coding)),
                    _ => Ok(Download { body, ports: ports.clone(), total_time: *total_time, deadline }),
                };
            }
            301 | 302 | 303 | 307 | 308 => {
                let next = location.and_then(|location| url.join(&location).ok());
                let next = next.ok_or(FetchError::BadRedirect(status))?;
                if url.scheme() == "https" && next.scheme() == "http" {
                    return Err(FetchError::Refused("a redirect from https to http".into()));
                }
                url = next;
            }
            _ => {
                let retry_after = asked.and_then(|asked| retry_after(&asked, ports.now()));
                return Err(FetchError::Status { status, retry_after });
            }
        }
    }
    Err(FetchError::TooManyRedirects)
}

impl<P: Ports> ByteSource for Download<P> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.ports.now() > self.deadline {
            return Err(FetchError::TooSlow(self.total_time.as_secs()).into());
        }
        self.body.next().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::BEGINNING;

    #[test]
    fn retry_after_is_read() {
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 7 ", Some(7000)),
            ("Fri, 15 Jan 2027 08:01:30 GMT", Some(90_000)),
            ("Friday, 15-Jan-27 08:00:02 GMT", Some(2000)),
            ("Fri Jan 15 08:00:03 2027", Some(3000)),
            ("Fri, 15 Jan 2027 07:59:59 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("2027-01-15T08:01:30Z", None),
        ] {
            let read = retry_after(value, BEGINNING).map(|time| time.as_millis());
            assert_eq!(read, expected, "{value}");
        }
        assert_eq!(retry_after("99999999999999999999", BEGINNING), Some(Duration::from_secs(u64::MAX)));
        // The parts of a second until a date are not lost.
        let error =
            |now| FetchError::Status { status: 503, retry_after: retry_after("Fri, 15 Jan 2027 08:01:30 GMT", now) };
        let told = "the origin answered 503 and asks to come back in 90 s";
        assert_eq!((error(BEGINNING).to_string(), error(BEGINNING + 500).to_string()), (told.into(), told.into()));
    }
}
