//! Decodes WebP; of a cut file what came.

use image::ImageDecoder as _;
use image::codecs::webp::WebPDecoder;

use super::{Alpha, Memory, damaged, pixels, whole};
use crate::ports::Clock;
use crate::thumbnail::claims;
use crate::thumbnail::tail::Filled;
use crate::thumbnail::{Decoded, MAX_ORIGINAL, MAX_WEBP_AMONG_OTHERS, Undrawable};

/// Decodes a WebP completely. Of a cut one, the decoder makes up what is missing from what fills its place; so it is
/// decoded twice, and the rows from the first one that differs did not come.
pub(super) async fn decode(
    original: &[u8],
    memory: Memory,
    width: u32,
    is_apart: bool,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
    let (head, length) = opening(original);
    let open = |filler| WebPDecoder::new(Filled::new(&head, original, length, filler)).map_err(damaged);
    let decoder = open(0)?;
    let pixels = pixels(decoder.dimensions());
    if !is_apart && pixels > MAX_WEBP_AMONG_OTHERS {
        let why = format!("it has {pixels} pixels, and of WebP at most {MAX_WEBP_AMONG_OTHERS} are decoded here");
        return Err(Undrawable::Here(why));
    }
    let memory = memory.check(claims::webp(original, pixels))?;
    let missing = length.saturating_sub(original.len() as u64);
    if missing == 0 {
        return whole(decoder, None, memory, Alpha::Meant, false, width, clock).await;
    }
    let memory = memory.and(missing).and(decoder.total_bytes());
    whole(decoder, Some(open(0x5a)?), memory, Alpha::Meant, false, width, clock).await
}

/// The first bytes, and the length that they state (RFC 9649 section 2.4), or the file's if that is more. A cut file's
/// flags promise no metadata behind the picture any more, because the decoder insists on what they promise.
fn opening(original: &[u8]) -> (Vec<u8>, u64) {
    const FLAGS: usize = 20;
    const EXIF_AND_XMP: u8 = 0x0c;
    let mut head = original.get(..=FLAGS).unwrap_or(original).to_vec();
    let came = original.len() as u64;
    let stated = original.get(4..8).and_then(<[u8]>::first_chunk).copied().unwrap_or_default();
    // No larger file is drawn at all.
    let length = Some(8 + u64::from(u32::from_le_bytes(stated))).filter(|&stated| stated <= MAX_ORIGINAL);
    let length = length.unwrap_or(came).max(came);
    if let (true, Some(b"VP8X"), Some(flags)) = (length > came, original.get(12..16), head.get_mut(FLAGS)) {
        *flags &= !EXIF_AND_XMP;
    }
    (head, length)
}
