//! The lossless codecs: bytes in, bytes out. Pure.
//!
//! [`deflate`] cuts an original into blocks of [`BLOCK`] bytes, and packs each block into one chunk without the others.
//! So a range of the original needs only its own chunks, and chunks can be packed and checked independently. The codecs
//! of [`whole`] pack an original as a whole, and make it smaller.

pub mod deflate;
pub mod gzip;
pub mod lepton;
pub mod lzma;
pub mod pixels;
pub mod whole;
pub mod zip;

use burrow_model::error::Error;
use burrow_model::record::Codec;

/// Bytes of the original in one chunk. A packed chunk has at most 252 KiB (258,048 bytes) even in the worst case. Every
/// provider stores that many, and with a key they fit a 256 KiB page of the embedded store.
pub const BLOCK: usize = 248 * 1024;

/// Bytes packed before other tasks may run: about 2 ms of work.
pub const STEP: usize = 64 * 1024;

/// Unpacks one chunk that must hold exactly `size` bytes. It allocates `size` bytes, whatever the chunk says.
pub fn unpack(codec: Codec, chunk: Vec<u8>, size: usize) -> Result<Vec<u8>, Error> {
    let block = match codec {
        Codec::Raw => chunk,
        Codec::Deflate => deflate::inflate_block(&chunk, size)?,
        Codec::Lepton | Codec::Pixels | Codec::PixelsFast | Codec::Lzma => {
            return Err(Error::Corrupt("a chunk of a blob packed as a whole has no block".into()));
        }
    };
    if block.len() == size {
        Ok(block)
    } else {
        Err(Error::Corrupt(format!("a chunk holds {} bytes, not {size}", block.len())))
    }
}

/// Whether packing pays: `after` is at least 2 % less than `before`.
pub fn pays(before: usize, after: usize) -> bool {
    after < before - before / 50
}

/// The length of block `n` of an original of `size` bytes.
pub fn block_len(size: u64, n: u32) -> usize {
    let start = u64::from(n) * BLOCK as u64;
    usize::try_from(size.saturating_sub(start)).unwrap_or(BLOCK).min(BLOCK)
}

/// How many blocks an original of `size` bytes has; `None` if chunk numbers cannot count them.
pub fn block_count(size: u64) -> Option<u32> {
    u32::try_from(size.div_ceil(BLOCK as u64)).ok()
}
