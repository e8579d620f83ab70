//! Finds the size of a TIFF (TIFF 6.0, section 2; `BigTIFF`) in its first directory, wherever that is.

use super::look::{Look, Unknown};
use super::size::Size;

/// The most entries of a directory.
const MAX_ENTRIES: u64 = 4096;

/// Reads the numbers of a TIFF, in its byte order.
struct Numbers<'a, L> {
    look: &'a mut L,
    is_big_endian: bool,
}

impl<L: Look> Numbers<'_, L> {
    /// The number of this many bytes, at most 8.
    async fn number(&mut self, at: u64, length: usize) -> Result<u64, Unknown> {
        let mut bytes = [0; 8];
        let used = bytes.get_mut(..length).ok_or(Unknown::Unsaid)?;
        self.look.read(at, used).await?;
        if self.is_big_endian {
            used.reverse();
        }
        Ok(u64::from_le_bytes(bytes))
    }
}

pub(super) async fn size(look: &mut impl Look) -> Result<Size, Unknown> {
    let is_big_endian = look.bytes(0).await? == *b"MM";
    let mut numbers = Numbers { look, is_big_endian };
    let is_big = numbers.number(2, 2).await? == 43;
    // In BigTIFF numbers of entries and offsets have 8 bytes.
    let (first, offset, count, entry) = if is_big { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
    let directory = numbers.number(first, offset).await?;
    let entries = numbers.number(directory, count).await?.min(MAX_ENTRIES);
    let (mut width, mut height) = (None, None);
    for n in 0..entries {
        let at = directory.checked_add(count as u64 + n * entry).ok_or(Unknown::Unsaid)?;
        let side = match numbers.number(at, 2).await? {
            256 => &mut width,
            257 => &mut height,
            // Entries are in the order of their tags, but some writers forget that.
            _ => continue,
        };
        let length = match numbers.number(at + 2, 2).await? {
            1 => 1,
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return Err(Unknown::Unsaid),
        };
        let value = numbers.number(at + 4 + offset as u64, length).await?;
        *side = Some(u32::try_from(value).map_err(|_| Unknown::Unsaid)?);
        if let (Some(width), Some(height)) = (width, height) {
            return Ok((width, height));
        }
    }
    Err(Unknown::Unsaid)
}
