//! Finds in a WebP (RFC 9649) its size, and behind the pictures its orientation.

use burrow_model::appearance::Appearance;

use super::look::{Look, Unknown, said};
use super::tiff;

/// The most chunks up to the orientation.
const MAX_CHUNKS: usize = 1 << 16;

/// The size is that of the canvas, else that of the picture.
pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    shown.is_animated = Some(false);
    shown.dimensions = Some(match &look.bytes(12).await? {
        b"VP8X" => return extended(look, shown).await,
        b"VP8L" => {
            let bits = u32::from_le_bytes(look.bytes(21).await?);
            ((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1)
        }
        b"VP8 " => match look.bytes(23).await? {
            // The upper two bits of each side are a scale for display.
            [0x9d, 0x01, 0x2a, a, b, c, d] => {
                (u32::from(u16::from_le_bytes([a, b]) & 0x3fff), u32::from(u16::from_le_bytes([c, d]) & 0x3fff))
            }
            _ => return Err(Unknown::Unsaid),
        },
        _ => return Err(Unknown::Unsaid),
    });
    Ok(())
}

/// Walks through the chunks as far as the flags promise something (section 2.7.1).
async fn extended(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    let [flags, _, _, _, w1, w2, w3, h1, h2, h3] = look.bytes(20).await?;
    shown.dimensions = Some((u32::from_le_bytes([w1, w2, w3, 0]) + 1, u32::from_le_bytes([h1, h2, h3, 0]) + 1));
    let (mut may_move, mut may_turn) = (flags & 0x02 != 0, flags & 0x08 != 0);
    shown.is_animated = (!may_move).then_some(false);
    let end = 8 + u64::from(u32::from_le_bytes(look.bytes(4).await?));
    let (mut at, mut frames) = (12_u64, 0);
    for _ in 0..MAX_CHUNKS {
        if !may_move && !may_turn {
            return Ok(());
        }
        if at >= end {
            shown.is_animated = Some(frames > 1);
            return Ok(());
        }
        let [name @ .., a, b, c, d]: [u8; 8] = look.bytes(at).await?;
        let length = u64::from(u32::from_le_bytes([a, b, c, d]));
        match &name {
            b"ANMF" => frames += 1,
            b"EXIF" if may_turn => {
                shown.orientation = said(tiff::orientation(look, at + 8..at + 8 + length).await)?.flatten();
                may_turn = false;
            }
            _ => {}
        }
        if frames > 1 {
            (shown.is_animated, may_move) = (Some(true), false);
        }
        // Chunks have an even length.
        at += 8 + length.next_multiple_of(2);
    }
    Err(Unknown::Unsaid)
}
