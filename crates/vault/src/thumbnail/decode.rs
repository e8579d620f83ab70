//! Decodes an original to rows of pixels, and shrinks them on the way.

mod jpeg;
mod png;
mod webp;

use std::io::Cursor;

use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, ico::IcoDecoder, qoi::QoiDecoder, tiff::TiffDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, Limits};

use super::claims;
use super::colour::Inks;
use super::shrink::{Shrink, multiplied};
use super::{Decoded, MAX_MEMORY, MAX_MEMORY_AMONG_OTHERS, Undrawable, target};
use crate::ports::Clock;

/// Pixels decoded before other tasks may run: about a millisecond of work.
const STEP: usize = 128 * 1024;

/// The grey where a file is cut.
const MISSING: u8 = 0x80;

/// The formats that are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
    Ico,
    Qoi,
}

impl Format {
    /// The format of a media type, if it is decoded here.
    pub(super) fn of(media_type: &str) -> Option<Self> {
        Some(match media_type {
            "image/jpeg" => Self::Jpeg,
            "image/png" => Self::Png,
            "image/webp" => Self::WebP,
            "image/gif" => Self::Gif,
            "image/bmp" => Self::Bmp,
            "image/tiff" => Self::Tiff,
            "image/vnd.microsoft.icon" => Self::Ico,
            "image/x-qoi" => Self::Qoi,
            _ => return None,
        })
    }
}

/// Decodes an original and shrinks it on the way.
pub(super) async fn decode(
    original: &[u8],
    media_type: &str,
    width: u32,
    is_apart: bool,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
    let from = Cursor::new(original);
    let memory = Memory::new(original, is_apart);
    let Some(format) = Format::of(media_type) else {
        return Err(Undrawable::Never(format!("{media_type} is not decoded here")));
    };
    match format {
        Format::Jpeg => jpeg::decode(original, memory, width, is_apart, clock).await,
        Format::Png => png::decode(original, memory, width, clock).await,
        Format::WebP => webp::decode(original, memory, width, is_apart, clock).await,
        Format::Gif => whole(GifDecoder::new(from).map_err(damaged)?, memory, Alpha::Meant, true, width, clock).await,
        Format::Bmp => whole(BmpDecoder::new(from).map_err(damaged)?, memory, Alpha::Unsure, true, width, clock).await,
        Format::Tiff => {
            // The decoder has read an entry, and dropped its values, before it takes anything else.
            memory.check(claims::tiff(original))?;
            if claims::is_tiled_by_colour(original) {
                return Err(Undrawable::Never("each of its colours stands in tiles of its own".into()));
            }
            let decoder = TiffDecoder::new(from).map_err(damaged)?;
            // The decoder also holds an unpacked strip, which may be the whole image.
            let strip = decoder.total_bytes();
            whole(decoder, memory.and(strip), Alpha::Unsure, true, width, clock).await
        }
        Format::Ico => whole(IcoDecoder::new(from).map_err(damaged)?, memory, Alpha::Unsure, true, width, clock).await,
        Format::Qoi => whole(QoiDecoder::new(from).map_err(damaged)?, memory, Alpha::Meant, true, width, clock).await,
    }
}

fn damaged(error: impl std::fmt::Display) -> Undrawable {
    Undrawable::Never(format!("it cannot be decoded: {error}"))
}

fn too_many(pixels: u64, allowed: u64) -> Undrawable {
    Undrawable::Never(format!("it has {pixels} pixels, and at most {allowed} are decoded"))
}

fn pixels((width, height): (u32, u32)) -> u64 {
    u64::from(width) * u64::from(height)
}

/// Memory for decoding, in bytes.
#[derive(Clone, Copy)]
struct Memory {
    /// Bytes of the original.
    original: u64,
    /// The same, and of everything else that was counted.
    counted: u64,
    /// The most bytes in all.
    allowed: u64,
}

impl Memory {
    fn new(original: &[u8], is_apart: bool) -> Self {
        let allowed = if is_apart { MAX_MEMORY } else { MAX_MEMORY_AMONG_OTHERS };
        let original = original.len() as u64;
        Self { original, counted: original, allowed }
    }

    /// Adds bytes that are needed besides the pixels.
    fn and(self, more: u64) -> Self {
        Self { counted: self.counted.saturating_add(more), ..self }
    }

    /// Counts bytes before they are taken, and refuses an image for which they do not fit.
    fn check(self, more: u64) -> Result<Self, Undrawable> {
        let with = self.and(more);
        if with.counted <= with.allowed {
            return Ok(with);
        }
        let (bytes, allowed) = (with.counted, with.allowed);
        Err(Undrawable::Never(format!("decoding it would take {bytes} bytes of memory; {allowed} are allowed")))
    }
}

/// What a format's alpha means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Alpha {
    /// Transparency.
    Meant,
    /// Transparency, or bytes that nobody uses: they are if all are 0, because nobody draws a picture that cannot be
    /// seen.
    Unsure,
}

/// Decodes the first frame completely, or as far as it came.
async fn whole(
    mut decoder: impl ImageDecoder,
    memory: Memory,
    alpha: Alpha,
    is_drawn: bool,
    width: u32,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
    let (size, colour) = (decoder.dimensions(), decoder.color_type());
    let in_all = memory.allowed.saturating_sub(memory.original);
    let memory = memory.check(decoder.total_bytes())?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(in_all);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let target = target(size, orientation, width);
    memory.check(Shrink::bytes(size, target))?;
    let profile = decoder.icc_profile().ok().flatten();
    let mut buffer = vec![MISSING; usize::try_from(decoder.total_bytes()).unwrap_or(usize::MAX)];
    fill_alpha(&mut buffer, colour);
    let is_cut = match decoder.read_image(&mut buffer) {
        Ok(()) => false,
        // The decoders write pixels as they come.
        Err(_) if !is_blank(&buffer, colour) => true,
        Err(error) => return Err(damaged(error)),
    };
    if alpha == Alpha::Unsure
        && colour.has_alpha()
        && alphas(&buffer, colour).all(|alpha| alpha.iter().all(|&byte| byte == 0))
    {
        fill_alpha(&mut buffer, colour);
    }
    let mut shrink = Shrink::new(size, target);
    push_rows(&mut shrink, &buffer, size.0, &Layout::Colour(colour), clock).await;
    Ok(Decoded { pixels: shrink.finish(), size, orientation, profile, is_drawn, is_cut })
}

/// The first of the rows, each of this many bytes, in which two pictures differ.
fn first_difference(one: &[u8], other: &[u8], row: usize) -> Option<usize> {
    let row = row.max(1);
    one.chunks(row).zip(other.chunks(row)).position(|(one, other)| one != other)
}

/// Bytes of one channel of a pixel.
fn channel(colour: ColorType) -> usize {
    usize::from(colour.bytes_per_pixel() / colour.channel_count().max(1)).max(1)
}

/// The alpha of each pixel; none if the pixels have no alpha.
fn alphas(buffer: &[u8], colour: ColorType) -> impl Iterator<Item = &[u8]> {
    let pixels = buffer.chunks_exact(colour.bytes_per_pixel().into()).filter(move |_| colour.has_alpha());
    pixels.filter_map(move |pixel| pixel.get(pixel.len() - channel(colour)..))
}

/// Makes every pixel opaque.
#[expect(clippy::host_endian_bytes, reason = "the decoders give numbers as this machine has them")]
fn fill_alpha(buffer: &mut [u8], colour: ColorType) {
    if !colour.has_alpha() {
        return;
    }
    let (length, opaque) = (channel(colour), if channel(colour) == 4 { 1_f32.to_ne_bytes() } else { [0xff; 4] });
    for pixel in buffer.chunks_exact_mut(colour.bytes_per_pixel().into()) {
        pixel.iter_mut().rev().take(length).zip(opaque.iter().rev()).for_each(|(byte, opaque)| *byte = *opaque);
    }
}

/// Whether nothing was written: every pixel is as before.
fn is_blank(buffer: &[u8], colour: ColorType) -> bool {
    let length = usize::from(colour.bytes_per_pixel());
    let colours = length - if colour.has_alpha() { channel(colour) } else { 0 };
    buffer.chunks_exact(length).all(|pixel| pixel.iter().take(colours).all(|&byte| byte == MISSING))
}

/// Pushes all rows of a decoded image.
async fn push_rows(shrink: &mut Shrink, buffer: &[u8], width: u32, layout: &Layout, clock: &impl Clock) {
    let width = width.max(1) as usize;
    let row = width * layout.bytes_per_pixel();
    for rows in buffer.chunks(row * (STEP / width).max(1)) {
        rows.chunks_exact(row).for_each(|row| layout.push(shrink, row));
        clock.yield_now().await;
    }
}

/// The layout of a pixel in a row.
enum Layout {
    Colour(ColorType),
    /// Cyan, magenta, yellow and black, as ink, and what colours these inks have, if a profile says so.
    Cmyk(Option<Inks>),
}

impl Layout {
    fn bytes_per_pixel(&self) -> usize {
        match self {
            Self::Colour(colour) => colour.bytes_per_pixel().into(),
            Self::Cmyk(_) => 4,
        }
    }

    fn push(&self, shrink: &mut Shrink, row: &[u8]) {
        match self {
            Self::Colour(ColorType::L8) => shrink.push(row.iter().map(|&grey| [grey, grey, grey, 255])),
            Self::Colour(ColorType::La8) => {
                shrink.push(row.as_chunks().0.iter().map(|&[grey, alpha]| [grey, grey, grey, alpha]));
            }
            Self::Colour(ColorType::Rgb8) => {
                shrink.push(row.as_chunks().0.iter().map(|&[red, green, blue]| [red, green, blue, 255]));
            }
            Self::Colour(ColorType::Rgba8) => shrink.push(row.as_chunks().0.iter().copied()),
            Self::Cmyk(inks) if inks.is_some() => match inks.as_ref().and_then(|inks| inks.row(row)) {
                Some(colours) => Self::Colour(ColorType::Rgb8).push(shrink, &colours),
                None => Self::Cmyk(None).push(shrink, row),
            },
            Self::Cmyk(_) => shrink.push(row.as_chunks().0.iter().map(|&[cyan, magenta, yellow, black]| {
                let colour = |ink: u8| multiplied(255 - ink, 255 - black);
                [colour(cyan), colour(magenta), colour(yellow), 255]
            })),
            Self::Colour(deep) => {
                let eight: Vec<u8> = match deep {
                    ColorType::Rgb32F | ColorType::Rgba32F => {
                        row.as_chunks().0.iter().map(|&four| unit(four)).collect()
                    }
                    _ => row.as_chunks().0.iter().map(|&two| high(two)).collect(),
                };
                let shallow = match deep.channel_count() {
                    1 => ColorType::L8,
                    2 => ColorType::La8,
                    3 => ColorType::Rgb8,
                    _ => ColorType::Rgba8,
                };
                Self::Colour(shallow).push(shrink, &eight);
            }
        }
    }
}

/// The upper 8 bits of a 16-bit number.
#[expect(clippy::host_endian_bytes, reason = "the decoders give numbers as this machine has them")]
fn high(two: [u8; 2]) -> u8 {
    u8::try_from(u16::from_ne_bytes(two) >> 8).unwrap_or(u8::MAX)
}

/// A number from 0 to 1, as 8 bits.
#[expect(clippy::host_endian_bytes, reason = "as above")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is clamped")]
fn unit(four: [u8; 4]) -> u8 {
    (f32::from_ne_bytes(four).clamp(0.0, 1.0) * 255.0).round() as u8
}
