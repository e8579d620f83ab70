//! What a file says of itself that its decoder believes: the memory that the decoder takes before it looks for the bytes.

/// The memory that the decoder of TIFF takes for one value of an entry, in bytes.
const VALUE: u64 = 32;

/// The last tag of TIFF 6.0, and that of ICC profiles. The decoder reads no other long entries.
const LAST_TAG: u64 = 532;
const ICC_PROFILE: u64 = 34_675;

/// The most entries that are looked at.
const MAX_ENTRIES: u64 = 4096;

/// TIFF's `PlanarConfiguration`, whose value 2 says that each colour stands by itself, and `TileWidth`.
const PLANAR_CONFIGURATION: u64 = 284;
const TILE_WIDTH: u64 = 322;

/// The bytes that the longest entry in the first directory of a TIFF takes (TIFF 6.0, section 2; `BigTIFF`).
pub(super) fn tiff(file: &[u8]) -> u64 {
    let read = |entry: &&Entry| entry.tag <= LAST_TAG || entry.tag == ICC_PROFILE;
    let entries = entries(file).unwrap_or_default();
    entries.iter().filter(read).map(|entry| entry.values).max().unwrap_or(0).saturating_mul(VALUE)
}

/// Whether each colour of a TIFF stands in tiles of its own. The decoder panics on those.
pub(super) fn is_tiled_by_colour(file: &[u8]) -> bool {
    let entries = entries(file).unwrap_or_default();
    let has =
        |tag: u64, first: Option<u64>| entries.iter().any(|it| it.tag == tag && first.is_none_or(|is| it.first == is));
    has(PLANAR_CONFIGURATION, Some(2)) && has(TILE_WIDTH, None)
}

/// An entry of a TIFF's directory.
struct Entry {
    tag: u64,
    /// How many values it has.
    values: u64,
    /// The first value, if it is a short number.
    first: u64,
}

/// The entries of the first directory; `None` if the file ends before it.
fn entries(file: &[u8]) -> Option<Vec<Entry>> {
    let is_big_endian = file.starts_with(b"MM");
    let number = |at: u64, length: usize| {
        let at = usize::try_from(at).ok()?;
        let bytes = file.get(at..at.checked_add(length)?)?.iter();
        let add = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        Some(if is_big_endian { bytes.fold(0, add) } else { bytes.rev().fold(0, add) })
    };
    // In BigTIFF numbers of entries, numbers of values and offsets have 8 bytes.
    let is_big = number(2, 2)? == 43;
    let (first, offset, count, entry) = if is_big { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
    let directory = number(first, offset)?;
    let read = |n: u64| {
        let at = directory.checked_add(count as u64 + n * entry)?;
        let value = |at, length| number(at, length).unwrap_or(0);
        Some(Entry { tag: number(at, 2)?, values: value(at + 4, offset), first: value(at + 4 + offset as u64, 2) })
    };
    Some((0..number(directory, count)?.min(MAX_ENTRIES)).map_while(read).collect())
}

/// The bytes that the decoder of WebP takes besides the pixels that it gives: planes, canvas and metadata, as the chunks
/// of the file tell (RFC 9649).
pub(super) fn webp(file: &[u8], pixels: u64) -> u64 {
    let (mut at, mut metadata, mut halves) = (12_usize, 0, 3);
    while let Some(&[a, b, c, d, e, f, g, h]) = file.get(at..).and_then(|rest| rest.first_chunk()) {
        let length = u32::from_le_bytes([e, f, g, h]);
        match &[a, b, c, d] {
            b"ICCP" | b"EXIF" => metadata = u64::from(length).max(metadata),
            // Without loss: four channels.
            b"VP8L" => halves = 8.max(halves),
            // Alpha beside the planes: unpacked, and then alone.
            b"ALPH" => halves = 13.max(halves),
            // Animated: the frame and the canvas.
            b"ANMF" => halves = 19,
            _ => {}
        }
        at = at.saturating_add(8).saturating_add(usize::try_from(length).unwrap_or(usize::MAX));
        at = at.saturating_add(at & 1);
    }
    metadata.saturating_add(halves * pixels / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn riff(chunks: &[(&[u8; 4], u32)]) -> Vec<u8> {
        let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
        for (name, length) in chunks {
            file.extend(*name);
            file.extend(length.to_le_bytes());
            file.extend(vec![0; (*length as usize + 1) & !1].iter().take(64));
        }
        file
    }

    #[test]
    fn chunks_tell_what_webp_takes() {
        assert_eq!(webp(&riff(&[(b"VP8 ", 9)]), 1000), 1500);
        assert_eq!(webp(&riff(&[(b"VP8L", 9)]), 1000), 4000);
        assert_eq!(webp(&riff(&[(b"VP8X", 10), (b"ALPH", 5), (b"VP8 ", 9)]), 1000), 6500);
        assert_eq!(webp(&riff(&[(b"VP8X", 10), (b"ANMF", 5)]), 1000), 9500);
        assert_eq!(webp(&riff(&[(b"VP8X", 10), (b"ICCP", 4_000_000_000)]), 0), 4_000_000_000);
        assert_eq!(webp(b"RIFF", 1000), 1500);
    }

    #[test]
    fn entries_tell_what_tiff_takes() {
        let little = b"II*\0\x08\0\0\0\x02\0\
            \x11\x01\x04\0\x03\0\0\0\0\0\0\0\
            \x44\x93\x07\0\xff\xff\xff\x7f\0\0\0\0";
        assert_eq!(tiff(little), 3 * VALUE, "the other entry is of no interest to the decoder");
        let big = b"MM\0*\0\0\0\x08\0\x01\x87\x73\0\x07\x7f\xff\xff\xff\0\0\0\0";
        assert_eq!(tiff(big), 0x7fff_ffff * VALUE);
        assert_eq!(tiff(b"II*\0\xff\xff\xff\xff"), 0);
    }
}
