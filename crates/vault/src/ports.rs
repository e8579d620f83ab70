//! The traits through which the vault reaches the store, origins, clock and other instances.
//!
//! `src/wasi.rs` implements them in the component; tests implement them natively.
//!
//! Futures are not `Send`: an instance of the component has one thread.

use std::time::Duration;

use burrow_model::error::FetchError;
use burrow_model::error::{Error, KvError};
use burrow_model::key::{ImageId, Key};

use crate::headers::Headers;

/// The key-value store: the operations that every provider implements correctly (no batch, no compare-and-swap).
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Kv {
    /// Returns the value, or `None` if the key is absent.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, KvError>;
    /// Sets the value, completely or not at all.
    async fn set(&self, key: &Key, value: Vec<u8>) -> Result<(), KvError>;
    /// Removes the key; an absent key is no error.
    async fn delete(&self, key: &Key) -> Result<(), KvError>;
    /// Adds `delta` to a counter in one atomic step and returns the sum. An absent counter is 0.
    async fn increment(&self, key: &Key, delta: i64) -> Result<i64, KvError>;
    /// Calls `each` with every key, in any order; some may come twice. The time grows with the store, so only `verify`
    /// uses it, never a request. `each` must not use the store: on some hosts such a call never returns.
    async fn keys(&self, each: impl FnMut(&str)) -> Result<(), KvError>;
}

/// A body that arrives in pieces.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait ByteSource {
    /// Returns the next piece, which is never empty, or `None` after the last. A body that broke off is an error.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error>;
}

/// The answer to one outgoing request.
#[derive(Debug)]
pub struct Fetched<B> {
    /// HTTP status code.
    pub status: u16,
    /// The bytes of the `Location` header, if there is one: origins send it in any character set.
    pub location: Option<Vec<u8>>,
    /// The `Content-Encoding` headers, if there are any, joined with commas.
    pub content_encoding: Option<String>,
    /// The `Content-Length` header, if there is one.
    pub content_length: Option<u64>,
    /// The `Retry-After` header, if there is one.
    pub retry_after: Option<String>,
    /// The body, unread.
    pub body: B,
}

/// One `GET` request to an origin.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// The URL.
    pub url: &'a url::Url,
    /// All headers but those that the host must set.
    pub headers: &'a Headers,
    /// How long it may take.
    pub timeouts: FetchTimeouts,
}

/// Time limits of one outgoing request.
#[derive(Clone, Copy, Debug)]
pub struct FetchTimeouts {
    /// To connect, including TLS.
    pub connect: Duration,
    /// From sending the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two bytes of the answer.
    pub between_bytes: Duration,
}

/// Outgoing HTTP.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Fetch {
    /// The body of an answer.
    type Body: ByteSource;
    /// Sends one `GET`. It does not follow redirects.
    async fn fetch(&self, get: Get<'_>) -> Result<Fetched<Self::Body>, FetchError>;
    /// Sends one `POST` with these headers and this body. Returns the status of the answer, and its `Retry-After`, if there
    /// is one. It does not follow redirects, and reads no body.
    async fn post(
        &self,
        url: &url::Url,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        timeouts: FetchTimeouts,
    ) -> Result<(u16, Option<String>), FetchError>;
}

/// The clock.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
    /// Waits for this time.
    async fn sleep(&self, time: Duration);
    /// Lets other tasks of this instance run. Long computations call it between their steps.
    async fn yield_now(&self);
}

/// Randomness for ids that nobody can guess.
pub trait Random {
    /// Returns ten random bytes: a `UUIDv7` holds them, and a time.
    fn ten_bytes(&self) -> [u8; 10];
}

/// Helper instances on other cores, if the host provides any. This instance has one thread.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Helpers {
    /// Has a helper pack a block into one gzip stream, as `codec.pack` does. `None` if no helper did.
    async fn pack_elsewhere(&self, block: &[u8]) -> Option<Vec<u8>>;
    /// Has a helper draw and store something of an image. `None` if the host provides no helper.
    async fn draw_elsewhere(&self, image: ImageId, what: Drawing) -> Option<Elsewhere>;
}

/// What is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawing {
    /// The thumbnail of this width in pixels.
    Thumbnail(u32),
    /// Any thumbnail, for its likeness.
    Likeness,
}

/// The outcome of work that a helper was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// The helper ended, and has stored the result.
    Ended,
    /// The helper died of the work, or took too long.
    Died,
    /// Every helper has too much to do.
    Busy,
}

/// All ports behind one handle that is cheap to clone.
pub trait Ports: Kv + Fetch + Clock + Random + Helpers + Clone + 'static {}

impl<T: Kv + Fetch + Clock + Random + Helpers + Clone + 'static> Ports for T {}
