//! What the core asks of the world outside, as small traits. `wasi.rs` implements them in the component; tests
//! implement them natively.
//!
//! Futures are not `Send`: an instance of the component has one thread.

use std::time::Duration;

use burrow_model::error::FetchError;
use burrow_model::error::{Error, KvError};
use burrow_model::key::{ImageId, Key};

/// The key-value store: the part that every provider has and does right (no batch, no compare-and-swap).
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Kv {
    /// Returns the value, or none if the key is absent.
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, KvError>;
    /// Sets the value, whole or not at all.
    async fn set(&self, key: &Key, value: Vec<u8>) -> Result<(), KvError>;
    /// Removes the key; absent keys are no error.
    async fn delete(&self, key: &Key) -> Result<(), KvError>;
    /// Adds `delta` to a counter (absent counts as 0) in one atomic step and returns the sum.
    async fn increment(&self, key: &Key, delta: i64) -> Result<i64, KvError>;
    /// Calls `each` with every key, in any order, some perhaps twice. It takes as long as the store is large: for
    /// `verify`, never for a request. `each` must not use the store: on some hosts that never ends.
    async fn keys(&self, each: impl FnMut(&str)) -> Result<(), KvError>;
}

/// A body that arrives piece by piece.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait ByteSource {
    /// Returns the next piece (never empty), or none at an end that is known to be the true end.
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error>;
}

/// One answer to one outgoing request.
#[derive(Debug)]
pub struct Fetched<B> {
    /// HTTP status code.
    pub status: u16,
    /// The `Location` header, if there is one.
    pub location: Option<String>,
    /// The `Content-Encoding` header, if there is one.
    pub content_encoding: Option<String>,
    /// The `Retry-After` header, if there is one.
    pub retry_after: Option<String>,
    /// The body, unread.
    pub body: B,
}

/// Time limits of one outgoing request.
#[derive(Clone, Copy, Debug)]
pub struct FetchTimeouts {
    /// To connect, with TLS.
    pub connect: Duration,
    /// From the request sent to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two bytes of the answer.
    pub between_bytes: Duration,
}

/// Outgoing HTTP.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Fetch {
    /// A response's body.
    type Body: ByteSource;
    /// Sends one `GET` and follows no redirect.
    async fn fetch(&self, url: &url::Url, timeouts: FetchTimeouts) -> Result<Fetched<Self::Body>, FetchError>;
}

/// Time.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Clock {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> u64;
    /// Waits.
    async fn sleep(&self, time: Duration);
    /// Lets other tasks of this instance run; called between steps of long computation.
    async fn yield_now(&self);
}

/// Randomness good enough for ids that nobody can guess.
pub trait Random {
    /// Returns ten random bytes, what a `UUIDv7` holds beside its time.
    fn ten_bytes(&self) -> [u8; 10];
}

/// Other instances that compute, if the host has them: on other cores, while this one has a core of its own only.
#[expect(async_fn_in_trait, reason = "one thread; callers are generic and never box")]
pub trait Helpers {
    /// Packs a block into one gzip stream, as `codec.pack` does; none if that could not be done.
    async fn pack_elsewhere(&self, block: &[u8]) -> Option<Vec<u8>>;
    /// Has the small picture of an image drawn by another instance; none if there is no other.
    async fn draw_elsewhere(&self, image: ImageId, width: u32) -> Option<Elsewhere>;
}

/// What came of work that another instance was to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elsewhere {
    /// It came to an end, and has stored what came of it.
    Ended,
    /// The instance died of it, or took too long.
    Died,
    /// All others have too much to do.
    Busy,
}

/// All of them, behind one cheap handle.
pub trait Ports: Kv + Fetch + Clock + Random + Helpers + Clone + 'static {}

impl<T: Kv + Fetch + Clock + Random + Helpers + Clone + 'static> Ports for T {}
