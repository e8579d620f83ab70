//! Turns bytes into packed, verified chunks: hashes, counts, sniffs and cuts on the way. Pure.
//!
//! It takes pieces of any size, and holds one block at a time.

use burrow_model::error::Error;
use burrow_model::key::Sha256Hex;
use burrow_model::record::Codec;
use burrow_model::record::Manifest;
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::codec::deflate::{Deflater, Level, inflate_block};
use crate::codec::{BLOCK, STEP, pays};
use crate::compression::Compression;
use crate::ports::Clock;
use crate::sniff::{Sniffed, describe, sniff};

/// Types whose own compression leaves so little to deflate that it is not tried: it took two thirds of the time of adding
/// a mixed corpus (docs/decisions/0017). Repacking makes most of them smaller.
const COMPRESSED: [&str; 6] = ["image/avif", "image/heif", "image/jpeg", "image/jxl", "image/png", "image/webp"];

/// Turns a stream of bytes into chunks and, at the end, a manifest.
#[derive(Debug)]
pub struct Packer {
    max_size: u64,
    block: Vec<u8>,
    way: Way,
    sha256: Sha256,
    crc32: crc32fast::Hasher,
    size: u64,
    sniffed: Option<Sniffed>,
    chunks: Vec<(u32, u64)>,
}

/// How blocks are packed.
#[derive(Debug)]
enum Way {
    /// The first block decides.
    Undecided,
    Raw,
    Deflate(Deflater),
}

impl Packer {
    /// Makes a packer that takes at most `max_size` bytes (the setting `max_image_bytes`), and only an image.
    pub fn new(max_size: u64) -> Self {
        Self {
            max_size,
            block: Vec::with_capacity(BLOCK),
            way: Way::Undecided,
            sha256: Sha256::new(),
            crc32: crc32fast::Hasher::new(),
            size: 0,
            sniffed: None,
            chunks: Vec::new(),
        }
    }

    /// Takes bytes up to the end of the current block, and returns the rest.
    pub fn take<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let room = BLOCK - self.block.len();
        let (taken, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.size += taken.len() as u64;
        if self.size > self.max_size {
            return Err(Error::Limit { limit: "max_image_bytes", allowed: self.max_size, seen: self.size });
        }
        self.sha256.update(taken);
        self.crc32.update(taken);
        self.block.extend_from_slice(taken);
        Ok(rest)
    }

    /// Whether the current block must be packed before more is taken.
    pub fn is_full(&self) -> bool {
        self.block.len() == BLOCK
    }

    /// Whether there is a last, shorter block to pack.
    pub fn has_rest(&self) -> bool {
        !self.block.is_empty()
    }

    /// Packs the current block and empties it. With the first block it checks that this is an image, and decides how all
    /// blocks are packed. It lets other tasks run every [`STEP`] bytes.
    pub async fn pack_block(&mut self, clock: &impl Clock) -> Result<Vec<u8>, Error> {
        let chunk = match &mut self.way {
            Way::Undecided => self.pack_first_block(clock).await?,
            Way::Deflate(deflater) => deflate(deflater, &self.block, clock).await?,
            Way::Raw => self.replace_block(),
        };
        clock.yield_now().await;
        self.block.clear();
        Ok(chunk)
    }

    /// Takes the current block for a helper to [`deflate`]. `None` unless it is to be deflated at the helpers' level.
    pub fn take_block(&mut self) -> Option<Vec<u8>> {
        let is_for_helpers = matches!(&self.way, Way::Deflate(deflater) if deflater.level() == Level::Quick);
        is_for_helpers.then(|| self.replace_block())
    }

    fn replace_block(&mut self) -> Vec<u8> {
        std::mem::replace(&mut self.block, Vec::with_capacity(BLOCK))
    }

    /// Records the length and checksum of the next chunk, in the order of the blocks. Returns its number.
    pub fn note(&mut self, chunk: &[u8]) -> u32 {
        let number = u32::try_from(self.chunks.len()).unwrap_or(u32::MAX);
        let len = u32::try_from(chunk.len()).unwrap_or(u32::MAX);
        self.chunks.push((len, xxh3_64(chunk)));
        number
    }

    /// Ends, and returns the manifest and the type of the image.
    pub fn finish(self) -> Result<(Manifest, Sniffed), Error> {
        let sniffed = self.sniffed.ok_or_else(|| Error::NotAnImage(describe(&[])))?;
        let manifest = Manifest {
            codec: if matches!(self.way, Way::Deflate(_)) { Codec::Deflate } else { Codec::Raw },
            size: self.size,
            sha256: Sha256Hex::from_digest(&self.sha256.finalize()),
            crc32: self.crc32.finalize(),
            chunks: self.chunks,
            repacked: None,
        };
        Ok((manifest, sniffed))
    }

    /// Packs the first block. All blocks are raw if the type is one of [`COMPRESSED`], if the middle of the block, past
    /// headers and metadata, does not shrink by 2 %, or if the whole block does not.
    async fn pack_first_block(&mut self, clock: &impl Clock) -> Result<Vec<u8>, Error> {
        const PROBE: usize = 32 * 1024;
        let sniffed = sniff(&self.block).ok_or_else(|| Error::NotAnImage(describe(&self.block)))?;
        let media_type = sniffed.media_type;
        self.sniffed = Some(sniffed);
        if !COMPRESSED.contains(&media_type) {
            let start = self.block.len().saturating_sub(PROBE) / 2;
            let probe = self.block.get(start..).unwrap_or_default();
            let probe = probe.get(..PROBE).unwrap_or(probe);
            let mut deflater = Deflater::new(level_of(media_type));
            deflater.push(probe)?;
            if pays(probe.len(), deflater.finish_block()?.len()) {
                let chunk = deflate(&mut deflater, &self.block, clock).await?;
                if pays(self.block.len(), chunk.len()) {
                    self.way = Way::Deflate(deflater);
                    return Ok(chunk);
                }
            }
        }
        self.way = Way::Raw;
        Ok(self.replace_block())
    }
}

/// Quick for what `balanced`, the default, repacks, whatever the operator's setting is.
fn level_of(media_type: &str) -> Level {
    if Compression::default().choices(media_type).is_empty() { Level::Thorough } else { Level::Quick }
}

/// Packs a block, unpacks it again and compares. It lets other tasks run every [`STEP`] bytes.
pub async fn deflate(deflater: &mut Deflater, block: &[u8], clock: &impl Clock) -> Result<Vec<u8>, Error> {
    for step in block.chunks(STEP) {
        deflater.push(step)?;
        clock.yield_now().await;
    }
    let chunk = deflater.finish_block()?;
    if inflate_block(&chunk, block.len())? == block {
        Ok(chunk)
    } else {
        Err(Error::Corrupt("a packed block did not unpack to the same bytes, so it was not stored".into()))
    }
}
