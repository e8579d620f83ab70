//! Key-value stores: where a vault's bytes are.

mod embedded;
mod location;
mod memory;
#[cfg(feature = "redis")]
mod redis;
mod socket;
#[cfg(feature = "spin-sqlite")]
mod spin;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

pub use embedded::Embedded;
pub use location::Location;
pub use memory::Memory;
#[cfg(feature = "redis")]
pub use redis::Redis;
pub use socket::{SocketServer, SocketStore};
#[cfg(feature = "spin-sqlite")]
pub use spin::SpinSqlite;

/// Why a store failed: its own words, one line, which name the store and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KvError(pub String);

impl KvError {
    /// What it begins with if another process has the store open.
    const HELD: &str = "another process has the store";

    /// Whether another process has the store open that only one may have.
    pub fn is_held(&self) -> bool {
        self.0.starts_with(Self::HELD)
    }
}

/// The result of a store's operation.
pub type Result<T> = std::result::Result<T, KvError>;

/// A key-value store as the component sees it: `spin:key-value` and `wasi:keyvalue/atomics.increment`.
///
/// Writes are applied in the order in which they are begun. A write to a key of [`Durability::Ordered`](burrow_model::key::Durability::Ordered) may be
/// acknowledged before it is durable, and so may an increment; but either is durable before any write begun after it.
/// Every other write is durable when its future resolves. A write that failed may land later, but not after one that was begun
/// when it had failed (on Redis, where a time-out may hide it, even then). docs/stores.md says what else each store promises.
pub trait KeyValue: Send + Sync + 'static {
    /// Returns the value of a key, if it has one.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>>;
    /// Sets the value of a key.
    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>>;
    /// Removes a key.
    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>>;
    /// Adds to a counter, which is 0 if absent, and returns the sum. Adding 0 reads it, and writes nothing.
    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>>;
    /// Returns the keys that begin with a prefix, all of them if it is empty, in batches of a bounded size: for tools,
    /// never for requests. In no order. A key that exists from the call to the end of the stream is given at least
    /// once, maybe twice; one that comes or goes meanwhile may be given or not. After an error nothing follows.
    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>>;
}

/// Keys in a batch of [`KeyValue::keys`], about.
const KEYS_A_BATCH: usize = 1000;

/// Reads a counter as the embedded store and Spin's SQLite keep it: 8 bytes, little-endian; 0 if absent.
fn counter(key: &str, value: Option<&[u8]>) -> Result<i64> {
    let Some(bytes) = value else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(bytes)
        .map_err(|_| KvError(format!("{key} is no counter: it has {} bytes", bytes.len())))?;
    Ok(i64::from_le_bytes(bytes))
}

/// Adds to a counter.
fn sum(key: &str, old: i64, delta: i64) -> Result<i64> {
    old.checked_add(delta).ok_or_else(|| KvError(format!("the counter {key} overflows")))
}

#[cfg(all(test, feature = "redis", feature = "spin-sqlite"))]
mod conformance;
