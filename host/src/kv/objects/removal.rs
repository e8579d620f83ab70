//! Removes chunks from objects, and deletes an object with its last chunk.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use burrow_model::key::{BlobId, Key};
use burrow_model::record::Object;

use super::super::Result;
use super::upload::Order;
use super::{Objects, Shared};

/// Chunks that were removed, while their objects' records still name them.
#[derive(Debug, Default)]
pub(super) struct Removals {
    removed: Mutex<HashMap<BlobId, BTreeSet<u32>>>,
    /// Objects without a record, as the last listing found them.
    strays: Mutex<HashSet<BlobId>>,
    /// Held while a record is made to agree, so that an older one never replaces a newer one.
    turn: tokio::sync::Mutex<()>,
}

impl Removals {
    fn removed(&self) -> MutexGuard<'_, HashMap<BlobId, BTreeSet<u32>>> {
        // No code panics while it holds the lock; the same is true below.
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn strays(&self) -> MutexGuard<'_, HashSet<BlobId>> {
        self.strays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a chunk was removed.
    pub(super) fn has(&self, blob: BlobId, n: u32) -> bool {
        self.removed().get(&blob).is_some_and(|removed| removed.contains(&n))
    }

    /// Remembers an object without a record: removing the first chunk of its blob deletes it.
    pub(super) fn remember_stray(&self, blob: BlobId) {
        self.strays().insert(blob);
    }
}

impl Objects {
    /// Removes a chunk from its blob's object. Returns whether it was there.
    ///
    /// The chunks of a blob go one after the other. The record is written again only before the next other write, and
    /// most often not at all, because the object is deleted with its last chunk.
    pub(super) async fn remove_from_object(&self, blob: BlobId, n: u32) -> Result<bool> {
        let Self(shared) = self;
        if let Some(removed) = shared.order(blob, || Order::Remove(n)).await
            && removed?
        {
            return Ok(true);
        }
        let Some(known) = shared.object(blob).await? else {
            if n == 0 && shared.removals.strays().remove(&blob) {
                shared.client.delete(blob).await?;
            }
            return Ok(false);
        };
        let chunks = &known.object.chunks;
        let is_there = chunks.contains_key(&n) && !shared.removals.has(blob, n);
        let is_last = {
            let mut removals = shared.removals.removed();
            let removed = removals.entry(blob).or_default();
            if is_there {
                removed.insert(n);
            }
            chunks.keys().all(|n| removed.contains(n))
        };
        if is_last {
            let _turn = shared.removals.turn.lock().await;
            shared.agree(blob).await?;
        }
        Ok(is_there)
    }

    /// Makes the records of objects agree with what was removed.
    pub(super) async fn settle(&self) -> Result<()> {
        let Self(shared) = self;
        if shared.removals.removed().is_empty() {
            return Ok(());
        }
        let _turn = shared.removals.turn.lock().await;
        let blobs: Vec<BlobId> = shared.removals.removed().keys().copied().collect();
        for blob in blobs {
            shared.agree(blob).await?;
        }
        Ok(())
    }
}

impl Shared {
    /// Writes an object's record without the chunks that were removed, or deletes record and object. The record goes
    /// first, and everything that was written before is durable with that: no durable record needs the object then.
    async fn agree(&self, blob: BlobId) -> Result<()> {
        let Some(removed) = self.removals.removed().get(&blob).cloned() else { return Ok(()) };
        if let Some(known) = self.object(blob).await? {
            let chunks = known.object.chunks.iter().filter(|(n, _)| !removed.contains(n));
            let left = Object { chunks: chunks.map(|(n, place)| (*n, *place)).collect() };
            if left.chunks.is_empty() {
                self.below.delete(Key::object(blob).as_str()).await?;
                self.reader.forget(blob);
                if let Err(error) = self.client.delete(blob).await {
                    tracing::warn!("{error}; `burrow verify --repair` deletes it later");
                }
            } else if left != known.object {
                self.record(blob, left).await?;
            }
        }
        let mut removals = self.removals.removed();
        if let Some(now) = removals.get_mut(&blob) {
            now.retain(|n| !removed.contains(n));
            if now.is_empty() {
                removals.remove(&blob);
            }
        }
        Ok(())
    }
}
