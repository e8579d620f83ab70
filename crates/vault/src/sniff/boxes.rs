//! Walks through files that are made of boxes (ISO/IEC 14496-12, section 4.2).

use std::ops::Range;

use super::look::{Look, Unknown};

/// The most boxes in a row.
pub(super) const MAX_BOXES: usize = 1024;

/// A box: its type, and where its content is. The content of a box that goes to the end of the file has no end.
pub(super) struct Found {
    pub(super) kind: [u8; 4],
    pub(super) content: Range<u64>,
}

/// The box at a place.
pub(super) async fn found(look: &mut impl Look, at: u64) -> Result<Found, Unknown> {
    let [a, b, c, d, kind @ ..]: [u8; 8] = look.bytes(at).await?;
    let (header, length) = match u32::from_be_bytes([a, b, c, d]) {
        0 => (8, u64::MAX - at),
        1 => (16, u64::from_be_bytes(look.bytes(at + 8).await?)),
        length => (8, length.into()),
    };
    let end = at.checked_add(length).filter(|_| length >= header).ok_or(Unknown::Unsaid)?;
    Ok(Found { kind, content: at + header..end })
}

/// The content of the first box of a type within a range.
pub(super) async fn child(look: &mut impl Look, within: &Range<u64>, kind: &[u8; 4]) -> Result<Range<u64>, Unknown> {
    let mut at = within.start;
    for _ in 0..MAX_BOXES {
        if at >= within.end {
            break;
        }
        let found = found(look, at).await?;
        if found.kind == *kind {
            return Ok(found.content);
        }
        at = found.content.end;
    }
    Err(Unknown::Unsaid)
}
