//! Finds in a GIF (`GIF89a`, sections 18 to 26) its size, and whether a second picture follows the first.

use burrow_model::appearance::Appearance;

use super::look::{Look, Unknown};
use super::size::Size;

/// The most pictures, extensions and blocks of data up to the second picture: 60 MB in blocks of 255 bytes.
const MAX_STEPS: usize = 1 << 18;

fn size([a, b, c, d]: [u8; 4]) -> Size {
    (u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into())
}

/// How many bytes a table of colours has, if these flags say that there is one.
fn table(flags: u8) -> u64 {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Walks to the second picture, or to the end. A screen without a size has that of the first picture.
pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    let screen = size(look.bytes(6).await?);
    if screen.0 > 0 && screen.1 > 0 {
        shown.dimensions = Some(screen);
    }
    let [flags] = look.bytes(10).await?;
    let (mut at, mut is_second, mut steps) = (13 + table(flags), false, 0);
    loop {
        match look.bytes(at).await? {
            [0x2c] if is_second => {
                shown.is_animated = Some(true);
                return Ok(());
            }
            // A picture: where it is, its size, flags, and the first bytes of its data.
            [0x2c] => {
                let (left, top) = size(look.bytes(at + 1).await?);
                let (width, height) = size(look.bytes(at + 5).await?);
                shown.dimensions = shown.dimensions.or(Some((left + width, top + height)));
                let [flags] = look.bytes(at + 9).await?;
                is_second = true;
                at += 11 + table(flags);
            }
            // An extension and its label.
            [0x21] => at += 2,
            // The end, or what browsers take for it.
            _ => {
                shown.is_animated = Some(false);
                return Ok(());
            }
        }
        // Blocks up to an empty one.
        loop {
            steps += 1;
            if steps > MAX_STEPS {
                return Err(Unknown::Unsaid);
            }
            let [length] = look.bytes(at).await?;
            at += 1 + u64::from(length);
            if length == 0 {
                break;
            }
        }
    }
}
