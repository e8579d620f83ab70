//! Asks the origin for an image: redirects, statuses and time limits, up to a body to read.

use std::time::Duration;

use burrow_model::error::{Error, FetchError, MAX_REDIRECTS};
use burrow_model::time::retry_after;
use url::Url;

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
    body: P::Body,
    ports: P,
    total_time: Duration,
    deadline: u64,
}

/// Asks for `url`, and follows the redirects that the rules allow, until an origin answers 200.
pub async fn open<P: Ports>(ports: &P, rules: &DownloadRules, mut url: Url) -> Result<Download<P>, FetchError> {
    let DownloadRules { origins, timeouts, total_time } = rules;
    let deadline = ports.now() + u64::try_from(total_time.as_millis()).unwrap_or(u64::MAX);
    for _ in 0..=MAX_REDIRECTS {
        origins.check(&url).map_err(FetchError::Refused)?;
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
