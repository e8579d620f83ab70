//! Draws thumbnails: takes an original's bytes, returns a picture that every browser shows. Pure.
//!
//! ```text
//! original -> rows of pixels (decode) -> averaged to less than twice the size (shrink) -> resized, turned (here)
//!          -> JPEG, or WebP without loss where something is transparent (encode), and a placeholder
//! ```
//! It holds no more pixels than the decoder needs: single rows of a PNG, an eighth of each side of a JPEG if that is
//! enough, and other formats completely, up to [`MAX_MEMORY`]. Other tasks run between the steps.

mod claims;
mod colour;
mod decode;
pub mod drawing;
mod encode;
pub mod likeness;
pub mod placeholder;
mod shrink;
mod tail;

use fast_image_resize::images::Image;
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use image::metadata::Orientation;
use image::{DynamicImage, RgbaImage};

use crate::ports::Clock;

/// The widths of thumbnails, in pixels. A thumbnail is at most this wide and twice as high, and never larger than its
/// image.
pub const WIDTHS: [u32; 4] = [160, 320, 640, 1280];

/// The largest original that is decoded, in bytes: it is held in memory completely. The first limit is for an instance
/// that only draws, the second for one that also serves other requests.
pub const MAX_ORIGINAL: u64 = 64 * 1024 * 1024;
/// See [`MAX_ORIGINAL`].
pub const MAX_ORIGINAL_AMONG_OTHERS: u64 = 32 * 1024 * 1024;

/// The most memory for an original and its decoder, in bytes; an instance has 128 MiB on some hosts. The first limit is
/// for an instance that only draws, the second for one that also serves other requests.
const MAX_MEMORY: u64 = 100 * 1024 * 1024;
const MAX_MEMORY_AMONG_OTHERS: u64 = 80 * 1024 * 1024;

/// The most scans of a JPEG. Each scan takes as long as another whole JPEG. Encoders write about a dozen.
const MAX_SCANS: u32 = 64;

/// The most pixels of an image that is decoded row by row.
const MAX_PIXELS: u64 = 100_000_000;

/// The most pixels of a JPEG in an instance that only draws: phones make pictures of 108 and 200 million. It decodes an
/// eighth of each side.
const MAX_JPEG_PIXELS: u64 = 256_000_000;

/// The most pixels of a WebP image in an instance that also serves other requests: its decoder takes about 40 ns a
/// pixel and cannot be interrupted.
const MAX_WEBP_AMONG_OTHERS: u64 = 3_000_000;

/// The largest thumbnail, in bytes: it is one value of the store.
pub const MAX_THUMBNAIL: usize = 240 * 1024;

/// Whether this module decodes the format.
pub fn is_decoded(media_type: &str) -> bool {
    decode::Format::of(media_type).is_some()
}

/// A thumbnail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumbnail {
    /// `image/jpeg` or `image/webp`.
    pub media_type: &'static str,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The picture.
    pub bytes: Vec<u8>,
    /// The placeholder to show until the thumbnail is loaded: a `ThumbHash` (<https://evanw.github.io/thumbhash/>), 5
    /// to 25 bytes.
    pub placeholder: Vec<u8>,
    /// Whether the original is cut or damaged, so that a part of the picture is missing. The thumbnail is grey there.
    pub is_cut: bool,
    /// Its [likeness]; `None` if it is too plain.
    pub likeness: Option<u64>,
}

/// Why no thumbnail is drawn: one sentence for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Undrawable {
    /// No host can draw it.
    #[error("{0}")]
    Never(String),
    /// This instance does not draw it, because it serves other requests, too.
    #[error("{0}")]
    Here(String),
}

/// Draws the thumbnail of an original at one of [`WIDTHS`]. `is_apart` says that this instance serves no other request.
pub async fn draw(
    original: &[u8],
    media_type: &str,
    width: u32,
    is_apart: bool,
    clock: &impl Clock,
) -> Result<Thumbnail, Undrawable> {
    let decoded = decode::decode(original, media_type, width, is_apart, clock).await?;
    clock.yield_now().await;
    let (pixels, placeholder) = finish(&decoded, width)?;
    let likeness = likeness::of(&pixels);
    clock.yield_now().await;
    let thumbnail = encode::encode(&pixels, decoded.is_drawn, placeholder)?;
    Ok(Thumbnail { is_cut: decoded.is_cut, likeness, ..thumbnail })
}

/// An original, decoded and shrunk to less than twice the thumbnail's size.
#[derive(Debug)]
struct Decoded {
    pixels: Pixels,
    /// The whole image's size.
    size: (u32, u32),
    orientation: Orientation,
    /// The ICC profile of the colours, unless they are sRGB.
    profile: Option<Vec<u8>>,
    /// Whether the format is one of drawings and screenshots rather than photographs.
    is_drawn: bool,
    /// Whether a part of the picture is missing.
    is_cut: bool,
}

/// Red, green and blue, each multiplied by alpha, and alpha.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pixels {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

/// The size at which an image fits into a box. An image is never enlarged.
fn fit((width, height): (u32, u32), (most_wide, most_high): (u32, u32)) -> (u32, u32) {
    let (width, height) = (u64::from(width.max(1)), u64::from(height.max(1)));
    let (most_wide, most_high) = (u64::from(most_wide), u64::from(most_high));
    let (wide, high) = if width <= most_wide && height <= most_high {
        (width, height)
    } else if width * most_high > height * most_wide {
        (most_wide, height * most_wide / width)
    } else {
        (width * most_high / height, most_high)
    };
    let pixels = |side: u64| u32::try_from(side.max(1)).unwrap_or(u32::MAX);
    (pixels(wide), pixels(high))
}

/// Whether an orientation exchanges width and height.
fn is_turned(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

/// The size to which an image is resized, before it is turned.
fn target(size: (u32, u32), orientation: Orientation, width: u32) -> (u32, u32) {
    let most = if is_turned(orientation) { (2 * width, width) } else { (width, 2 * width) };
    fit(size, most)
}

/// Resizes and turns the picture, converts its colours to sRGB, and makes the placeholder.
fn finish(decoded: &Decoded, width: u32) -> Result<(RgbaImage, Vec<u8>), Undrawable> {
    let small = resize(&decoded.pixels, target(decoded.size, decoded.orientation, width))?;
    let mut colours = small.unmultiplied()?;
    if let Some(profile) = &decoded.profile {
        colour::convert(&mut colours, profile);
    }
    let mut picture = DynamicImage::ImageRgba8(colours);
    picture.apply_orientation(decoded.orientation);
    let tiny = resize(&Pixels::of(&picture), fit((picture.width(), picture.height()), placeholder::BOX))?;
    Ok((picture.into_rgba8(), placeholder::of(&tiny.unmultiplied()?)))
}

fn resize(pixels: &Pixels, (width, height): (u32, u32)) -> Result<Pixels, Undrawable> {
    if (width, height) == (pixels.width, pixels.height) {
        return Ok(pixels.clone());
    }
    let failed = |error: &dyn std::fmt::Display| Undrawable::Never(format!("it cannot be resized: {error}"));
    let from = fast_image_resize::images::ImageRef::new(pixels.width, pixels.height, &pixels.rgba, PixelType::U8x4)
        .map_err(|error| failed(&error))?;
    let mut to = Image::new(width, height, PixelType::U8x4);
    // The pixels are already multiplied by alpha; the crate's own division is wrong on this target (its README).
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom)).use_alpha(false);
    Resizer::new().resize(&from, &mut to, &options).map_err(|error| failed(&error))?;
    Ok(Pixels { width, height, rgba: to.into_vec() })
}

impl Pixels {
    fn of(picture: &DynamicImage) -> Self {
        let (width, height) = (picture.width(), picture.height());
        let mut rgba = picture.to_rgba8().into_raw();
        for pixel in rgba.chunks_exact_mut(4) {
            if let [red, green, blue, alpha] = pixel {
                for colour in [red, green, blue] {
                    *colour = shrink::multiplied(*colour, *alpha);
                }
            }
        }
        Self { width, height, rgba }
    }

    /// The picture with colours that are not multiplied by alpha.
    fn unmultiplied(&self) -> Result<RgbaImage, Undrawable> {
        let mut rgba = self.rgba.clone();
        for pixel in rgba.chunks_exact_mut(4) {
            if let [red, green, blue, alpha] = pixel {
                let alpha = u16::from(*alpha);
                for colour in [red, green, blue] {
                    let divided = (u16::from(*colour) * 255 + alpha / 2).checked_div(alpha).unwrap_or(0);
                    *colour = u8::try_from(divided.min(255)).unwrap_or(u8::MAX);
                }
            }
        }
        RgbaImage::from_raw(self.width, self.height, rgba)
            .ok_or_else(|| Undrawable::Never("its pixels are not as many as it says".into()))
    }
}

#[cfg(test)]
mod tests;
