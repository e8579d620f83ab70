//! Decodes WebP; of a cut file what came.

use std::io::ErrorKind::UnexpectedEof;

use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageResult};

use super::{Alpha, Memory, damaged, first_difference, pixels, whole};
use crate::ports::Clock;
use crate::thumbnail::claims;
use crate::thumbnail::tail::Filled;
use crate::thumbnail::{Decoded, MAX_ORIGINAL, MAX_WEBP_AMONG_OTHERS, Undrawable};

/// Decodes a WebP completely, or as far as it came.
pub(super) async fn decode(
    original: &[u8],
    memory: Memory,
    width: u32,
    is_apart: bool,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
    let (head, length) = opening(original);
    let cut = Cut { head: &head, original, length };
    let decoder = cut.open(FILLERS[0]).map_err(damaged)?;
    let pixels = pixels(decoder.dimensions());
    if !is_apart && pixels > MAX_WEBP_AMONG_OTHERS {
        let why = format!("it has {pixels} pixels, and of WebP at most {MAX_WEBP_AMONG_OTHERS} are decoded here");
        return Err(Undrawable::Here(why));
    }
    let mut memory = memory.check(claims::webp(original, pixels))?;
    if cut.missing() > 0 {
        memory = memory.and(cut.missing()).and(2 * decoder.total_bytes());
    }
    whole(Filling { decoder, cut }, memory, Alpha::Meant, false, width, clock).await
}

/// What takes the place of missing bytes: the first four, and all others. The decoder refuses fillers that lead beyond
/// the last pixel; four other bytes before one that it takes seldom do.
const FILLERS: [(u8, u8); 6] = [(0, 0), (0x5a, 0x5a), (0xff, 0xff), (0xa5, 0), (0x3c, 0xff), (0x69, 0x5a)];

/// A file that may be shorter than its head states.
#[derive(Clone, Copy)]
struct Cut<'a> {
    head: &'a [u8],
    original: &'a [u8],
    length: u64,
}

impl<'a> Cut<'a> {
    /// A decoder that finds this filler where bytes are missing.
    fn open(self, filler: (u8, u8)) -> ImageResult<WebPDecoder<Filled<'a>>> {
        WebPDecoder::new(Filled::new(self.head, self.original, self.length, filler))
    }

    /// How many bytes are missing.
    fn missing(self) -> u64 {
        self.length.saturating_sub(self.original.len() as u64)
    }
}

/// Decodes a file, or of a cut one what came. The decoder makes up what is missing from what fills its place, and gives
/// nothing if that makes no sense. So several bytes are tried, and the rows up to the first one that differs came.
struct Filling<'a> {
    decoder: WebPDecoder<Filled<'a>>,
    cut: Cut<'a>,
}

impl ImageDecoder for Filling<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.decoder.dimensions()
    }

    fn color_type(&self) -> ColorType {
        self.decoder.color_type()
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        self.decoder.orientation()
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        self.decoder.icc_profile()
    }

    fn read_image(self, into: &mut [u8]) -> ImageResult<()> {
        let (cut, length) = (self.cut, into.len());
        if cut.missing() == 0 {
            return read(self.decoder, into);
        }
        let decoded = |filler| {
            let mut pixels = vec![0; length];
            cut.open(filler).and_then(|decoder| read(decoder, &mut pixels)).ok().map(|()| pixels)
        };
        let mut decoded = FILLERS.into_iter().filter_map(decoded);
        let ended = || ImageError::IoError(UnexpectedEof.into());
        let (one, other) = decoded.next().zip(decoded.next()).ok_or_else(ended)?;
        let row = usize::from(self.color_type().bytes_per_pixel()) * self.dimensions().0 as usize;
        let first = first_difference(&one, &other, row);
        let came = first.map_or(one.len(), |first| first * row).min(length);
        into.iter_mut().zip(one).take(came).for_each(|(into, byte)| *into = byte);
        if first.is_none() { Ok(()) } else { Err(ended()) }
    }

    fn read_image_boxed(self: Box<Self>, into: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(into)
    }
}

/// Reads all pixels. It is not inlined, because the code of the decoder is large.
#[inline(never)]
fn read(decoder: WebPDecoder<Filled<'_>>, into: &mut [u8]) -> ImageResult<()> {
    decoder.read_image(into)
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
