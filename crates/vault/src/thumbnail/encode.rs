//! Writing a small picture.

use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder as _, RgbaImage};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::{MAX_THUMBNAIL, Thumbnail, Undrawable};

/// JPEG qualities, the next where the one before makes too much of it.
const QUALITIES: [u8; 5] = [80, 60, 40, 20, 8];

/// Writes a picture: as WebP without loss where something is transparent, or where that is smaller; else as JPEG.
pub(super) fn encode(
    picture: &RgbaImage,
    profile: Option<&[u8]>,
    is_drawn: bool,
    placeholder: Vec<u8>,
) -> Result<Thumbnail, Undrawable> {
    let is_opaque = picture.pixels().all(|pixel| pixel.0[3] == 255);
    let webp = if is_drawn || !is_opaque { Some(webp(picture, profile)?) } else { None };
    let (media_type, bytes) = match webp.filter(|webp| webp.len() <= MAX_THUMBNAIL) {
        Some(webp) if !is_opaque => ("image/webp", webp),
        Some(webp) => {
            let jpeg = jpeg(picture, profile)?;
            if webp.len() <= jpeg.len() { ("image/webp", webp) } else { ("image/jpeg", jpeg) }
        }
        None => ("image/jpeg", jpeg(picture, profile)?),
    };
    if bytes.len() > MAX_THUMBNAIL {
        return Err(Undrawable::Never(format!("its small picture would have {} bytes", bytes.len())));
    }
    Ok(Thumbnail { media_type, width: picture.width(), height: picture.height(), bytes, placeholder })
}

fn failed(error: &dyn std::fmt::Display) -> Undrawable {
    Undrawable::Never(format!("its small picture cannot be written: {error}"))
}

fn webp(picture: &RgbaImage, profile: Option<&[u8]>) -> Result<Vec<u8>, Undrawable> {
    let mut bytes = Vec::new();
    let mut encoder = WebPEncoder::new_lossless(&mut bytes);
    if let Some(profile) = profile {
        // It is written without, then: colours a little off.
        let _ = encoder.set_icc_profile(profile.to_vec());
    }
    let (width, height) = picture.dimensions();
    encoder.encode(picture.as_raw(), width, height, ExtendedColorType::Rgba8).map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// JPEG, on white, at the best quality that is not too much.
fn jpeg(picture: &RgbaImage, profile: Option<&[u8]>) -> Result<Vec<u8>, Undrawable> {
    let rgb: Vec<u8> = picture
        .pixels()
        .flat_map(|pixel| {
            let [red, green, blue, alpha] = pixel.0;
            [red, green, blue].map(|colour| on_white(colour, alpha))
        })
        .collect();
    let too_large = |_| Undrawable::Never("its small picture would be larger than JPEG can be".into());
    let width = u16::try_from(picture.width()).map_err(too_large)?;
    let height = u16::try_from(picture.height()).map_err(too_large)?;
    let mut bytes = Vec::new();
    for quality in QUALITIES {
        bytes.clear();
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(SamplingFactor::F_2_2);
        // Not with Huffman tables of its own: that makes a scan of each component, which some decoders cannot read.
        if let Some(profile) = profile {
            // As above.
            let _ = encoder.add_icc_profile(profile);
        }
        encoder.encode(&rgb, width, height, ColorType::Rgb).map_err(|error| failed(&error))?;
        if bytes.len() <= MAX_THUMBNAIL {
            break;
        }
    }
    Ok(bytes)
}

/// A colour over white.
pub(super) fn on_white(colour: u8, alpha: u8) -> u8 {
    let (colour, alpha) = (u16::from(colour), u16::from(alpha));
    u8::try_from((colour * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
}
