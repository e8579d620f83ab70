//! A store that says when it has been closed.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{KeyValue, RecordWrites, Result};

/// A store that cancels a token once it has been dropped.
pub(crate) struct Closing {
    // Fields are dropped in their order: first the store, which closes it.
    kv: Arc<dyn KeyValue>,
    _closed: DropGuard,
}

impl Closing {
    pub(crate) fn new(kv: Arc<dyn KeyValue>, closed: CancellationToken) -> Self {
        Self { kv, _closed: closed.drop_guard() }
    }
}

impl KeyValue for Closing {
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
