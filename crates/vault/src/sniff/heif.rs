//! Finds in HEIF and AVIF (ISO/IEC 14496-12, 23008-12) the size and orientation of the primary image, and whether the
//! file is a sequence of several.

use std::ops::Range;

use burrow_model::appearance::{Appearance, Orientation};

use super::boxes::{Found, MAX_BOXES, child, found};
use super::look::{Look, Unknown, said};
use super::size::big_endian;

/// The most items that have properties.
const MAX_ITEMS: u32 = 16_384;

/// The most tracks of a sequence.
const MAX_TRACKS: usize = 16;

pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    let of_primary = said(primary(look, shown).await)?;
    shown.is_animated = Some(is_sequence(look).await?);
    of_primary.ok_or(Unknown::Unsaid)
}

/// The primary image as it is shown: the size of its property `ispe`, cropped and turned by the others.
async fn primary(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
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
    let (mut at, mut size, mut steps) = (all.start, None, vec![]);
    for n in 1..=MAX_BOXES {
        if at >= all.end {
            break;
        }
        let Found { kind, content } = found(look, at).await?;
        at = content.end;
        let Some(place) = wanted.iter().position(|&number| number == n) else { continue };
        match &kind {
            b"ispe" => size = size.or(Some(big_endian(look.bytes(content.start + 4).await?))),
            b"clap" => {
                let (width, width_of) = big_endian(look.bytes(content.start).await?);
                let (height, height_of) = big_endian(look.bytes(content.start + 8).await?);
                if let (Some(width), Some(height)) = (width.checked_div(width_of), height.checked_div(height_of)) {
                    size = Some((width, height));
                }
            }
            b"irot" => steps.push((place, Step::Turn(look.bytes(content.start).await?))),
            b"imir" => steps.push((place, Step::Mirror(look.bytes(content.start).await?))),
            _ => {}
        }
    }
    let (width, height) = size.ok_or(Unknown::Unsaid)?;
    // Turning and mirroring are done in the order in which the image names them (ISO/IEC 23008-12, section 6.5).
    steps.sort_by_key(|(place, _)| *place);
    let turns = steps.iter().fold(Turns::default(), |turns, (_, step)| turns.and(step));
    shown.dimensions = Some(if turns.quarters % 2 == 1 { (height, width) } else { (width, height) });
    shown.orientation = (!steps.is_empty()).then(|| Orientation::from_turns(turns.is_mirrored, turns.quarters));
    Ok(())
}

/// A step from stored pixels to those that are shown, with the byte that the property has.
enum Step {
    /// `irot`: so many quarters, counter-clockwise.
    Turn([u8; 1]),
    /// `imir`: 0 exchanges top and bottom, 1 left and right.
    Mirror([u8; 1]),
}

/// Mirroring left to right, and then turning by quarters, clockwise: all that such steps can amount to.
#[derive(Clone, Copy, Debug, Default)]
struct Turns {
    is_mirrored: bool,
    quarters: u8,
}

impl Turns {
    fn and(self, step: &Step) -> Self {
        let Self { is_mirrored, quarters } = self;
        match step {
            Step::Turn([counter]) => Self { is_mirrored, quarters: (quarters + 4 - (counter & 3)) % 4 },
            // What was turned clockwise is turned the other way in a mirror.
            Step::Mirror([axis]) => {
                let half = if axis & 1 == 0 { 2 } else { 0 };
                Self { is_mirrored: !is_mirrored, quarters: (4 - quarters + half) % 4 }
            }
        }
    }
}

/// Whether decoders show a sequence: if a brand promises one, the first brand is not that of a single image, and a
/// track has several pictures.
async fn is_sequence(look: &mut impl Look) -> Result<bool, Unknown> {
    let brands = child(look, &(0..u64::MAX), b"ftyp").await?;
    let (mut at, mut is_promised) = (brands.start, false);
    for n in 0..MAX_BOXES {
        if at >= brands.end {
            break;
        }
        match &look.bytes(at).await? {
            b"avif" | b"avci" | b"heic" | b"heim" | b"heis" | b"heix" if n == 0 => return Ok(false),
            b"avis" | b"avcs" | b"hevc" | b"hevm" | b"hevs" | b"hevx" | b"msf1" => is_promised = true,
            _ => {}
        }
        // After the first brand comes its version.
        at += if n == 0 { 8 } else { 4 };
    }
    if !is_promised {
        return Ok(false);
    }
    let movie = child(look, &(0..u64::MAX), b"moov").await?;
    let mut at = movie.start;
    for _ in 0..MAX_TRACKS {
        if at >= movie.end {
            break;
        }
        let Found { kind, content } = found(look, at).await?;
        at = content.end;
        if kind == *b"trak" && said(pictures(look, content).await)?.is_some_and(|count| count > 1) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// How many pictures a track has.
async fn pictures(look: &mut impl Look, track: Range<u64>) -> Result<u32, Unknown> {
    let media = child(look, &track, b"mdia").await?;
    let handler = child(look, &media, b"hdlr").await?.start;
    if !matches!(&look.bytes(handler + 8).await?, b"pict" | b"vide") {
        return Ok(0);
    }
    let information = child(look, &media, b"minf").await?;
    let table = child(look, &information, b"stbl").await?;
    // Both forms of the table of sizes have the number of samples at the same place.
    let sizes = match said(child(look, &table, b"stsz").await)? {
        Some(sizes) => sizes,
        None => child(look, &table, b"stz2").await?,
    };
    Ok(u32::from_be_bytes(look.bytes(sizes.start + 8).await?))
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
