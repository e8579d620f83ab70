//! Finds the frame of a JPEG (ITU-T T.81, annex B), however much metadata comes before it.

use super::look::{Look, Unknown};
use super::size::Size;

/// The most markers, and bytes that belong to nothing, before the frame.
const MAX_STEPS: usize = 65_536;

/// Walks from marker to marker to the frame. A frame whose height is said only behind its first scan has no size:
/// decoders refuse it, too.
pub(super) async fn size(look: &mut impl Look) -> Result<Size, Unknown> {
    let mut at = 2;
    for _ in 0..MAX_STEPS {
        let [first, marker] = look.bytes(at).await?;
        match (first, marker) {
            // Fill bytes may precede a marker (B.1.1.2). Decoders also pass over bytes that belong to nothing.
            (0xff, 0xff) | (0..=0xfe, _) => at += 1,
            // These have no length.
            (_, 0x00 | 0x01 | 0xd0..=0xd8) => at += 2,
            // A frame: its length, precision, height and width.
            (_, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf) => {
                let [a, b, c, d] = look.bytes(at + 5).await?;
                return Ok((u16::from_be_bytes([c, d]).into(), u16::from_be_bytes([a, b]).into()));
            }
            // The first scan, or the end.
            (_, 0xd9 | 0xda) => break,
            _ => at += 2 + u64::from(u16::from_be_bytes(look.bytes(at + 2).await?)),
        }
    }
    Err(Unknown::Unsaid)
}
