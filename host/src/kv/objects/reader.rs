//! Reads chunks from objects, and the next ones with them when a blob is read from its start to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use burrow_model::key::BlobId;
use burrow_model::record::Object;
use bytes::Bytes;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::super::Result;
use super::bucket::Client;

/// Bytes that are read at once when chunks are read one after the other.
const AHEAD: u64 = 2 * 1024 * 1024;

/// Bytes of chunks that were read ahead and not asked for yet.
const KEPT: u64 = 64 * 1024 * 1024;

/// Objects whose records are kept.
const KNOWN: usize = 4096;

/// An object, and how it is read.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) object: Object,
    /// The chunk after the one that was read last.
    next: AtomicU32,
}

/// Reads chunks, and keeps some records and chunks in memory.
#[derive(Debug)]
pub(super) struct Reader {
    known: Cache<BlobId, Arc<Known>>,
    ahead: Cache<(BlobId, u32), Bytes, Length>,
}

#[derive(Clone, Debug)]
struct Length;

impl Weighter<(BlobId, u32), Bytes> for Length {
    fn weight(&self, _: &(BlobId, u32), chunk: &Bytes) -> u64 {
        chunk.len() as u64
    }
}

impl Reader {
    pub(super) fn new() -> Self {
        let chunks = usize::try_from(KEPT / AHEAD * 8).unwrap_or(usize::MAX);
        Self { known: Cache::new(KNOWN), ahead: Cache::with_weighter(chunks, KEPT, Length) }
    }

    /// The object's record, if it is kept.
    pub(super) fn known(&self, blob: BlobId) -> Option<Arc<Known>> {
        self.known.get(&blob)
    }

    /// Keeps an object's record.
    pub(super) fn learn(&self, blob: BlobId, object: Object) -> Arc<Known> {
        let known = Arc::new(Known { object, next: AtomicU32::new(u32::MAX) });
        self.known.insert(blob, known.clone());
        known
    }

    /// Forgets an object that was deleted.
    pub(super) fn forget(&self, blob: BlobId) {
        self.known.remove(&blob);
    }

    /// Reads a chunk. `None` if the object has no such chunk, or cannot be read.
    pub(super) async fn read(&self, client: &Client, blob: BlobId, known: &Known, n: u32) -> Result<Option<Bytes>> {
        let Some(&(offset, len)) = known.object.chunks.get(&n) else { return Ok(None) };
        let is_next = known.next.swap(n.wrapping_add(1), Ordering::Relaxed) == n;
        if let Some((_, chunk)) = self.ahead.remove(&(blob, n)) {
            return Ok(Some(chunk));
        }
        let end = end_of(offset, len);
        let mut following = Vec::new();
        if is_next {
            let chunks = known.object.chunks.range(n.saturating_add(1)..).map(|(n, place)| (*n, *place));
            let near = chunks
                .take_while(|&(_, (begin, len))| begin >= end && end_of(begin, len) <= offset.saturating_add(AHEAD));
            following.extend(near);
        }
        let last = following.iter().map(|&(_, (begin, len))| end_of(begin, len)).max().unwrap_or(end);
        let mut read = client.read(blob, offset..last).await?;
        if read.is_none() && last > end {
            // The chunk itself may be whole.
            (read, following) = (client.read(blob, offset..end).await?, Vec::new());
        }
        let Some(bytes) = read else { return Ok(None) };
        // Each chunk is copied once, so that none keeps its neighbours in memory.
        let copy = |begin: u64, len: u32| {
            let begin = usize::try_from(begin - offset).unwrap_or(usize::MAX);
            bytes.get(begin..begin.saturating_add(len as usize)).map(Bytes::copy_from_slice)
        };
        for (n, (begin, len)) in following {
            if let Some(chunk) = copy(begin, len) {
                self.ahead.insert((blob, n), chunk);
            }
        }
        Ok(copy(offset, len))
    }
}

fn end_of(offset: u64, len: u32) -> u64 {
    offset.saturating_add(len.into())
}
