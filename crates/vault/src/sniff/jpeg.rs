//! Finds in a JPEG (ITU-T T.81, annex B) its frame and its orientation, however much metadata comes before them.

use burrow_model::appearance::Appearance;

use super::look::{Look, Unknown, said};
use super::tiff;

/// The most markers, and bytes that belong to nothing, before the first scan.
const MAX_STEPS: usize = 65_536;

/// Walks from marker to marker to the first scan. A frame whose height is said only behind it has no size: decoders
/// refuse it, too.
pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    shown.is_animated = Some(false);
    let (mut at, mut has_exif) = (2, false);
    for _ in 0..MAX_STEPS {
        let [first, marker] = look.bytes(at).await?;
        match (first, marker) {
            // Fill bytes may precede a marker (B.1.1.2). Decoders also pass over bytes that belong to nothing.
            (0xff, 0xff) | (0..=0xfe, _) => {
                at += 1;
                continue;
            }
            // These have no length.
            (_, 0x00 | 0x01 | 0xd0..=0xd8) => {
                at += 2;
                continue;
            }
            // The first scan, or the end.
            (_, 0xd9 | 0xda) => return Ok(()),
            _ => {}
        }
        let length = u64::from(u16::from_be_bytes(look.bytes(at + 2).await?));
        match marker {
            // A frame: its length, precision, height and width.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let [a, b, c, d] = look.bytes(at + 5).await?;
                shown.dimensions = Some((u16::from_be_bytes([c, d]).into(), u16::from_be_bytes([a, b]).into()));
            }
            // EXIF (CIPA DC-008, section 4.7.2). The first one counts.
            0xe1 if !has_exif && length > 8 && look.bytes(at + 4).await? == *b"Exif\0\0" => {
                has_exif = true;
                shown.orientation = said(tiff::orientation(look, at + 10..at + 2 + length).await)?.flatten();
            }
            _ => {}
        }
        at += 2 + length;
    }
    Err(Unknown::Unsaid)
}
