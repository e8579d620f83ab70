//! Decodes an original to rows of pixels, and shrinks them on the way.

use std::io::Cursor;

use image::codecs::webp::WebPDecoder;
use image::codecs::{bmp::BmpDecoder, gif::GifDecoder, ico::IcoDecoder, qoi::QoiDecoder, tiff::TiffDecoder};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, Limits};
use jpeg_decoder::PixelFormat;

use super::colour::Inks;
use super::shrink::{Shrink, multiplied};
use super::tail::{Filler, Tailed};
use super::{
    Decoded, MAX_JPEG_PIXELS, MAX_MEMORY, MAX_MEMORY_AMONG_OTHERS, MAX_PIXELS, MAX_SCANS, MAX_WEBP_AMONG_OTHERS,
    Undrawable, target,
};
use crate::jpeg::Structure;
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
        Format::Jpeg => jpeg(original, memory, width, is_apart, clock).await,
        Format::Png => png(original, memory, width, clock).await,
        Format::WebP => {
            let decoder = WebPDecoder::new(from).map_err(damaged)?;
            let pixels = pixels(decoder.dimensions());
            if !is_apart && pixels > MAX_WEBP_AMONG_OTHERS {
                let why =
                    format!("it has {pixels} pixels, and of WebP at most {MAX_WEBP_AMONG_OTHERS} are decoded here");
                return Err(Undrawable::Here(why));
            }
            // The decoder also has planes of its own, of one and a half bytes a pixel.
            whole(decoder, memory.and(3 * pixels / 2), Alpha::Meant, false, width, clock).await
        }
        Format::Gif => whole(GifDecoder::new(from).map_err(damaged)?, memory, Alpha::Meant, true, width, clock).await,
        Format::Bmp => whole(BmpDecoder::new(from).map_err(damaged)?, memory, Alpha::Unsure, true, width, clock).await,
        Format::Tiff => {
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
    /// Bytes of the original, and of everything else except the pixels.
    beside: u64,
    /// The most bytes in all.
    allowed: u64,
}

impl Memory {
    fn new(original: &[u8], is_apart: bool) -> Self {
        let allowed = if is_apart { MAX_MEMORY } else { MAX_MEMORY_AMONG_OTHERS };
        Self { beside: original.len() as u64, allowed }
    }

    /// Adds bytes that are needed besides the pixels.
    fn and(self, more: u64) -> Self {
        Self { beside: self.beside.saturating_add(more), ..self }
    }

    /// Refuses an image whose pixels do not fit.
    fn check(self, pixels: u64) -> Result<(), Undrawable> {
        let (bytes, allowed) = (self.beside.saturating_add(pixels), self.allowed);
        if bytes <= allowed {
            return Ok(());
        }
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
    memory.check(decoder.total_bytes())?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(memory.allowed);
    decoder.set_limits(limits).map_err(damaged)?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
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
    let mut shrink = Shrink::new(size, target(size, orientation, width));
    push_rows(&mut shrink, &buffer, size.0, &Layout::Colour(colour), clock).await;
    Ok(Decoded { pixels: shrink.finish(), size, orientation, profile, is_drawn, is_cut })
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

/// Decodes a JPEG at an eighth, a quarter or half of its size if that is enough: the pixels in between are never
/// computed. Of a cut file it decodes what came.
async fn jpeg(
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
    let mut file = Tailed::new(original, Filler::Zeros);
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
    let most = usize::try_from(memory.allowed).unwrap_or(usize::MAX);
    decoder.set_max_decoding_buffer_size(most);
    let mut buffer = decoder.decode().map_err(damaged)?;
    clock.yield_now().await;
    let profile = decoder.icc_profile();
    drop(decoder);
    let row = scaled.0 as usize * info.pixel_format.pixel_bytes();
    // Each scan of a progressive JPEG adds to the whole picture.
    let is_cut =
        file.is_cut() && (structure.is_progressive() || blank_missing(original, &mut buffer, row, wanted, most));
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
    let mut decoder = jpeg_decoder::Decoder::new(Tailed::new(original, Filler::Others));
    decoder.set_max_decoding_buffer_size(most);
    let other = decoder.scale(wanted.0, wanted.1).and_then(|_| decoder.decode());
    // If this filler makes no sense to the decoder, nobody knows which rows came.
    let Ok(other) = other else { return true };
    let first = buffer.chunks_exact(row.max(1)).zip(other.chunks_exact(row.max(1))).position(|(one, two)| one != two);
    let Some(first) = first else { return false };
    buffer.iter_mut().skip(first * row).for_each(|byte| *byte = MISSING);
    true
}

/// Decodes a PNG row by row; an interlaced one completely. Of an animated one it decodes the default image, and of a cut
/// one what came.
async fn png(original: &[u8], memory: Memory, width: u32, clock: &impl Clock) -> Result<Decoded, Undrawable> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(original), png::Limits { bytes: 32 << 20 });
    decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(damaged)?;
    let info = reader.info();
    let size = info.size();
    if pixels(size) > MAX_PIXELS {
        return Err(too_many(pixels(size), MAX_PIXELS));
    }
    let exif = info.exif_metadata.as_deref().and_then(Orientation::from_exif_chunk);
    let orientation = exif.unwrap_or(Orientation::NoTransforms);
    let (is_interlaced, profile) = (info.interlaced, info.icc_profile.as_deref().map(<[u8]>::to_vec));
    let colour = match reader.output_color_type().0 {
        png::ColorType::Grayscale => ColorType::L8,
        png::ColorType::GrayscaleAlpha => ColorType::La8,
        png::ColorType::Rgb => ColorType::Rgb8,
        png::ColorType::Rgba => ColorType::Rgba8,
        png::ColorType::Indexed => return Err(damaged("its palette was not read")),
    };
    let layout = Layout::Colour(colour);
    let mut shrink = Shrink::new(size, target(size, orientation, width));
    let line = reader.output_line_size(size.0).ok_or_else(|| damaged("its rows are too long"))?;
    let mut is_cut = false;
    if is_interlaced {
        let bytes_in_all = reader.output_buffer_size().unwrap_or(usize::MAX);
        memory.check(bytes_in_all as u64)?;
        let mut buffer = vec![MISSING; bytes_in_all];
        fill_alpha(&mut buffer, colour);
        let (mut came, mut since) = (0_u32, 0);
        loop {
            match reader.next_interlaced_row() {
                Ok(Some(row)) => {
                    if let png::InterlaceInfo::Adam7(pass) = row.interlace() {
                        // Each pixel of an early pass fills its block, until the others come.
                        png::splat_interlaced_row(&mut buffer, line, row.data(), pass, 8 * colour.bytes_per_pixel());
                    }
                    came += 1;
                    since += row.data().len();
                }
                Ok(None) => break,
                Err(error) if came == 0 => return Err(damaged(error)),
                // Its last pass came, so only its end is missing.
                Err(_) => {
                    is_cut = came < adam7_rows(size);
                    break;
                }
            }
            if since >= STEP {
                since = 0;
                clock.yield_now().await;
            }
        }
        push_rows(&mut shrink, &buffer, size.0, &layout, clock).await;
    } else {
        let (mut row, mut since) = (vec![0; line], 0);
        for came in 0..size.1 {
            match if is_cut { Ok(None) } else { reader.read_row(&mut row) } {
                Ok(Some(_)) => {}
                Err(error) if came == 0 => return Err(damaged(error)),
                Ok(None) | Err(_) => {
                    is_cut = true;
                    row.fill(MISSING);
                    fill_alpha(&mut row, colour);
                }
            }
            layout.push(&mut shrink, &row);
            since += size.0 as usize;
            if since >= STEP {
                since = 0;
                clock.yield_now().await;
            }
        }
    }
    Ok(Decoded { pixels: shrink.finish(), size, orientation, profile, is_drawn: true, is_cut })
}

/// The rows of all passes of an interlaced PNG (W3C, section 8.1). A pass without pixels has no rows.
fn adam7_rows((width, height): (u32, u32)) -> u32 {
    let passes = [(8, 0, 8, 0), (8, 4, 8, 0), (4, 0, 8, 4), (4, 2, 4, 0), (2, 0, 4, 2), (2, 1, 2, 0), (1, 0, 2, 1)];
    let count = |side: u32, step: u32, start: u32| side.saturating_sub(start).div_ceil(step);
    let rows = passes.map(
        |(across, left, down, top)| {
            if count(width, across, left) == 0 { 0 } else { count(height, down, top) }
        },
    );
    rows.iter().sum()
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
