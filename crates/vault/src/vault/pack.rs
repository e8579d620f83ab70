//! Packs a stream into stored chunks, with the help of other instances if the image is large and deflated quickly.

use std::pin::pin;

use burrow_model::error::Error;
use burrow_model::key::{BlobId, Sha256Hex};
use burrow_model::record::{Content, Manifest, Told};
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::FuturesOrdered;

use super::Vault;
use super::measure::measured;
use crate::codec::deflate::{Deflater, Level};
use crate::codec::gzip;
use crate::packer::{Packer, deflate};
use crate::ports::{ByteSource, Ports};

/// Chunks of an image that this instance packs before it asks helpers, so that small images leave them to large ones.
const ALONE: u32 = 32;

/// Content that is packed into chunks and belongs to no image yet.
#[derive(Clone, Debug)]
pub struct Packed {
    pub(super) manifest: Manifest,
    pub(super) content: Content,
}

impl Packed {
    /// SHA-256 of the original.
    pub fn sha256(&self) -> &Sha256Hex {
        &self.manifest.sha256
    }
}

/// One packing: its blob, and the chunks stored so far.
struct Chunks<'a, P> {
    vault: &'a Vault<P>,
    blob: BlobId,
    packer: Packer,
    stored: u32,
}

impl<P: Ports> Vault<P> {
    /// Packs all of `source`, the content of a new image, into chunks that no reader can find. The caller must
    /// [`Vault::keep`] or [`Vault::discard`] them.
    pub async fn pack(&self, source: &mut impl ByteSource) -> Result<Packed, Error> {
        self.check_images().await?;
        self.pack_content(source).await
    }

    /// The same for an image that is there already.
    pub(super) async fn pack_content(&self, source: &mut impl ByteSource) -> Result<Packed, Error> {
        let blob = BlobId::new(self.ports.now(), &self.ports.ten_bytes());
        let packer = Packer::new(self.settings.max_image_bytes);
        let mut chunks = Chunks { vault: self, blob, packer, stored: 0 };
        let taken = chunks.take(source).await;
        let stored = chunks.stored;
        let ended = async { taken.map(|()| chunks)?.finish().await }.await;
        match ended {
            Ok(whole) => Ok(whole),
            Err(error) => {
                // No manifest names these chunks. If deleting them fails, or nobody waits for this any more, `verify`
                // finds them.
                let _ = self.store.delete_chunks(blob, stored).await;
                Err(error)
            }
        }
    }

    /// Deletes packed content that is not needed.
    pub async fn discard(&self, packed: &Packed) -> Result<(), Error> {
        let chunks = u32::try_from(packed.manifest.chunks.len()).unwrap_or(u32::MAX);
        self.store.delete_chunks(packed.content.blob, chunks).await
    }

    /// Has a helper pack a block, or packs it here if no helper did.
    async fn pack_elsewhere(&self, block: Vec<u8>) -> Result<Vec<u8>, Error> {
        if let Some(packed) = self.ports.pack_elsewhere(&block).await
            && let Some(chunk) = gzip::only_block(&packed, &block)
        {
            return Ok(chunk.to_vec());
        }
        deflate(&mut Deflater::new(Level::Quick), &block, &self.ports).await
    }
}

impl<P: Ports> Chunks<'_, P> {
    async fn take(&mut self, source: &mut impl ByteSource) -> Result<(), Error> {
        let (vault, packers) = (self.vault, self.vault.settings.host.packers);
        let mut elsewhere = FuturesOrdered::new();
        loop {
            let mut next = pin!(source.next());
            // Helpers make progress only while this task polls them.
            let piece = loop {
                if elsewhere.is_empty() {
                    break next.await?;
                }
                match select(next.as_mut(), elsewhere.next()).await {
                    Either::Left((piece, _)) => break piece?,
                    Either::Right((chunk, _)) => self.put(chunk).await?,
                }
            };
            let Some(piece) = piece else { break };
            let mut rest = piece.as_slice();
            while !rest.is_empty() {
                rest = self.packer.take(rest)?;
                if !self.packer.is_full() {
                    continue;
                }
                let is_large = packers > 1 && self.stored >= ALONE;
                if let Some(block) = if is_large { self.packer.take_block() } else { None } {
                    while elsewhere.len() >= packers {
                        let chunk = elsewhere.next().await;
                        self.put(chunk).await?;
                    }
                    elsewhere.push_back(vault.pack_elsewhere(block));
                } else {
                    self.pack_block().await?;
                }
            }
        }
        while let chunk @ Some(_) = elsewhere.next().await {
            self.put(chunk).await?;
        }
        if self.packer.has_rest() { self.pack_block().await } else { Ok(()) }
    }

    async fn pack_block(&mut self) -> Result<(), Error> {
        let chunk = self.packer.pack_block(&self.vault.ports).await;
        self.put(Some(chunk)).await
    }

    async fn put(&mut self, chunk: Option<Result<Vec<u8>, Error>>) -> Result<(), Error> {
        let Some(chunk) = chunk.transpose()? else { return Ok(()) };
        let number = self.packer.note(&chunk);
        // Counted first: a write that failed may still take effect.
        self.stored = number + 1;
        self.vault.store.put_chunk(self.blob, number, chunk).await
    }

    async fn finish(self) -> Result<Packed, Error> {
        let (manifest, sniffed) = self.packer.finish()?;
        let appearance = if sniffed.is_further_behind {
            measured(self.vault.store.blob(self.blob, manifest.clone())).await?
        } else {
            sniffed.appearance
        };
        let content = Content {
            blob: self.blob,
            sha256: manifest.sha256.clone(),
            size: manifest.size,
            stored_size: manifest.stored_size(),
            codec: manifest.codec,
            media_type: sniffed.media_type.to_owned(),
            appearance,
            repacking: Told::default(),
        };
        Ok(Packed { manifest, content })
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a texture takes the low bits")]
mod tests {
    use super::*;
    use crate::codec::BLOCK;
    use crate::store::blob::Form;
    use crate::testing::{Whole, World};
    use crate::vault::{HostFacts, Label, VaultSettings};

    const BITMAP: &[u8] = b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0";
    const GIF: &[u8] = b"GIF89a\x10\0\x10\0\0\0\0";

    /// Packs an image of this head and this many blocks, and reads it back. Returns its manifest's chunks, and how many
    /// blocks helpers packed.
    fn packed(head: &[u8], blocks: usize, packers: usize) -> (Vec<(u32, u64)>, u64) {
        let texture = (0..blocks * BLOCK - 1000).map(|n| (n / 7) as u8 ^ (n >> 11) as u8);
        let bytes: Vec<u8> = head.iter().copied().chain(texture).collect();
        let world = World::default();
        let vault = Vault::new(
            world.clone(),
            VaultSettings { host: HostFacts { packers, ..HostFacts::default() }, ..VaultSettings::default() },
        );
        let chunks = world.run(async {
            let packed = vault.pack(&mut Whole::new(&bytes)).await.unwrap();
            let chunks = packed.manifest.chunks.clone();
            let image = vault.keep(vault.draft(Label::default()), packed).await.unwrap();
            let mut reader = vault.open(&image).await.unwrap().read(Form::Original, 0..bytes.len() as u64);
            let mut read = Vec::new();
            while let Some(piece) = reader.next().await.unwrap() {
                read.extend(piece);
            }
            assert!(read == bytes, "{blocks} blocks, {packers} packers");
            chunks
        });
        (chunks, world.helped())
    }

    #[test]
    fn a_large_image_is_packed_by_several_as_by_one() {
        let (alone, helped) = packed(BITMAP, 50, 1);
        assert_eq!(helped, 0);
        let (by_several, helped) = packed(BITMAP, 50, 4);
        assert!(alone == by_several && helped == 17, "{helped}");
        assert_eq!(packed(BITMAP, 32, 4).1, 0, "a small image needs no help");
        assert_eq!(packed(GIF, 50, 4).1, 0, "helpers deflate quickly, and a GIF stays as it is deflated");
    }
}
