//! Finds sizes in files made of boxes: HEIF and AVIF (ISO/IEC 14496-12, 23008-12), and JPEG XL (18181-1, 18181-2).

use std::ops::Range;

use super::look::{Look, Unknown};
use super::size::{Size, big_endian};

/// The most boxes in a row, and properties of an item.
const MAX_BOXES: usize = 1024;

/// The most items that have properties.
const MAX_ITEMS: u32 = 16_384;

/// A box: its type, and where its content is. The content of a box that goes to the end of the file has no end.
struct Found {
    kind: [u8; 4],
    content: Range<u64>,
}

/// The box at a place.
async fn found(look: &mut impl Look, at: u64) -> Result<Found, Unknown> {
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
async fn child(look: &mut impl Look, within: &Range<u64>, kind: &[u8; 4]) -> Result<Range<u64>, Unknown> {
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

/// The size at which the primary image is shown: that of its property `ispe`, cropped and turned.
pub(super) async fn heif(look: &mut impl Look) -> Result<Size, Unknown> {
    let meta = child(look, &(0..u64::MAX), b"meta").await?;
    // A full box begins with its version and flags.
    let meta = meta.start + 4..meta.end;
    let primary = child(look, &meta, b"pitm").await?.start;
    let [version, ..]: [u8; 4] = look.bytes(primary).await?;
    let primary = if version == 0 {
        u32::from(u16::from_be_bytes(look.bytes(primary + 4).await?))
    } else {
        u32::from_be_bytes(look.bytes(primary + 4).await?)
    };
    let properties = child(look, &meta, b"iprp").await?;
    let wanted = associated(look, &properties, primary).await?;
    let all = child(look, &properties, b"ipco").await?;
    let (mut at, mut size, mut is_turned) = (all.start, None, false);
    for n in 1..=MAX_BOXES {
        if at >= all.end {
            break;
        }
        let Found { kind, content } = found(look, at).await?;
        at = content.end;
        if !wanted.contains(&n) {
            continue;
        }
        match &kind {
            b"ispe" => size = size.or(Some(big_endian(look.bytes(content.start + 4).await?))),
            b"clap" => {
                let (width, width_of) = big_endian(look.bytes(content.start).await?);
                let (height, height_of) = big_endian(look.bytes(content.start + 8).await?);
                if let (Some(width), Some(height)) = (width.checked_div(width_of), height.checked_div(height_of)) {
                    size = Some((width, height));
                }
            }
            b"irot" => is_turned = matches!(look.bytes(content.start).await?, [turns] if turns & 1 == 1),
            _ => {}
        }
    }
    let (width, height) = size.ok_or(Unknown::Unsaid)?;
    Ok(if is_turned { (height, width) } else { (width, height) })
}

/// The numbers of an item's properties, from 1, in `ipma`.
async fn associated(look: &mut impl Look, properties: &Range<u64>, item: u32) -> Result<Vec<usize>, Unknown> {
    let ipma = child(look, properties, b"ipma").await?;
    let [version, _, _, flags]: [u8; 4] = look.bytes(ipma.start).await?;
    let items = u32::from_be_bytes(look.bytes(ipma.start + 4).await?);
    let mut at = ipma.start + 8;
    for _ in 0..items.min(MAX_ITEMS) {
        let id = if version == 0 {
            u32::from(u16::from_be_bytes(look.bytes(at).await?))
        } else {
            u32::from_be_bytes(look.bytes(at).await?)
        };
        at += if version == 0 { 2 } else { 4 };
        let [count] = look.bytes(at).await?;
        at += 1;
        let length = if flags & 1 == 0 { 1 } else { 2 };
        if id == item {
            let mut numbers = Vec::with_capacity(count.into());
            for n in 0..u64::from(count) {
                // The highest bit says whether the property is essential.
                numbers.push(match length {
                    1 => look.bytes(at + n).await.map(|[number]| usize::from(number & 0x7f))?,
                    _ => usize::from(u16::from_be_bytes(look.bytes(at + 2 * n).await?) & 0x7fff),
                });
            }
            return Ok(numbers);
        }
        at += length * u64::from(count);
    }
    Err(Unknown::Unsaid)
}

/// The size of a JPEG XL, whose codestream may be in boxes.
pub(super) async fn jxl(look: &mut impl Look) -> Result<Size, Unknown> {
    /// More bytes than the headers of size and orientation have.
    const HEADER: usize = 16;
    let mut header = Vec::with_capacity(HEADER);
    if look.bytes(0).await? == [0xff, 0x0a] {
        push(look, 0..u64::MAX, HEADER, &mut header).await?;
    } else {
        let mut at = 0;
        for _ in 0..MAX_BOXES {
            let Found { kind, content } = match found(look, at).await {
                Err(Unknown::Unsaid) if !header.is_empty() => break,
                found => found?,
            };
            match &kind {
                b"jxlc" => push(look, content.clone(), HEADER, &mut header).await?,
                // A part begins with its number.
                b"jxlp" => push(look, content.start + 4..content.end, HEADER, &mut header).await?,
                _ => {}
            }
            if header.len() == HEADER {
                break;
            }
            at = content.end;
        }
    }
    header.resize(HEADER, 0);
    let mut bits = header.iter().rev().fold(0_u128, |bits, &byte| (bits << 8) | u128::from(byte));
    let mut take = |count: u32| {
        let taken = u32::try_from(bits & ((1 << count) - 1)).unwrap_or(0);
        bits >>= count;
        taken
    };
    if take(16) != 0x0aff {
        return Err(Unknown::Unsaid);
    }
    let is_small = take(1) == 1;
    let side = |take: &mut dyn FnMut(u32) -> u32| {
        if is_small {
            return (take(5) + 1) * 8;
        }
        let selected = take(2);
        let count = [9, 13, 18, 30].get(selected as usize).copied().unwrap_or(30);
        take(count) + 1
    };
    let height = side(&mut take);
    let times = |by: u64, of: u64| u32::try_from(u64::from(height) * by / of).unwrap_or(u32::MAX);
    let width = match take(3) {
        0 => side(&mut take),
        1 => height,
        2 => times(12, 10),
        3 => times(4, 3),
        4 => times(3, 2),
        5 => times(16, 9),
        6 => times(5, 4),
        _ => times(2, 1),
    };
    // Unless everything is at its default, extra fields may follow, of which the orientation is the first.
    let is_turned = take(1) == 0 && take(1) == 1 && take(3) >= 4;
    Ok(if is_turned { (height, width) } else { (width, height) })
}

/// Adds bytes to a header until it has `length`, as far as the range and the file go.
async fn push(look: &mut impl Look, from: Range<u64>, length: usize, header: &mut Vec<u8>) -> Result<(), Unknown> {
    for at in from {
        if header.len() == length {
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
