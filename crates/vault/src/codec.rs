//! The lossless codecs. Pure: bytes in, bytes out.
//!
//! An original is cut into blocks of [`BLOCK`] bytes, and every block is packed by itself into one chunk, so that a
//! range of the original needs only its own chunks, and chunks can be packed and checked independently.

pub mod deflate;
pub mod gzip;
pub mod zip;

use burrow_model::error::Error;
use burrow_model::record::Codec;

/// Bytes of the original in one chunk. Packed, even at worst, a chunk stays under 252 KiB (258,048 bytes), which every
/// provider stores and which, with a key, fits a 256 KiB page of the embedded store.
pub const BLOCK: usize = 248 * 1024;

/// Bytes packed between two looks at other tasks: about 2 ms of work.
pub const STEP: usize = 64 * 1024;

/// Unpacks one chunk that must hold exactly `size` bytes. The memory used is `size`, whatever the chunk says.
pub fn unpack(codec: Codec, chunk: Vec<u8>, size: usize) -> Result<Vec<u8>, Error> {
    let block = match codec {
        Codec::Raw => chunk,
        Codec::Deflate => deflate::inflate_block(&chunk, size)?,
    };
    if block.len() == size {
        Ok(block)
    } else {
        Err(Error::Corrupt(format!("a chunk holds {} bytes, not {size}", block.len())))
    }
}

/// Whether packing `before` bytes into `after` is worth it: it saves at least 2 %.
pub fn pays(before: usize, after: usize) -> bool {
    after < before - before / 50
}

/// The length of block `n` of `size` bytes.
pub fn block_len(size: u64, n: u32) -> usize {
    let start = u64::from(n) * BLOCK as u64;
    usize::try_from(size.saturating_sub(start)).unwrap_or(BLOCK).min(BLOCK)
}

/// How many blocks `size` bytes make, or none if more than a chunk's number can count.
pub fn block_count(size: u64) -> Option<u32> {
    u32::try_from(size.div_ceil(BLOCK as u64)).ok()
}
