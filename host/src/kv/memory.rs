//! The store in memory, for tests and for programs that keep nothing.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{FutureExt as _, StreamExt as _};

use super::{KEYS_A_BATCH, KeyValue, Result, counter, sum};

/// A store in memory. Dropping it loses its contents.
#[derive(Debug, Default)]
pub struct Memory(Mutex<BTreeMap<String, Bytes>>);

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        // No code panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn batch(&self, prefix: &str, after: Option<&str>) -> Vec<String> {
        let from = after.map_or(Bound::Included(prefix), Bound::Excluded);
        let values = self.lock();
        let keys = values.range::<str, _>((from, Bound::Unbounded)).map(|(key, _)| key);
        keys.take_while(|key| key.starts_with(prefix)).take(KEYS_A_BATCH).cloned().collect()
    }
}

impl KeyValue for Memory {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        async { Ok(self.lock().get(key).cloned().map(Vec::from)) }.boxed()
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        async {
            self.lock().insert(key.to_owned(), value.into());
            Ok(())
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        async {
            self.lock().remove(key);
            Ok(())
        }
        .boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        async move {
            let mut values = self.lock();
            let sum = sum(key, counter(key, values.get(key).map(Bytes::as_ref))?, delta)?;
            if delta != 0 {
                values.insert(key.to_owned(), Bytes::copy_from_slice(&sum.to_le_bytes()));
            }
            Ok(sum)
        }
        .boxed()
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        let mut after: Option<String> = None;
        let batches = std::iter::from_fn(move || {
            let batch = self.batch(prefix, after.as_deref());
            after = Some(batch.last()?.clone());
            Some(Ok(batch))
        });
        stream::iter(batches).boxed()
    }
}
