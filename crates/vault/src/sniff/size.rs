//! Reads sizes where they stand at a fixed place.

use super::look::{Look, Unknown};
use super::png;

/// Width and height in pixels.
pub(super) type Size = (u32, u32);

/// Two numbers of 32 bits.
pub(super) fn big_endian(sides: [u8; 8]) -> Size {
    let [width @ .., _, _, _, _] = sides;
    let [_, _, _, _, height @ ..] = sides;
    (u32::from_be_bytes(width), u32::from_be_bytes(height))
}

/// The size of a bitmap. Rows of a negative height run from the top.
pub(super) async fn bmp(look: &mut impl Look) -> Result<Size, Unknown> {
    /// Where the header of the bitmap begins, behind that of the file.
    const HEADER: u64 = 14;
    if u32::from_le_bytes(look.bytes(HEADER).await?) == 12 {
        // BITMAPCOREHEADER of OS/2 1.x has 16 bits for each side.
        let [a, b, c, d] = look.bytes(HEADER + 4).await?;
        return Ok((u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()));
    }
    let width = i32::from_le_bytes(look.bytes(HEADER + 4).await?);
    let height = i32::from_le_bytes(look.bytes(HEADER + 8).await?);
    Ok((u32::try_from(width).map_err(|_| Unknown::Unsaid)?, height.unsigned_abs()))
}

/// The largest picture of an icon. A side of 0 is 256, or what the PNG inside says.
pub(super) async fn ico(look: &mut impl Look) -> Result<Size, Unknown> {
    let count = u16::from_le_bytes(look.bytes(4).await?);
    let mut largest = Err(Unknown::Unsaid);
    for n in 0..u64::from(count.min(256)) {
        let entry: [u8; 16] = match look.bytes(6 + 16 * n).await {
            Ok(entry) => entry,
            Err(Unknown::Unsaid) => break,
            Err(failed) => return Err(failed),
        };
        let [width, height, .., a, b, c, d] = entry;
        let pixels = |side: u8| if side == 0 { 256 } else { u32::from(side) };
        let mut size = (pixels(width), pixels(height));
        let at = u64::from(u32::from_le_bytes([a, b, c, d]));
        if width == 0 && matches!(look.bytes(at).await, Ok([0x89, b'P', b'N', b'G'])) {
            size = png::size(look, at).await.unwrap_or(size);
        }
        let area = |(width, height): Size| u64::from(width) * u64::from(height);
        if largest.as_ref().map_or(0, |largest| area(*largest)) < area(size) {
            largest = Ok(size);
        }
    }
    largest
}
