//! A store, and what is dropped after it.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;

use super::{KeyValue, RecordWrites, Result};

/// A store that keeps something until it has been dropped.
pub(crate) struct Keeping<T> {
    // Fields are dropped in their order: first the store, which closes it.
    kv: Arc<dyn KeyValue>,
    _kept: T,
}

impl<T> Keeping<T> {
    pub(crate) fn new(kv: Arc<dyn KeyValue>, kept: T) -> Self {
        Self { kv, _kept: kept }
    }
}

impl<T: Send + Sync + 'static> KeyValue for Keeping<T> {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        self.kv.get(key)
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        self.kv.set(key, value)
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        self.kv.delete(key)
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        self.kv.increment(key, delta)
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        self.kv.keys(prefix)
    }

    fn record_writes(&self) -> Option<Arc<RecordWrites>> {
        self.kv.record_writes()
    }
}
