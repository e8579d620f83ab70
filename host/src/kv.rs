//! Key-value stores: where a vault's bytes are.

mod embedded;

use futures::future::BoxFuture;

pub use embedded::Embedded;

/// Why a store failed: its own words, which name the store and what to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct KvError(pub String);

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, KvError>;

/// A key-value store as the component sees it: `spin:key-value` and `wasi:keyvalue/atomics.increment`.
///
/// Writes are applied in the order in which they are begun. A write to a key that [`is_covered`] may be acknowledged
/// before it is durable, and so is an increment; but either is durable before any write begun after it is. Every other
/// write is durable when its future resolves.
pub trait KeyValue: Send + Sync + 'static {
    /// Returns the value of a key, if it has one.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;
    /// Sets the value of a key.
    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>>;
    /// Removes a key.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Adds to a counter, which is 0 if absent, and returns the sum.
    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>>;
    /// Returns all keys: for tools, never for requests.
    fn keys(&self) -> BoxFuture<'_, Result<Vec<String>>>;
}

/// Whether a write to this key is one that only counts once a later one has landed: chunks, manifests, digests, names
/// and the feed entry of an image count once its record (`b1:i:`) does; marks, trash and counters can be rebuilt.
///
/// So a record is waited for, and one wait for the disk covers all that led to it.
pub fn is_covered(key: &str) -> bool {
    ["b1:c:", "b1:d:", "b1:f:", "b1:m:", "b1:n:", "b1:s:", "b1:t:"].iter().any(|prefix| key.starts_with(prefix))
}
