//! The layout of an image: what its rows mean, as the PNG header says it.

use crate::model::Effort;

/// The largest number of samples in a row, which bounds the memory for rows.
const WIDEST: u64 = 1 << 20;

/// Bits of one sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Depth {
    /// 1 bit.
    One = 1,
    /// 2 bits.
    Two = 2,
    /// 4 bits.
    Four = 4,
    /// 8 bits.
    Eight = 8,
    /// 16 bits, big-endian.
    Sixteen = 16,
}

impl Depth {
    /// The depth of so many bits.
    pub fn from_bits(bits: u8) -> Option<Self> {
        [Self::One, Self::Two, Self::Four, Self::Eight, Self::Sixteen].into_iter().find(|depth| *depth as u8 == bits)
    }

    /// The number of bits.
    pub fn bits(self) -> u32 {
        self as u32
    }
}

/// The layout of an image (PNG section 7.2): rows of packed samples without filters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    width: u32,
    rows: u32,
    channels: u8,
    depth: Depth,
    palette: bool,
}

/// Why there can be no such [`Layout`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There are no pixels.
    #[error("an image of {width} x {rows} pixels has no pixels")]
    Empty {
        /// Pixels in a row.
        width: u32,
        /// The number of rows.
        rows: u32,
    },
    /// Rows are too long.
    #[error("a row of {samples} samples is longer than the limit of {WIDEST}")]
    Wide {
        /// Samples in a row.
        samples: u64,
    },
    /// No PNG has pixels like that.
    #[error("pixels of {channels} channels of {} bits{} do not exist", depth.bits(), if *palette { " with a palette" } else { "" })]
    Pixel {
        /// Samples in a pixel.
        channels: u8,
        /// Bits of a sample.
        depth: Depth,
        /// Whether samples are indexes into a palette.
        palette: bool,
    },
}

impl Layout {
    /// The layout of `rows` rows of `width` pixels. A pixel has 1 (grey, or a palette index), 2 (grey, alpha), 3 (red,
    /// green, blue) or 4 channels (red, green, blue, alpha). Samples of fewer than 8 bits have one channel; so has a
    /// palette, and at most 8 bits.
    pub fn new(width: u32, rows: u32, channels: u8, depth: Depth, palette: bool) -> Result<Self, LayoutError> {
        if width == 0 || rows == 0 {
            return Err(LayoutError::Empty { width, rows });
        }
        let one_channel = palette || depth < Depth::Eight;
        if !(1..=4).contains(&channels) || one_channel && channels > 1 || palette && depth == Depth::Sixteen {
            return Err(LayoutError::Pixel { channels, depth, palette });
        }
        let samples = u64::from(width) * u64::from(channels);
        if samples > WIDEST {
            return Err(LayoutError::Wide { samples });
        }
        Ok(Self { width, rows, channels, depth, palette })
    }

    /// Bytes of a row: the last byte of samples smaller than a byte may have bits that no pixel uses. The coder keeps
    /// them too.
    pub fn row_bytes(&self) -> usize {
        (self.width as usize * usize::from(self.channels) * self.depth.bits() as usize).div_ceil(8)
    }

    /// The bytes of all rows.
    pub fn bytes(&self) -> u64 {
        self.row_bytes() as u64 * u64::from(self.rows)
    }

    /// The number of rows.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Samples in a pixel.
    pub fn channels(&self) -> usize {
        usize::from(self.channels)
    }

    /// Bits of a sample.
    pub fn depth(&self) -> Depth {
        self.depth
    }

    /// Whether neighbouring values say nothing about a value except by being equal: indexes, and samples of a few bits.
    pub(crate) fn is_indexed(&self) -> bool {
        self.palette || self.depth < Depth::Eight
    }

    /// Pixels that are coded for each row: those that its bytes have room for.
    pub(crate) fn row_pixels(&self) -> usize {
        self.row_bytes() * 8 / (self.depth.bits() as usize * self.channels())
    }

    /// Bytes that an encoder or a decoder of that effort uses, without the packed bytes.
    pub fn memory(&self, effort: Effort) -> u64 {
        crate::model::memory(self, effort)
    }
}
