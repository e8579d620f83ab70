//! Decodes JPEG at a fraction of its size; of a cut file what came.

use image::ColorType;
use image::metadata::Orientation;
use jpeg_decoder::PixelFormat;

use super::{Layout, MISSING, Memory, damaged, first_difference, pixels, push_rows, too_many};
use crate::jpeg::Structure;
use crate::ports::Clock;
use crate::thumbnail::colour::Inks;
use crate::thumbnail::shrink::Shrink;
use crate::thumbnail::tail::{Filler, Tailed};
use crate::thumbnail::{Decoded, MAX_JPEG_PIXELS, MAX_PIXELS, MAX_SCANS, Undrawable, target};

/// Decodes a JPEG at an eighth, a quarter or half of its size if that is enough: the pixels in between are never
/// computed. Of a cut file it decodes what came.
pub(super) async fn decode(
    original: &[u8],
    memory: Memory,
    width: u32,
    is_apart: bool,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
    let structure = Structure::read(original);
    if structure.scans > MAX_SCANS {
        let why = format!("it has {} scans, and at most {MAX_SCANS} are decoded", structure.scans);
        return Err(Undrawable::Never(why));
    }
    let missing = structure.missing();
    let mut file = Tailed::new(original, Filler::Zeros, missing.as_ref());
    let mut decoder = jpeg_decoder::Decoder::new(&mut file);
    decoder.read_info().map_err(damaged)?;
    let info = decoder.info().ok_or_else(|| damaged("it has no size"))?;
    let size = (u32::from(info.width), u32::from(info.height));
    if pixels(size) > MAX_JPEG_PIXELS {
        return Err(too_many(pixels(size), MAX_JPEG_PIXELS));
    }
    if !is_apart && pixels(size) > MAX_PIXELS {
        let why = format!("it has {} pixels, and at most {MAX_PIXELS} are decoded here", pixels(size));
        return Err(Undrawable::Here(why));
    }
    let orientation = decoder.exif_data().and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms);
    let target = target(size, orientation, width);
    let at_most = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
    let wanted = (at_most(target.0), at_most(target.1));
    let (wide, high) = decoder.scale(wanted.0, wanted.1).map_err(damaged)?;
    let scaled = (u32::from(wide), u32::from(high));
    // The decoder holds each component, and then all of them together.
    let components = 2 * pixels(scaled) * info.pixel_format.pixel_bytes() as u64;
    memory.and(structure.coefficient_bytes()).check(components)?;
    // Both are gone, except all components together, when the pixels are averaged.
    memory.check(components / 2)?.check(Shrink::bytes(scaled, target))?;
    let most = usize::try_from(memory.allowed).unwrap_or(usize::MAX);
    decoder.set_max_decoding_buffer_size(most);
    let mut buffer = decoder.decode().map_err(damaged)?;
    clock.yield_now().await;
    let profile = decoder.icc_profile();
    drop(decoder);
    let row = scaled.0 as usize * info.pixel_format.pixel_bytes();
    // Each scan of a progressive JPEG adds to the whole picture.
    let is_cut = file.is_cut()
        && match missing {
            _ if structure.is_progressive() => true,
            // The rows up to the interval that is cut came.
            Some(missing) => {
                let rows = missing.first_row * u64::from(scaled.1) / u64::from(size.1.max(1));
                let first = usize::try_from(rows).unwrap_or(usize::MAX).saturating_mul(row);
                buffer.iter_mut().skip(first).for_each(|byte| *byte = MISSING);
                true
            }
            None => blank_missing(original, &mut buffer, row, wanted, most),
        };
    clock.yield_now().await;
    let mut shrink = Shrink::new(scaled, target);
    let inks = profile.as_deref().filter(|_| info.pixel_format == PixelFormat::CMYK32).and_then(Inks::new);
    let layout = match info.pixel_format {
        PixelFormat::L8 => Layout::Colour(ColorType::L8),
        PixelFormat::L16 => Layout::Colour(ColorType::L16),
        PixelFormat::RGB24 => Layout::Colour(ColorType::Rgb8),
        PixelFormat::CMYK32 => Layout::Cmyk(inks),
    };
    push_rows(&mut shrink, &buffer, scaled.0, &layout, clock).await;
    let profile = profile.filter(|_| info.pixel_format != PixelFormat::CMYK32);
    Ok(Decoded { pixels: shrink.finish(), size, orientation, profile, is_drawn: false, is_cut })
}

/// Makes the rows of a cut JPEG grey that did not come, and returns whether there are any. The decoder makes them up
/// from what fills the file's place, so they are those that differ if something else fills it.
fn blank_missing(original: &[u8], buffer: &mut [u8], row: usize, wanted: (u16, u16), most: usize) -> bool {
    let mut decoder = jpeg_decoder::Decoder::new(Tailed::new(original, Filler::Others, None));
    decoder.set_max_decoding_buffer_size(most);
    let other = decoder.scale(wanted.0, wanted.1).and_then(|_| decoder.decode());
    // If this filler makes no sense to the decoder, nobody knows which rows came.
    let Ok(other) = other else { return true };
    let Some(first) = first_difference(buffer, &other, row) else { return false };
    buffer.iter_mut().skip(first * row).for_each(|byte| *byte = MISSING);
    true
}
