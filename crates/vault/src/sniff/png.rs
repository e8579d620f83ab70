//! Finds in a PNG (W3C, Portable Network Graphics) its size, orientation and animation: all before the first pixels.

use burrow_model::appearance::Appearance;

use super::look::{Look, Unknown, said};
use super::size::{Size, big_endian};
use super::tiff;

/// The most chunks before the pixels.
const MAX_CHUNKS: usize = 4096;

/// A chunk's length and type.
async fn chunk(look: &mut impl Look, at: u64) -> Result<(u64, [u8; 4]), Unknown> {
    let [a, b, c, d, name @ ..]: [u8; 8] = look.bytes(at).await?;
    Ok((u32::from_be_bytes([a, b, c, d]).into(), name))
}

/// The size of a PNG that begins at `start`: `IHDR` is the first chunk (section 11.2.1), or the second in the files
/// that Apple's tools optimize, behind `CgBI`.
pub(super) async fn size(look: &mut impl Look, start: u64) -> Result<Size, Unknown> {
    let mut at = start + 8;
    for _ in 0..2 {
        match chunk(look, at).await? {
            (_, [b'I', b'H', b'D', b'R']) => return Ok(big_endian(look.bytes(at + 8).await?)),
            (length, [b'C', b'g', b'B', b'I']) => at += 12 + length,
            _ => break,
        }
    }
    Err(Unknown::Unsaid)
}

/// Walks through the chunks before the pixels. What browsers do not see there, they ignore.
pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    shown.dimensions = Some(size(look, 0).await?);
    let (mut at, mut is_animated) = (8, false);
    for _ in 0..MAX_CHUNKS {
        let (length, name) = chunk(look, at).await?;
        let content = at + 8..at + 8 + length;
        match &name {
            // How many pictures there are (section 11.3.6.2).
            b"acTL" => is_animated = u32::from_be_bytes(look.bytes(content.start).await?) > 1,
            b"eXIf" if shown.orientation.is_none() => {
                shown.orientation = said(tiff::orientation(look, content.clone()).await)?.flatten();
            }
            b"IDAT" | b"IEND" => {
                shown.is_animated = Some(is_animated);
                return Ok(());
            }
            _ => {}
        }
        at = content.end + 4;
    }
    Err(Unknown::Unsaid)
}
