//! Reads the size of an image from where its format has it.
//!
//! A size is what decoders and browsers take it to be, or none. Every walk through a file is bounded.

use super::kind::Kind;
use super::look::{Look, Unknown};
use super::{boxes, jpeg, tiff};

/// Width and height in pixels.
pub(super) type Size = (u32, u32);

/// Returns the size of an image of this kind.
pub(super) async fn size(kind: Kind, look: &mut impl Look) -> Result<Size, Unknown> {
    let (width, height) = match kind {
        Kind::Avif | Kind::Heif => boxes::heif(look).await?,
        Kind::Bmp => bmp(look, 14).await?,
        Kind::Gif => gif(look).await?,
        Kind::Ico => ico(look).await?,
        Kind::Jpeg => jpeg::size(look).await?,
        Kind::Jxl => boxes::jxl(look).await?,
        Kind::Png => png(look, 0).await?,
        Kind::Qoi => big_endian(look.bytes(4).await?),
        Kind::Tiff => tiff::size(look).await?,
        Kind::Webp => webp(look).await?,
    };
    let is_possible = |side: u32| (1..=i32::MAX.cast_unsigned()).contains(&side);
    if is_possible(width) && is_possible(height) { Ok((width, height)) } else { Err(Unknown::Unsaid) }
}

pub(super) fn big_endian(sides: [u8; 8]) -> Size {
    let [width @ .., _, _, _, _] = sides;
    let [_, _, _, _, height @ ..] = sides;
    (u32::from_be_bytes(width), u32::from_be_bytes(height))
}

/// PNG (W3C, section 11.2.1): `IHDR` is the first chunk, or the second in the files that Apple's tools optimize, behind
/// `CgBI`.
async fn png(look: &mut impl Look, start: u64) -> Result<Size, Unknown> {
    let mut at = start + 8;
    for _ in 0..2 {
        let [a, b, c, d, name @ ..]: [u8; 8] = look.bytes(at).await?;
        match &name {
            b"IHDR" => return Ok(big_endian(look.bytes(at + 8).await?)),
            b"CgBI" => at += 12 + u64::from(u32::from_be_bytes([a, b, c, d])),
            _ => break,
        }
    }
    Err(Unknown::Unsaid)
}

/// A bitmap's header, with or without the 14 bytes of the file before it. Rows of a negative height run from the top.
async fn bmp(look: &mut impl Look, at: u64) -> Result<Size, Unknown> {
    if u32::from_le_bytes(look.bytes(at).await?) == 12 {
        // BITMAPCOREHEADER of OS/2 1.x has 16 bits for each side.
        let [a, b, c, d] = look.bytes(at + 4).await?;
        return Ok((u16::from_le_bytes([a, b]).into(), u16::from_le_bytes([c, d]).into()));
    }
    let width = i32::from_le_bytes(look.bytes(at + 4).await?);
    let height = i32::from_le_bytes(look.bytes(at + 8).await?);
    Ok((u32::try_from(width).map_err(|_| Unknown::Unsaid)?, height.unsigned_abs()))
}

/// `GIF89a`, sections 18 and 20. A screen without a size has that of the first picture.
async fn gif(look: &mut impl Look) -> Result<Size, Unknown> {
    let [a, b, c, d, flags]: [u8; 5] = look.bytes(6).await?;
    let size = |[a, b, c, d]: [u8; 4]| (u32::from(u16::from_le_bytes([a, b])), u32::from(u16::from_le_bytes([c, d])));
    let screen = size([a, b, c, d]);
    if screen.0 > 0 && screen.1 > 0 {
        return Ok(screen);
    }
    let table = if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table;
    for _ in 0..MAX_STEPS {
        match look.bytes(at).await? {
            // A picture: where it is, and its size.
            [0x2c] => {
                let (left, top) = size(look.bytes(at + 1).await?);
                let (width, height) = size(look.bytes(at + 5).await?);
                return Ok((left + width, top + height));
            }
            // An extension: its label, and blocks up to an empty one.
            [0x21] => at += 2,
            _ => break,
        }
        for _ in 0..MAX_STEPS {
            let [length] = look.bytes(at).await?;
            at += 1 + u64::from(length);
            if length == 0 {
                break;
            }
        }
    }
    Err(Unknown::Unsaid)
}

/// More steps than a walk through a file needs.
const MAX_STEPS: usize = 4096;

/// The largest picture of an icon. A side of 0 is 256, or what the PNG inside says.
async fn ico(look: &mut impl Look) -> Result<Size, Unknown> {
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
            size = png(look, at).await.unwrap_or(size);
        }
        let area = |(width, height): Size| u64::from(width) * u64::from(height);
        if largest.as_ref().map_or(0, |largest| area(*largest)) < area(size) {
            largest = Ok(size);
        }
    }
    largest
}

/// WebP (RFC 9649): the canvas, else the picture.
async fn webp(look: &mut impl Look) -> Result<Size, Unknown> {
    match &look.bytes(12).await? {
        b"VP8X" => {
            let [w1, w2, w3, h1, h2, h3] = look.bytes(24).await?;
            Ok((u32::from_le_bytes([w1, w2, w3, 0]) + 1, u32::from_le_bytes([h1, h2, h3, 0]) + 1))
        }
        b"VP8L" => {
            let bits = u32::from_le_bytes(look.bytes(21).await?);
            Ok(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8 " => match look.bytes(23).await? {
            // The upper two bits of each side are a scale for display.
            [0x9d, 0x01, 0x2a, a, b, c, d] => {
                Ok((u32::from(u16::from_le_bytes([a, b]) & 0x3fff), u32::from(u16::from_le_bytes([c, d]) & 0x3fff)))
            }
            _ => Err(Unknown::Unsaid),
        },
        _ => Err(Unknown::Unsaid),
    }
}
