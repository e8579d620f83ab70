//! Blobs: packed content in chunks, under a manifest that is written last.

use std::ops::Range;

use xxhash_rust::xxh3::xxh3_64;

use super::Store;
use crate::codec::{BLOCK, block_count, block_len};
use crate::error::Error;
use crate::key::{BlobId, Key};
use crate::ports::Ports;
use crate::record::{Content, Manifest};

impl<P: Ports> Store<P> {
    /// Stores a chunk. It need not be durable before the manifest is.
    pub async fn put_chunk(&self, blob: BlobId, n: u32, chunk: Vec<u8>) -> Result<(), Error> {
        Ok(self.ports.set(&Key::chunk(blob, n), chunk).await?)
    }

    /// Completes a blob.
    pub async fn save_manifest(&self, blob: BlobId, manifest: &Manifest) -> Result<(), Error> {
        self.save(&Key::manifest(blob), manifest).await
    }

    /// Deletes the first `chunks` chunks of a blob that was never completed, or that nobody uses.
    pub async fn delete_chunks(&self, blob: BlobId, chunks: u32) -> Result<(), Error> {
        for n in 0..chunks {
            self.ports.delete(&Key::chunk(blob, n)).await?;
        }
        Ok(())
    }

    pub(crate) async fn manifest(&self, blob: BlobId) -> Result<Option<Manifest>, Error> {
        self.load(&Key::manifest(blob)).await
    }

    pub(super) async fn delete_manifest(&self, blob: BlobId) -> Result<(), Error> {
        Ok(self.ports.delete(&Key::manifest(blob)).await?)
    }

    /// Opens the bytes of `range` (inside the content) of a ready image.
    pub async fn open_blob(&self, content: &Content, range: Range<u64>) -> Result<BlobReader<P>, Error> {
        let blob = content.blob;
        let manifest = self
            .manifest(blob)
            .await?
            .ok_or_else(|| Error::Corrupt(format!("manifest {} is missing", Key::manifest(blob))))?;
        let chunks = u32::try_from(manifest.chunks.len()).ok();
        if manifest.size != content.size
            || manifest.sha256 != content.sha256
            || chunks != block_count(content.size)
            || range.end > content.size
        {
            return Err(Error::Corrupt(format!("manifest {} is of other content", Key::manifest(blob))));
        }
        Ok(BlobReader { store: self.clone(), blob, manifest, range })
    }
}

/// Reads the original bytes of a blob, chunk by chunk, each checked before it is given out.
#[derive(Debug)]
pub struct BlobReader<P> {
    store: Store<P>,
    blob: BlobId,
    manifest: Manifest,
    range: Range<u64>,
}

impl<P: Ports> BlobReader<P> {
    /// Bytes still to come.
    pub fn remaining(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Returns the next bytes, at most [`BLOCK`], or none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let Range { start, end } = self.range;
        if start >= end {
            return Ok(None);
        }
        let n = u32::try_from(start / BLOCK as u64).unwrap_or(u32::MAX);
        let key = Key::chunk(self.blob, n);
        let corrupt = |why: &str| Error::Corrupt(format!("chunk {key} {why}"));
        let &(len, sum) = self.manifest.chunks.get(n as usize).ok_or_else(|| corrupt("is not in its manifest"))?;
        let chunk = self.store.ports.get(&key).await?.ok_or_else(|| corrupt("is missing"))?;
        if chunk.len() != len as usize || xxh3_64(&chunk) != sum {
            return Err(corrupt("does not match its checksum"));
        }
        let mut block = self.manifest.codec.unpack(chunk, block_len(self.manifest.size, n))?;
        let first = u64::from(n) * BLOCK as u64;
        let skip = usize::try_from(start - first).unwrap_or(BLOCK);
        let keep = usize::try_from(end - first).unwrap_or(BLOCK);
        block.truncate(keep);
        block.drain(..skip.min(block.len()));
        self.range.start += block.len() as u64;
        Ok(Some(block))
    }
}
