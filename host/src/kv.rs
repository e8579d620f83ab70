//! Key-value stores, which hold a vault's bytes: the trait, and the stores that implement it.

mod elsewhere;
mod embedded;
mod files;
mod keeping;
mod location;
mod memory;
#[cfg(feature = "s3")]
mod objects;
#[cfg(feature = "redis")]
mod redis;
mod socket;
#[cfg(feature = "spin-sqlite")]
mod spin;
mod watched;

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use embedded::Embedded;
pub use files::Files;
pub(crate) use keeping::Keeping;
pub use location::Location;
pub use memory::Memory;
#[cfg(feature = "s3")]
pub use objects::{Bucket, Objects};
#[cfg(feature = "redis")]
pub use redis::Redis;
pub use socket::{SocketServer, SocketStore};
#[cfg(feature = "spin-sqlite")]
pub use spin::SpinSqlite;
pub use watched::{Quiet, RecordWrites, Watched};

/// Why a store failed: one line that names the store, the fault and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KvError(pub String);

impl KvError {
    /// How the text begins if another process has the store open.
    const HELD: &str = "another process has the store";

    /// Whether opening failed because another process has the store open.
    pub fn is_held(&self) -> bool {
        self.0.starts_with(Self::HELD)
    }
}

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, KvError>;

/// A key-value store as the component sees it: `spin:key-value` and `wasi:keyvalue/atomics.increment`.
///
/// A store applies writes in the order in which they begin. It may acknowledge an increment, and a write to a key of
/// [`Durability::Ordered`](burrow_model::key::Durability::Ordered), before it is durable; either becomes durable before
/// any write that begins after it. Every other write is durable when its future resolves. A write that failed may still
/// take effect, but before any write that begins after the failure (on Redis, after a time-out, even later).
/// Where blobs are in a bucket, a chunk is durable only when its blob's manifest is, or when it was read.
/// docs/stores.md has the promises of each store.
pub trait KeyValue: Send + Sync + 'static {
    /// Returns the value of a key, if it has one.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;
    /// Sets the value of a key.
    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>>;
    /// Removes a key.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Adds to a counter, which is 0 if absent, and returns the sum. Adding 0 reads the counter and writes nothing.
    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>>;
    /// Lists the keys that begin with a prefix, in any order, in batches of bounded size; an empty prefix lists all.
    /// For tools, never for requests. A key that exists from the call to the end of the stream comes at least once, and
    /// may come twice; a key that is made or removed meanwhile may come or not. An error ends the stream.
    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>>;

    /// Returns the count of the writes of image records, if every write to the store goes through this value. Stores
    /// that other processes write to have none.
    fn record_writes(&self) -> Option<Arc<RecordWrites>> {
        None
    }
}

/// Approximate number of keys in a batch of [`KeyValue::keys`].
const KEYS_A_BATCH: usize = 1000;

/// Reads a counter in the format of the embedded store and Spin's SQLite: 8 bytes, little-endian; 0 if absent.
fn counter(key: &str, value: Option<&[u8]>) -> Result<i64> {
    let Some(bytes) = value else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes)
        .map_err(|_| KvError(format!("{key} is no counter: it has {} bytes", bytes.len())))?;
    Ok(i64::from_le_bytes(bytes))
}

/// Adds to a counter; an overflow is an error.
fn sum(key: &str, old: i64, delta: i64) -> Result<i64> {
    old.checked_add(delta).ok_or_else(|| KvError(format!("the counter {key} overflows")))
}

#[cfg(test)]
#[cfg(all(feature = "redis", feature = "s3", feature = "spin-sqlite"))]
mod conformance;
