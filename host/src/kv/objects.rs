//! A store with its larger blobs in an object store: one object a blob, beside the records in any other store.
//!
//! The chunks of a blob are appended to its object while they come. The object is complete, and its record durable,
//! before the blob's manifest is written. docs/decisions/0014 has the reasons.

mod bucket;
mod failure;
mod http;
mod listing;
mod opening;
mod reader;
mod removal;
mod upload;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use burrow_model::envelope::{decode, encode};
use burrow_model::key::{BlobId, Key, Kind};
use burrow_model::record::{Manifest, Object};
use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

use super::{KeyValue, KvError, RecordWrites, Result};
use reader::{Known, Reader};
use removal::Removals;
use upload::{Order, Upload};

pub use bucket::Bucket;

/// The smallest first chunk that begins an object. Smaller blobs stay in the other store: a request for each would
/// cost more than their space.
const OBJECT_BYTES: usize = 64 * 1024;

/// The largest chunk that goes into an object. Burrow's own have 248 KiB at most.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Bytes of chunks in memory, of all objects that are being written. What comes beyond stays in the other store.
const WRITING_BYTES: usize = 256 * 1024 * 1024;

/// A store with its larger blobs in a bucket. Everything else is in the store below it.
///
/// Of a blob that is being written, a crash loses the chunks whose manifest has not been written. All else is as in the
/// store below.
#[derive(Debug)]
pub struct Objects(Arc<Shared>);

/// What the store and the tasks that write objects share.
struct Shared {
    below: Arc<dyn KeyValue>,
    client: bucket::Client,
    runtime: Handle,
    /// The id of this vault.
    vault: String,
    /// The objects that are being written.
    uploads: Mutex<HashMap<BlobId, Upload>>,
    reader: Reader,
    removals: Removals,
    writing: Arc<Semaphore>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Objects").field("client", &self.client).finish_non_exhaustive()
    }
}

impl Shared {
    fn uploads(&self) -> MutexGuard<'_, HashMap<BlobId, Upload>> {
        // No code panics while it holds the lock.
        self.uploads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the record of a complete object.
    async fn record(&self, blob: BlobId, object: Object) -> Result<()> {
        let key = Key::object(blob);
        let value = encode(&key, &object).map_err(|error| KvError(error.to_string()))?;
        self.below.set(key.as_str(), value).await?;
        self.reader.learn(blob, object);
        Ok(())
    }

    /// A blob's object, if it has one that is complete. A record that cannot be read has no chunks.
    async fn object(&self, blob: BlobId) -> Result<Option<Arc<Known>>> {
        if let Some(known) = self.reader.known(blob) {
            return Ok(Some(known));
        }
        let key = Key::object(blob);
        let Some(value) = self.below.get(key.as_str()).await? else { return Ok(None) };
        let object = decode(&key, &value).unwrap_or_else(|error| {
            tracing::error!("{error}; the content of the images that use it counts as missing");
            Object::default()
        });
        Ok(Some(self.reader.learn(blob, object)))
    }

    /// Has the task that writes a blob's object do something, if there is one.
    async fn order(&self, blob: BlobId, order: impl Fn() -> Order) -> Option<Result<bool>> {
        loop {
            let upload = self.uploads().get(&blob).cloned()?;
            if let Some(result) = upload.order(order()).await {
                return Some(result);
            }
            self.forget(blob, &upload);
        }
    }

    /// Takes a task that ended from the table, in case a panic kept it from doing so itself.
    fn forget(&self, blob: BlobId, ended: &Upload) {
        let mut uploads = self.uploads();
        if uploads.get(&blob).is_some_and(|upload| upload.is(ended)) {
            uploads.remove(&blob);
        }
    }

    /// Completes a blob's object, if it is being written.
    async fn finish(&self, blob: BlobId) -> Result<()> {
        self.order(blob, || Order::Finish).await.map_or(Ok(()), |done| done.map(drop))
    }
}

impl Objects {
    async fn set_chunk(&self, key: &str, blob: BlobId, n: u32, value: Vec<u8>) -> Result<()> {
        let Self(shared) = self;
        let value = Bytes::from(value);
        let is_open = || shared.uploads().contains_key(&blob);
        let fits = value.len() <= CHUNK_BYTES && (n > 0 || value.len() >= OBJECT_BYTES || is_open());
        // A blob that is complete, and a chunk that the store below has, change only there. Burrow never does that.
        if fits
            && (is_open() || shared.object(blob).await?.is_none())
            && shared.below.get(key).await?.is_none()
            && let Some(result) = self.append(blob, n, &value).await
        {
            return result;
        }
        if self.remove_from_object(blob, n).await? {
            self.settle().await?;
        }
        shared.below.set(key, value.into()).await
    }

    /// Appends a chunk to its blob's object. `None` if there is no room in memory.
    async fn append(&self, blob: BlobId, n: u32, chunk: &Bytes) -> Option<Result<()>> {
        let Self(shared) = self;
        let len = u32::try_from(chunk.len()).ok()?;
        loop {
            let permit = shared.writing.clone().try_acquire_many_owned(len).ok()?;
            let upload = shared.uploads().entry(blob).or_insert_with(|| Upload::start(shared, blob)).clone();
            if let Some(result) = upload.order(Order::Append(n, chunk.clone(), permit)).await {
                return Some(result.map(drop));
            }
            shared.forget(blob, &upload);
        }
    }

    async fn get_chunk(&self, key: &str, blob: BlobId, n: u32) -> Result<Option<Vec<u8>>> {
        let Self(shared) = self;
        // Only its writer knows of a blob that is being written. If it reads the chunks, it has written all.
        shared.finish(blob).await?;
        if let Some(known) = shared.reader.known(blob)
            && self.has(&known, blob, n)
        {
            return self.read(blob, &known, n).await;
        }
        if let Some(value) = shared.below.get(key).await? {
            return Ok(Some(value));
        }
        match shared.object(blob).await? {
            Some(known) if self.has(&known, blob, n) => self.read(blob, &known, n).await,
            _ => Ok(None),
        }
    }

    /// Whether an object has a chunk that was not removed.
    fn has(&self, known: &Known, blob: BlobId, n: u32) -> bool {
        known.object.chunks.contains_key(&n) && !self.0.removals.has(blob, n)
    }

    async fn read(&self, blob: BlobId, known: &Known, n: u32) -> Result<Option<Vec<u8>>> {
        let Self(shared) = self;
        Ok(shared.reader.read(&shared.client, blob, known, n).await?.map(Vec::from))
    }

    /// Completes the object that a manifest relies on.
    async fn complete(&self, blob: BlobId, manifest: &[u8]) -> Result<()> {
        let Self(shared) = self;
        shared.finish(blob).await?;
        match decode::<Manifest>(&Key::manifest(blob), manifest) {
            Ok(manifest) if manifest.place(blob) != blob => shared.finish(manifest.place(blob)).await,
            _ => Ok(()),
        }
    }
}

impl KeyValue for Objects {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>>> {
        match Kind::of(key) {
            Some(Kind::Chunk(blob, n)) => self.get_chunk(key, blob, n).boxed(),
            _ => self.0.below.get(key),
        }
    }

    fn set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> BoxFuture<'a, Result<()>> {
        async move {
            match Kind::of(key) {
                Some(Kind::Chunk(blob, n)) => return self.set_chunk(key, blob, n, value).await,
                Some(Kind::Manifest(blob)) => self.complete(blob, &value).await?,
                _ => {}
            }
            self.settle().await?;
            self.0.below.set(key, value).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<()>> {
        async move {
            if let Some(Kind::Chunk(blob, n)) = Kind::of(key) {
                return if self.remove_from_object(blob, n).await? { Ok(()) } else { self.0.below.delete(key).await };
            }
            self.settle().await?;
            self.0.below.delete(key).await
        }
        .boxed()
    }

    fn increment<'a>(&'a self, key: &'a str, delta: i64) -> BoxFuture<'a, Result<i64>> {
        self.0.below.increment(key, delta)
    }

    fn keys<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        self.list(prefix)
    }

    fn record_writes(&self) -> Option<Arc<RecordWrites>> {
        self.0.below.record_writes()
    }
}

#[cfg(test)]
pub(super) mod tests;
