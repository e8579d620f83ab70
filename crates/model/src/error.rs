//! The one error type of the core. `http/problem.rs` turns it into an HTTP answer, `exports.rs` into the WIT's error.

use std::time::Duration;

use crate::status::Status;

/// What the key-value store said when it failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct KvError(pub String);

/// Why an operation of the vault failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An argument breaks a rule.
    #[error("{field}: {reason}")]
    Invalid {
        /// The argument, such as `url`, `name`, `tags`, `cursor`.
        field: &'static str,
        /// The rule, and what was seen.
        reason: String,
    },
    /// No image has that id or name.
    #[error("no such image")]
    NotFound,
    /// The image is not ready, which this needs.
    #[error("the image is {}, not ready", .0.as_str())]
    NotReady(Status),
    /// The image has not failed, so there is nothing to try again.
    #[error("the image is {}, not failed", .0.as_str())]
    NotFailed(Status),
    /// Somebody else is at the job, or may be by now.
    #[error("the image is {}, and somebody else may be at it", .0.as_str())]
    Held(Status),
    /// The bytes given do not have the digest given.
    #[error("{0}")]
    Digest(String),
    /// What was sent breaks the rules of its format.
    #[error("{0}")]
    Malformed(String),
    /// An idempotency key was given with another request before.
    #[error("this Idempotency-Key belongs to another request")]
    KeyReused,
    /// A request with the same idempotency key is being answered.
    #[error("a request with this Idempotency-Key is being answered")]
    KeyBusy,
    /// Somebody else changes the image.
    #[error("somebody else is changing this image")]
    Changed,
    /// A setting cannot be read.
    #[error("the setting {name} cannot be read; it must be {rule}")]
    Setting {
        /// Which.
        name: &'static str,
        /// What it must be.
        rule: String,
    },
    /// The range lies outside the content.
    #[error("the range lies outside the content of {size} bytes")]
    RangeNotSatisfiable {
        /// The content's size in bytes.
        size: u64,
    },
    /// More than a limit allows.
    #[error("more than the limit {limit} = {allowed} allows: at least {seen}")]
    Limit {
        /// The setting that holds the limit.
        limit: &'static str,
        /// Its value.
        allowed: u64,
        /// The value seen, at least.
        seen: u64,
    },
    /// The bytes are no image that Burrow knows.
    #[error("not an image: {0}")]
    NotAnImage(String),
    /// The origin did not give the image.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// Stored bytes are damaged.
    #[error("damaged in the store: {0}")]
    Corrupt(String),
    /// A newer Burrow stored it, in a way that is not known here.
    #[error("stored by a newer Burrow: {0}")]
    Newer(String),
    /// The key-value store failed.
    #[error("the key-value store failed: {0}")]
    Store(#[from] KvError),
    /// Somebody removed the image while it was worked on.
    #[error("the image was removed while it was being stored")]
    Removed,
    /// Whoever sent the bytes stopped in the middle.
    #[error("the body ended before it was whole: {0}")]
    Interrupted(String),
}

/// Passes over what cannot be read: for walks over many images, which one of them must not stop.
pub fn passing_over<T>(found: Result<Option<T>, Error>) -> Result<Option<T>, Error> {
    match found {
        Err(Error::Corrupt(_) | Error::Newer(_)) => Ok(None),
        found => found,
    }
}

impl Error {
    /// How long the origin asks not to be asked again.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Fetch(error) => error.retry_after(),
            _ => Duration::ZERO,
        }
    }

    /// Whether trying the same again, later, could end differently.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Fetch(error) => error.is_transient(),
            Self::Store(_) | Self::Interrupted(_) => true,
            _ => false,
        }
    }
}

/// Redirects followed before giving up.
pub const MAX_REDIRECTS: usize = 5;

/// Why an origin did not give the image.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
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
