//! Undoes the deflate inside PNG files and redoes it exactly, so that a better coder can have the pixels.
//! The pixels of BMP files, which are not compressed, go to that coder as they are.
//!
//! A PNG's pixels are filtered and deflated. [`pack()`] inflates them, and keeps what deflating them again the way zlib
//! does would get wrong: usually nothing. Filters are undone, and the pixels are coded by a coder for pixels. [`unpack()`]
//! gives the same file back. docs/codecs/recompress.md describes the packed form.
//!
//! Packing checks that a file can be described. It does not unpack the result: callers do, and compare.

#![deny(clippy::float_arithmetic)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "numbers are cut to the widths that the formats give them; positions fit 31 bits, because streams are short"
)]

mod bmp;
mod coder;
mod cost;
mod deflate;
mod error;
mod format;
mod pack;
mod png;
mod raster;
mod skeleton;
mod symbols;
#[cfg(test)]
mod testing;
mod unpack;

pub use burrow_pixels::Effort;
pub use error::{Damaged, Failure, Refused};
pub use format::{Info, info};
pub use pack::pack;
pub use unpack::unpack;

/// The most plain bytes of a stream: positions in it fit 31 bits.
pub(crate) const MOST_PLAIN: u32 = 1 << 30;

/// What packing and unpacking may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest file, and the most plain bytes of an image, in bytes.
    pub length: u64,
    /// The most memory beside the file and its packed form, in bytes.
    pub memory: u64,
    /// The most work of unpacking, in the units of [`Info::work`]. When a file is packed with [`Effort::Fast`], this limits
    /// what that takes; the packed form states more.
    pub work: u64,
}

impl Default for Limits {
    /// Files of up to 512 MiB, within 96 MiB of memory, unpacked in any time.
    fn default() -> Self {
        Self { length: 512 << 20, memory: 96 << 20, work: u64::MAX }
    }
}
