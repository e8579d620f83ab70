//! Encodes a thumbnail as JPEG or as lossless WebP.

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{MAX_THUMBNAIL, Thumbnail, Undrawable};

/// JPEG qualities. The next one is tried if the picture of the one before is too large.
const QUALITIES: [u8; 5] = [80, 60, 40, 20, 8];

/// Encodes a picture: as lossless WebP if a pixel is transparent, or if that is smaller; else as JPEG.
pub(super) fn encode(picture: &RgbaImage, is_drawn: bool, placeholder: Vec<u8>) -> Result<Thumbnail, Undrawable> {
    let is_opaque = picture.pixels().all(|pixel| pixel.0[3] == 255);
    let webp = if is_drawn || !is_opaque { Some(webp(picture)?) } else { None };
    let (media_type, bytes) = match webp.filter(|webp| webp.len() <= MAX_THUMBNAIL) {
        Some(webp) if !is_opaque => ("image/webp", webp),
        Some(webp) => {
            let jpeg = jpeg(picture)?;
            if webp.len() <= jpeg.len() { ("image/webp", webp) } else { ("image/jpeg", jpeg) }
        }
        None => ("image/jpeg", jpeg(picture)?),
    };
    if bytes.len() > MAX_THUMBNAIL {
        return Err(Undrawable::Never(format!("its thumbnail would have {} bytes", bytes.len())));
    }
    let (width, height) = picture.dimensions();
    Ok(Thumbnail { media_type, width, height, bytes, placeholder, is_cut: false, likeness: None })
}

fn failed(error: &dyn std::fmt::Display) -> Undrawable {
    Undrawable::Never(format!("its thumbnail cannot be encoded: {error}"))
}

fn webp(picture: &RgbaImage) -> Result<Vec<u8>, Undrawable> {
    let mut bytes = Vec::new();
    let encoder = WebPEncoder::new_lossless(&mut bytes);
    let (width, height) = picture.dimensions();
    encoder.encode(picture.as_raw(), width, height, ExtendedColorType::Rgba8).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// JPEG on white, at the best quality that is not too large.
fn jpeg(picture: &RgbaImage) -> Result<Vec<u8>, Undrawable> {
    let rgb: Vec<u8> = picture
        .pixels()
        .flat_map(|pixel| {
            let [red, green, blue, alpha] = pixel.0;
            [red, green, blue].map(|colour| on_white(colour, alpha))
        })
        .collect();
    let too_large = |_| Undrawable::Never("its thumbnail would be larger than JPEG allows".into());
    let width = u16::try_from(picture.width()).map_err(too_large)?;
    let height = u16::try_from(picture.height()).map_err(too_large)?;
    let mut bytes = Vec::new();
    for quality in QUALITIES {
        bytes.clear();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        // Optimized Huffman tables are not used: with them the encoder writes one scan for each component, which some
        // decoders cannot read.
        encoder.encode(&rgb, width, height, ColorType::Rgb).map_err(|error| failed(&error))?;
        if bytes.len() <= MAX_THUMBNAIL {
            break;
        }
    }
    Ok(bytes)
}

/// A colour blended with white.
pub(super) fn on_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u16::from(colour), u16::from(alpha));
    u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}
