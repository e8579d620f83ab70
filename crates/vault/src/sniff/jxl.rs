//! Finds in the headers of a JPEG XL (ISO/IEC 18181-1, annex D) its size, orientation and animation. The codestream may
//! be in boxes (18181-2).

use std::ops::Range;

use burrow_model::appearance::{Appearance, Orientation};

use super::boxes::{Found, MAX_BOXES, found};
use super::look::{Look, Unknown};
use super::size::Size;

/// More bytes than the fields have up to the animation.
const HEADER: usize = 32;

pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    let mut bits = Bits { header: header(look).await?, at: 0 };
    if bits.take(16)? != 0x0aff {
        return Err(Unknown::Unsaid);
    }
    let (width, height) = size(&mut bits)?;
    // Unless everything is at its default, extra fields may follow.
    let has_fields = bits.take(1)? == 0 && bits.take(1)? == 1;
    let orientation = if has_fields { u8::try_from(bits.take(3)? + 1).ok() } else { None };
    shown.orientation = orientation.and_then(|number| Orientation::try_from(number).ok());
    let is_turned = orientation.is_some_and(|number| number > 4);
    shown.dimensions = Some(if is_turned { (height, width) } else { (width, height) });
    if has_fields {
        // The size for which it was drawn, and that of a preview.
        if bits.take(1)? == 1 {
            size(&mut bits)?;
        }
        if bits.take(1)? == 1 {
            skip_preview(&mut bits)?;
        }
    }
    shown.is_animated = Some(has_fields && bits.take(1)? == 1);
    Ok(())
}

/// The first bytes of the codestream, as far as the file goes.
async fn header(look: &mut impl Look) -> Result<Vec<u8>, Unknown> {
    let mut header = Vec::with_capacity(HEADER);
    if look.bytes(0).await? == [0xff, 0x0a] {
        push(look, 0..u64::MAX, &mut header).await?;
        return Ok(header);
    }
    let mut at = 0;
    for _ in 0..MAX_BOXES {
        let Found { kind, content } = match found(look, at).await {
            Err(Unknown::Unsaid) if !header.is_empty() => break,
            found => found?,
        };
        match &kind {
            b"jxlc" => push(look, content.clone(), &mut header).await?,
            // A part begins with its number.
            b"jxlp" => push(look, content.start + 4..content.end, &mut header).await?,
            _ => {}
        }
        if header.len() == HEADER {
            break;
        }
        at = content.end;
    }
    Ok(header)
}

/// Adds bytes to a header until it is complete, as far as the range and the file go.
async fn push(look: &mut impl Look, from: Range<u64>, header: &mut Vec<u8>) -> Result<(), Unknown> {
    for at in from {
        if header.len() == HEADER {
            break;
        }
        match look.bytes(at).await {
            Ok([byte]) => header.push(byte),
            Err(Unknown::Unsaid) => break,
            Err(failed) => return Err(failed),
        }
    }
    Ok(())
}

/// Bits of a header, of each byte the lowest first.
struct Bits {
    header: Vec<u8>,
    at: usize,
}

impl Bits {
    /// The number of the next bits, at most 32.
    fn take(&mut self, count: usize) -> Result<u32, Unknown> {
        let mut taken = 0;
        for n in 0..count {
            let byte = self.header.get(self.at / 8).ok_or(Unknown::Unsaid)?;
            taken |= u32::from(byte >> (self.at % 8) & 1) << n;
            self.at += 1;
        }
        Ok(taken)
    }

    /// A number whose form two bits select: each form has a number of bits, and what is added to them.
    fn select(&mut self, forms: [(usize, u32); 4]) -> Result<u32, Unknown> {
        let selected = self.take(2)? as usize;
        let (count, more) = forms.get(selected).copied().ok_or(Unknown::Unsaid)?;
        Ok(self.take(count)? + more)
    }
}

/// A size: whether the sides are in steps of 8, the height, the ratio, and the width if there is none.
fn size(bits: &mut Bits) -> Result<Size, Unknown> {
    let is_small = bits.take(1)? == 1;
    let side = |bits: &mut Bits| {
        if is_small { Ok((bits.take(5)? + 1) * 8) } else { bits.select([(9, 1), (13, 1), (18, 1), (30, 1)]) }
    };
    let height = side(bits)?;
    let times = |by: u64, of: u64| u32::try_from(u64::from(height) * by / of).unwrap_or(u32::MAX);
    let width = match bits.take(3)? {
        0 => side(bits)?,
        1 => height,
        2 => times(12, 10),
        3 => times(4, 3),
        4 => times(3, 2),
        5 => times(16, 9),
        6 => times(5, 4),
        _ => times(2, 1),
    };
    Ok((width, height))
}

/// The size of a preview, in the form that it has.
fn skip_preview(bits: &mut Bits) -> Result<(), Unknown> {
    let is_in_eights = bits.take(1)? == 1;
    let side = |bits: &mut Bits| {
        bits.select(if is_in_eights {
            [(0, 16), (0, 32), (5, 1), (9, 33)]
        } else {
            [(6, 1), (8, 65), (10, 321), (12, 1345)]
        })
    };
    side(bits)?;
    if bits.take(3)? == 0 {
        side(bits)?;
    }
    Ok(())
}
