//! The error type of the core. The `http` crate makes an HTTP answer of it, the component an error of the WIT.

use std::time::Duration;

use crate::status::Status;

/// The key-value store failed; the text is the store's.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct KvError(pub String);

/// Why an operation of the vault failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An argument breaks a rule.
    #[error("{field}: {reason}")]
    Invalid {
        /// The argument: `url`, `name`, `tags`, `cursor` and so on.
        field: &'static str,
        /// The rule that it breaks, and the value seen.
        reason: String,
    },
    /// No image has that id or name.
    #[error("no such image")]
    NotFound,
    /// The operation needs a ready image, and this one has another status.
    #[error("the image is {}, not ready", .0.as_str())]
    NotReady(Status),
    /// Only a failed image can be tried again, and this one has another status.
    #[error("the image is {}, not failed", .0.as_str())]
    NotFailed(Status),
    /// Another worker holds the job, or may hold it by now.
    #[error("the image is {}, and another worker may hold it", .0.as_str())]
    Held(Status),
    /// The bytes do not have the digest that the caller stated.
    #[error("{0}")]
    Digest(String),
    /// The body breaks the rules of its format.
    #[error("{0}")]
    Malformed(String),
    /// An earlier request with this idempotency key was a different one.
    #[error("this Idempotency-Key belongs to another request")]
    KeyReused,
    /// An earlier request with this idempotency key is still being answered.
    #[error("a request with this Idempotency-Key is being answered")]
    KeyBusy,
    /// Another caller is changing the image.
    #[error("somebody else is changing this image")]
    Changed,
    /// A tag is being renamed, so another cannot be; the text names it.
    #[error("{0}; try again later")]
    Renaming(String),
    /// The value of a setting cannot be parsed.
    #[error("the setting {name} cannot be read; it must be {rule}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// What its value must be.
        rule: String,
    },
    /// The range lies outside the content.
    #[error("the range lies outside the content of {size} bytes")]
    RangeNotSatisfiable {
        /// The content's size in bytes.
        size: u64,
    },
    /// A limit is exceeded.
    #[error("more than the limit {limit} = {allowed} allows: at least {seen}")]
    Limit {
        /// The setting that holds the limit.
        limit: &'static str,
        /// Its value.
        allowed: u64,
        /// The value seen, at least.
        seen: u64,
    },
    /// The vault is full: it takes no more until something ends or is removed.
    #[error("the vault is full: {limit} is {allowed}, and there are {seen}")]
    Full {
        /// The setting that holds the quota.
        limit: &'static str,
        /// Its value.
        allowed: u64,
        /// What there is.
        seen: u64,
    },
    /// The bytes are no image of a format that Burrow knows.
    #[error("not an image: {0}")]
    NotAnImage(String),
    /// The image could not be downloaded from its origin.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Stored bytes are damaged.
    #[error("damaged in the store: {0}")]
    Corrupt(String),
    /// A newer Burrow stored it, in a version that this one does not read.
    #[error("stored by a newer Burrow: {0}")]
    Newer(String),
    /// The key-value store failed.
    #[error("the key-value store failed: {0}")]
    Store(#[from] KvError),
    /// This instance has too much to do.
    #[error("{0}; try again in a few seconds")]
    Busy(String),
    /// Another caller removed the image while a worker worked on it.
    #[error("the image was removed while it was being stored")]
    Removed,
    /// The sender stopped before the end of the body.
    #[error("the body ended before it was whole: {0}")]
    Interrupted(String),
}

/// Turns a record that cannot be read into `None`, so that one such record does not stop a walk over many images.
pub fn passing_over<T>(found: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::Corrupt(_) | Error::Newer(_)) => Ok(None),
        found => found,
    }
}

impl Error {
    /// How long the origin asks Burrow to wait before the next request; zero if it does not ask.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => Duration::ZERO,
        }
    }

    /// Whether the same operation may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Store(_) | Self::Interrupted(_) | Self::Busy(_) => true,
            _ => false,
        }
    }
}

/// The most redirects that a download follows.
pub const MAX_REDIRECTS: usize = 5;

/// Why an image could not be downloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// The URL, or one that it redirects to, is not allowed.
    #[error("refused: {0}")]
    Refused(String),
    /// The connection failed, or broke.
    #[error("{0}")]
    Unreachable(String),
    /// The origin cannot be asked, or its answer cannot be read, and another attempt would end the same.
    #[error("{0}")]
    Unusable(String),
    /// The origin answered with a status other than 200.
    #[error("the origin answered {status}{}", and_asks(*.retry_after))]
    Status {
        /// The status.
        status: u16,
        /// How long the origin asks Burrow to wait before the next request, if it asks.
        retry_after: Option<Duration>,
    },
    /// The origin redirected more than [`MAX_REDIRECTS`] times.
    #[error("more than {MAX_REDIRECTS} redirects{}", if *.in_a_circle { ", in a circle" } else { "" })]
    TooManyRedirects {
        /// Whether the last one led to a URL that had been asked before.
        in_a_circle: bool,
    },
    /// The origin redirected without a `Location` that is a URL.
    #[error("the origin redirected ({0}) without a usable Location")]
    BadRedirect(u16),
    /// The origin compressed the body in a way that cannot be undone here, though the request asked for `identity`.
    #[error("the origin sent Content-Encoding {0:?}, which is not undone here; identity was asked for")]
    Encoded(String),
    /// The whole download took too long.
    #[error("the download took more than download_timeout_seconds = {0} allows")]
    TooSlow(u64),
    /// The origin sent too little for half a minute.
    #[error("the origin sent less than min_download_bytes_per_second = {0} allows, for half a minute")]
    TooLittle(u64),
}

impl FetchError {
    /// Whether the same download may succeed later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::TooSlow(_) => true,
            Self::Status { status, .. } => matches!(status, 408 | 425 | 429 | 500..=599),
            _ => false,
        }
    }

    /// How long the origin asks Burrow to wait before the next request; zero if it does not ask.
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
