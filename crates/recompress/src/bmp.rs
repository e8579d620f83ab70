//! BMP: finds the rows of pixels of files that are not compressed.

use crate::Refused;
use crate::raster::Raster;

/// Where the rows begin, and what they mean. `Ok(None)` is a file of another format.
pub(crate) fn find(file: &[u8]) -> Result<Option<(usize, Raster)>, Refused> {
    if !file.starts_with(b"BM") {
        return Ok(None);
    }
    let refused = |reason| Err(Refused::Pixels(reason));
    let (Some(offset), Some(header)) = (u32_at(file, 10), u32_at(file, 14)) else { return Err(Refused::Truncated) };
    // BITMAPCOREHEADER has sizes of two bytes, and nothing is compressed.
    let (width, height, pixel, compression) = if header == 12 {
        let size = |at| u16_at(file, at).map(u32::from);
        (size(18), size(20), u16_at(file, 24), Some(0))
    } else {
        (u32_at(file, 18), u32_at(file, 22), u16_at(file, 28), u32_at(file, 30))
    };
    let (Some(width), Some(height), Some(pixel), Some(compression)) = (width, height, pixel, compression) else {
        return Err(Refused::Truncated);
    };
    // Rows from the top down have a negative height.
    let rows = if header == 12 { height } else { (height as i32).unsigned_abs() };
    let (channels, depth, is_palette) = match (pixel, compression) {
        (1 | 4 | 8, 0) => (1, pixel as u8, true),
        (24, 0) => (3, 8, false),
        // With compression 3, masks say which bytes are which colours.
        (32, 0 | 3) => (4, 8, false),
        (1 | 4 | 8 | 16 | 24 | 32, _) => return refused("the BMP is compressed, or has pixels of 16 bits"),
        _ => return refused("the BMP has pixels of an unknown size"),
    };
    let row_bits = u64::from(width) * u64::from(pixel);
    let Ok(stride) = u32::try_from(row_bits.div_ceil(32) * 4) else { return refused("the rows are too wide") };
    let raster = Raster { width, rows, channels, depth, is_palette, stride };
    let offset = offset as usize;
    match file.len().checked_sub(offset) {
        Some(rest) if rest as u64 >= raster.bytes() => Ok(Some((offset, raster))),
        _ => Err(Refused::Truncated),
    }
}

fn u16_at(file: &[u8], at: usize) -> Option<u16> {
    file.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u16::from_le_bytes(*bytes))
}

fn u32_at(file: &[u8], at: usize) -> Option<u32> {
    file.get(at..).and_then(<[u8]>::first_chunk).map(|bytes| u32::from_le_bytes(*bytes))
}
