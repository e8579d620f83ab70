//! Asking the origin: redirects, status and time, until there is a body to read.

use std::time::Duration;

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
    #[error("the origin answered {0}")]
    Status(u16),
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
            Self::Status(status) => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }
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
        let Fetched { status, location, content_encoding, body } = ports.fetch(&url, *timeouts).await?;
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
            _ => return Err(FetchError::Status(status)),
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
