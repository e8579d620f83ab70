//! Decodes PNG row by row; of a cut file what came.

use std::io::Cursor;

use image::ColorType;
use image::metadata::Orientation;

use super::{Layout, MISSING, Memory, STEP, damaged, fill_alpha, pixels, push_rows, too_many};
use crate::ports::Clock;
use crate::thumbnail::shrink::Shrink;
use crate::thumbnail::{Decoded, MAX_PIXELS, Undrawable, target};

/// Decodes a PNG row by row; an interlaced one completely. Of an animated one it decodes the default image, and of a cut
/// one what came.
pub(super) async fn decode(
    original: &[u8],
    memory: Memory,
    width: u32,
    clock: &impl Clock,
) -> Result<Decoded, Undrawable> {
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
    let target = target(size, orientation, width);
    let memory = memory.check(Shrink::bytes(size, target))?;
    let mut shrink = Shrink::new(size, target);
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
