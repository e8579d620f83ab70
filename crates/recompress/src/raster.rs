//! Rows of pixels that stand in a file as they are, each filled up to the same length.

use burrow_pixels::{Depth, Effort, Layout};

use crate::coder;
use crate::symbols::Text;
use crate::{Damaged, Refused};

/// What the rows mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Raster {
    pub(crate) width: u32,
    pub(crate) rows: u32,
    pub(crate) channels: u8,
    /// Bits of a sample.
    pub(crate) depth: u8,
    pub(crate) is_palette: bool,
    /// The bytes from one row to the next.
    pub(crate) stride: u32,
}

impl Raster {
    /// The layout of the pixels, if the coder for pixels takes them, and the rows have room for them.
    pub(crate) fn layout(&self) -> Option<Layout> {
        let depth = Depth::from_bits(self.depth)?;
        let layout = Layout::new(self.width, self.rows, self.channels, depth, self.is_palette).ok()?;
        (layout.row_bytes() <= self.stride as usize).then_some(layout)
    }

    /// The bytes of all rows.
    pub(crate) fn bytes(&self) -> u64 {
        u64::from(self.stride) * u64::from(self.rows)
    }
}

/// Packs rows: returns the pixels, and what fills the rows up, which is nothing if it is zeros.
pub(crate) async fn pack(
    raster: &Raster,
    bytes: &[u8],
    effort: Effort,
    pause: &impl AsyncFn(),
) -> Result<(Vec<u8>, Vec<u8>), Refused> {
    let refused = Refused::Pixels("the coder for pixels does not take the rows");
    let layout = raster.layout().ok_or(refused)?;
    let mut encoder = burrow_pixels::Encoder::new(layout, effort);
    let (mut bits, mut text) = (coder::Encoder::new(), Text::default());
    let mut since_pause = 0;
    for row in bytes.chunks_exact((raster.stride as usize).max(1)) {
        let (pixels, filling) = row.split_at_checked(layout.row_bytes()).ok_or(refused)?;
        encoder.row(pixels).map_err(|_| refused)?;
        for byte in filling {
            text.code(&mut bits, *byte);
        }
        since_pause += row.len();
        if since_pause >= 32 * 1024 {
            since_pause = 0;
            pause().await;
        }
    }
    Ok((encoder.finish().map_err(|_| refused)?, bits.finish()))
}

/// Unpacks row after row.
#[derive(Debug)]
pub(crate) struct Unpacker<'a> {
    decoder: burrow_pixels::Decoder<&'a [u8]>,
    bits: coder::Decoder<'a>,
    text: Text,
    row: Vec<u8>,
    row_bytes: usize,
}

impl<'a> Unpacker<'a> {
    pub(crate) fn new(raster: &Raster, pixels: &'a [u8], filling: &'a [u8]) -> Result<Self, Damaged> {
        let layout = raster.layout().ok_or(Damaged::Stream)?;
        Ok(Self {
            decoder: burrow_pixels::Decoder::new(layout, pixels).map_err(|_| Damaged::Stream)?,
            bits: coder::Decoder::new(filling),
            text: Text::default(),
            row: vec![0; raster.stride as usize],
            row_bytes: layout.row_bytes(),
        })
    }

    /// The next row, with what fills it up.
    pub(crate) fn next(&mut self) -> Result<&[u8], Damaged> {
        let (pixels, filling) = self.row.split_at_mut_checked(self.row_bytes).ok_or(Damaged::Stream)?;
        self.decoder.row(pixels).map_err(|_| Damaged::Stream)?;
        for byte in filling {
            *byte = self.text.code(&mut self.bits, 0);
        }
        Ok(&self.row)
    }
}
