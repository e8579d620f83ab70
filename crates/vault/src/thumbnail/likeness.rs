//! Makes likenesses: 64 bits that are nearly the same for pictures that look the same, and the same on every host.
//!
//! The picture in grey is averaged to a square, and of the lowest frequencies of that (DCT-II) each bit says whether one
//! is above the median. So a likeness does not depend on size, brightness, contrast or how the file was encoded. The way
//! is known as pHash (Zauner 2010, section 3.2.1). All numbers are integers.

use image::RgbaImage;

use super::encode::on_white;

/// The version of this way. Likenesses of different versions are not compared.
pub const VERSION: u8 = 1;

/// The side of the square.
const SIDE: u32 = 32;

/// The frequencies in each direction.
const FREQUENCIES: usize = 8;

/// The bits of fractions.
const SHIFT: u32 = 14;

/// cos(n π / 64), for n from 0 to 32.
#[rustfmt::skip]
const COSINES: [i64; 33] = [
    16384, 16364, 16305, 16207, 16069, 15893, 15679, 15426, 15137, 14811, 14449, 14053, 13623, 13160, 12665, 12140, 11585,
    11003, 10394, 9760, 9102, 8423, 7723, 7005, 6270, 5520, 4756, 3981, 3196, 2404, 1606, 804, 0,
];

/// The least amplitude that the strongest frequency has: about two of 256 grey levels.
const LEAST: i64 = 2 * 256 * 256;

/// Makes the likeness of a picture. `None` if it is too plain: then noise alone would decide.
pub(super) fn of(picture: &RgbaImage) -> Option<u64> {
    let square = square(picture);
    // Row by row, and then column by column.
    let rows: Vec<[i64; FREQUENCIES + 1]> = square
        .chunks_exact(SIDE as usize)
        .map(|row| std::array::from_fn(|k| strength(row.iter().copied(), k)))
        .collect();
    let at = |across: usize, down: usize| strength(rows.iter().map(|row| row.get(across).copied().unwrap_or(0)), down);
    let mut strengths = [0; FREQUENCIES * FREQUENCIES];
    for (n, strength) in strengths.iter_mut().enumerate() {
        // The first is the brightness, which says nothing. The next frequency takes its place.
        let (across, down) = if n == 0 { (FREQUENCIES, 0) } else { (n % FREQUENCIES, n / FREQUENCIES) };
        *strength = at(across, down);
    }
    if strengths.iter().all(|strength| strength.abs() < LEAST) {
        return None;
    }
    let mut sorted = strengths;
    sorted.sort_unstable();
    let median = sorted.get(sorted.len() / 2 - 1).copied()?;
    Some(strengths.iter().fold(0, |bits, strength| (bits << 1) | u64::from(*strength > median)))
}

/// The strength of frequency `k` in a row of [`SIDE`] values.
fn strength(values: impl Iterator<Item = i64>, k: usize) -> i64 {
    let sum: i64 = values.zip((1..).step_by(2)).map(|(value, n)| value * cosine(n * k)).sum();
    sum >> SHIFT
}

/// cos(n π / 64).
fn cosine(n: usize) -> i64 {
    let n = n % 128;
    let n = n.min(128 - n);
    let of = |n: usize| COSINES.get(n).copied().unwrap_or(0);
    if n <= 32 { of(n) } else { -of(64 - n) }
}

/// The picture in grey, blended with white, averaged to [`SIDE`] by [`SIDE`] cells: 256 times the grey level of each.
fn square(picture: &RgbaImage) -> Vec<i64> {
    let (width, height) = picture.dimensions();
    let cells = |length: u32| {
        (0..SIDE).map(move |n| {
            let edge = |n: u32| u32::try_from(u64::from(n) * u64::from(length) / u64::from(SIDE)).unwrap_or(u32::MAX);
            // A picture with fewer pixels has some of them in several cells.
            edge(n)..edge(n + 1).max(edge(n) + 1).min(length)
        })
    };
    let mut square = Vec::with_capacity((SIDE * SIDE) as usize);
    for rows in cells(height) {
        for columns in cells(width) {
            let (mut sum, mut count) = (0, 0);
            for y in rows.clone() {
                for x in columns.clone() {
                    let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
                    let [red, green, blue] = [red, green, blue].map(|colour| i64::from(on_white(colour, alpha)));
                    sum += 77 * red + 150 * green + 29 * blue;
                    count += 1;
                }
            }
            square.push(sum / i64::from(count).max(1));
        }
    }
    square
}

#[cfg(test)]
mod tests {
    use image::Rgba;

    use super::*;

    #[test]
    fn cosines_are_right_all_around() {
        for n in 0..256_usize {
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let exact = (n as f64 * std::f64::consts::PI / 64.0).cos() * 16384.0;
            #[expect(clippy::cast_precision_loss, reason = "small")]
            let off = (cosine(n) as f64 - exact).abs();
            assert!(off <= 0.5 + 1e-6, "{n}: {off}");
        }
    }

    #[test]
    fn what_is_plain_has_no_likeness() {
        for grey in [0, 128, 255] {
            assert_eq!(of(&RgbaImage::from_pixel(64, 48, Rgba([grey, grey, grey, 255]))), None);
        }
        // What is transparent is white.
        assert_eq!(of(&RgbaImage::from_fn(64, 48, |x, _| Rgba([if x < 32 { 0 } else { 255 }, 0, 0, 0]))), None);
        let stripes = RgbaImage::from_fn(64, 48, |x, _| Rgba([if x < 32 { 0 } else { 255 }, 0, 0, 255]));
        assert!(of(&stripes).is_some());
    }

    #[test]
    fn every_size_has_a_likeness() {
        for (width, height) in [(1, 1), (1, 2000), (2000, 1), (2, 3), (31, 33), (320, 240)] {
            let picture = RgbaImage::from_fn(width, height, |x, y| {
                let grey = u8::try_from(x * 120 / width + y * 120 / height).unwrap();
                Rgba([grey, grey, grey, 255])
            });
            let is_plain = width * height == 1;
            assert_eq!(of(&picture).is_none(), is_plain, "{width} x {height}");
        }
    }

    /// Likenesses are stored, so they must stay what they are.
    #[test]
    fn likenesses_of_this_version_do_not_change() {
        let picture = RgbaImage::from_fn(160, 120, |x, y| {
            let grey = u8::try_from((x * x / 90 + y * 3) % 256).unwrap();
            Rgba([grey, 255 - grey, u8::try_from(y).unwrap(), 255])
        });
        assert_eq!(of(&picture).map(|bits| format!("{bits:016x}")), Some("6976ebca13f2041d".into()));
    }
}
