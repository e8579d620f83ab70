//! Lists keys: those of the store below, and the chunks in objects as if they had keys of their own.
//!
//! A chunk that lies beyond its object's end, or whose object is missing, is not listed, so `verify` misses it. An
//! object that no record names is listed as the first chunk of its blob, so `verify` finds that no image uses it.

use std::collections::BTreeMap;

use burrow_model::key::{BlobId, Family, Key, Kind};
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};

use super::super::{KEYS_A_BATCH, Result};
use super::{Objects, Shared, opening};

/// Records read at once.
const AT_ONCE: usize = 32;

impl Objects {
    pub(super) fn list<'a>(&'a self, prefix: &'a str) -> BoxStream<'a, Result<Vec<String>>> {
        let Self(shared) = self;
        let below = shared.below.keys(prefix).map_ok(|mut keys| {
            keys.retain(|key| Family::of(key) != Some(Family::Object));
            keys
        });
        let chunk = Family::Chunk.prefix();
        if !chunk.starts_with(prefix) && !prefix.starts_with(chunk) {
            return below.boxed();
        }
        let chunks = stream::once(shared.chunks()).try_flatten().map_ok(move |mut keys| {
            keys.retain(|key| key.starts_with(prefix));
            keys
        });
        below.chain(chunks).boxed()
    }
}

impl Shared {
    /// The keys of all chunks in objects.
    async fn chunks(&self) -> Result<BoxStream<'_, Result<Vec<String>>>> {
        // What is in a place that became another's is not this vault's to judge.
        opening::is_ours(&self.client, &self.vault).await?;
        let objects = self.client.list().map_ok(|(blob, size)| (blob, (size, false))).try_collect().await?;
        let named = self.below.keys(Family::Object.prefix());
        let listing = Listing { shared: self, objects };
        Ok(stream::try_unfold((listing, Some(named)), |(mut listing, named)| async move {
            let Some(mut named) = named else { return Ok(None) };
            let Some(keys) = named.try_next().await? else {
                let strays = listing.strays().await?;
                return Ok(Some((strays, (listing, None))));
            };
            let chunks = listing.chunks_of(keys).await?;
            Ok(Some((chunks, (listing, Some(named)))))
        })
        .map_ok(|keys| batches(&keys))
        .try_flatten()
        .boxed())
    }
}

/// Cuts keys into batches.
fn batches(keys: &[String]) -> BoxStream<'static, Result<Vec<String>>> {
    let batches: Vec<_> = keys.chunks(KEYS_A_BATCH).map(|batch| Ok(batch.to_vec())).collect();
    stream::iter(batches).boxed()
}

/// A listing that is under way.
struct Listing<'a> {
    shared: &'a Shared,
    /// The size of each object, and whether a record names it.
    objects: BTreeMap<BlobId, (u64, bool)>,
}

impl Listing<'_> {
    /// The keys of the chunks that these records name, and that are there.
    async fn chunks_of(&mut self, records: Vec<String>) -> Result<Vec<String>> {
        let blob = |key: String| match Kind::of(&key) {
            Some(Kind::Object(blob)) => Some(blob),
            _ => None,
        };
        let (blobs, shared) = (records.into_iter().filter_map(blob), self.shared);
        let reading = stream::iter(blobs).map(|blob| async move { Ok((blob, shared.object(blob).await?)) });
        let read: Vec<_> = reading.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut keys = Vec::new();
        for (blob, known) in read {
            let Some((size, known)) = self.objects.get_mut(&blob).zip(known) else { continue };
            size.1 = true;
            let size = size.0;
            let there =
                known.object.chunks.iter().filter(|(_, (offset, len))| offset.saturating_add(u64::from(*len)) <= size);
            let there = there.filter(|(n, _)| !shared.removals.has(blob, **n));
            keys.extend(there.map(|(n, _)| Key::chunk(blob, *n).as_str().to_owned()));
        }
        Ok(keys)
    }

    fn unnamed(&self) -> impl Iterator<Item = BlobId> + use<> {
        let unnamed = self.objects.iter().filter(|(_, (_, is_named))| !is_named);
        unnamed.map(|(blob, _)| *blob).collect::<Vec<_>>().into_iter()
    }

    /// The keys that stand for objects without a record.
    async fn strays(&self) -> Result<Vec<String>> {
        let mut strays = Vec::new();
        for blob in self.unnamed() {
            let is_written = self.shared.uploads().contains_key(&blob);
            if !is_written && self.shared.object(blob).await?.is_none() {
                self.shared.removals.remember_stray(blob);
                strays.push(Key::chunk(blob, 0).as_str().to_owned());
            }
        }
        Ok(strays)
    }
}
