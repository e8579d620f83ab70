//! Makes placeholders of at most 25 bytes, and computes the colours that pages draw.

use image::RgbaImage;
use thumbhash::{rgba_to_thumb_hash, thumb_hash_to_rgba};

/// The box into which a picture is shrunk before it is hashed, in pixels. The algorithm accepts at most 100 a side, and
/// resolves less than this.
pub(super) const BOX: (u32, u32) = (48, 48);

/// Cells of a drawn placeholder in each direction.
const CELLS: usize = 4;

/// Hashes a tiny picture of at most [`BOX`].
pub(super) fn of(picture: &RgbaImage) -> Vec<u8> {
    rgba_to_thumb_hash(picture.width() as usize, picture.height() as usize, picture.as_raw())
}

/// The colours of a placeholder, blended with white, as red, green and blue, row by row. `None` if the bytes are no
/// placeholder.
pub fn colours(hash: &[u8]) -> Option<[[u8; 3]; CELLS * CELLS]> {
    // The crate reads past the end of shorter bytes.
    if hash.len() < 5 {
        return None;
    }
    let (width, height, rgba) = thumb_hash_to_rgba(hash).ok()?;
    let mut colours = [[0; 3]; CELLS * CELLS];
    for (n, colour) in colours.iter_mut().enumerate() {
        let (x, y) = ((2 * (n % CELLS) + 1) * width / (2 * CELLS), (2 * (n / CELLS) + 1) * height / (2 * CELLS));
        let at = 4 * (y * width + x);
        let &[red, green, blue, alpha] = rgba.get(at..at + 4)?.first_chunk()?;
        *colour = [red, green, blue].map(|colour| super::encode::on_white(colour, alpha));
    }
    Some(colours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_placeholder_looks_a_little_like_the_picture() {
        let picture =
            RgbaImage::from_fn(48, 24, |x, _| image::Rgba(if x < 24 { [250, 0, 0, 255] } else { [0, 0, 250, 255] }));
        let hash = of(&picture);
        assert!(hash.len() <= 25, "{}", hash.len());
        let colours = colours(&hash).unwrap();
        let ([left, .., right], _) = colours.split_first_chunk::<4>().unwrap();
        assert!(left[0] > 150 && left[2] < 100 && right[2] > 150 && right[0] < 100, "{colours:?}");
    }

    #[test]
    fn what_is_no_placeholder_has_no_colours() {
        for hash in [&[][..], &[1], &[1, 2, 3, 4], &[255; 4]] {
            assert_eq!(colours(hash), None, "{hash:?}");
        }
        // No other bytes cause a panic.
        for n in 0..=255_u8 {
            for length in 5..30_u8 {
                let _ = colours(&vec![n; usize::from(length)]);
                let _ = colours(&(0..length).map(|at| n.wrapping_mul(at + 1)).collect::<Vec<_>>());
            }
        }
    }
}
