//! Shrinks an image while its rows arrive: each square block of pixels becomes its average.
//!
//! It holds one row of blocks.

use super::Pixels;

/// Takes rows of pixels, and holds the averages of the blocks.
#[derive(Debug)]
pub(super) struct Shrink {
    width: u32,
    factor: u32,
    /// Sums of the current row of blocks: red, green and blue multiplied by alpha, and alpha, each by 255.
    sums: Vec<[u64; 4]>,
    /// How many rows the sums contain.
    rows: u32,
    rgba: Vec<u8>,
    height: u32,
}

impl Shrink {
    /// Shrinks an image of this size as far as it stays at least as large as `target`.
    pub(super) fn new(size: (u32, u32), target: (u32, u32)) -> Self {
        let (width, factor) = (size.0, factor(size, target));
        let blocks = width.div_ceil(factor) as usize;
        let expected = usize::try_from(Self::bytes(size, target)).unwrap_or(0);
        Self { width, factor, sums: vec![[0; 4]; blocks], rows: 0, rgba: Vec::with_capacity(expected), height: 0 }
    }

    /// The bytes that the averages of such an image take. An image that is much longer than wide is hardly shrunk.
    pub(super) fn bytes(size: (u32, u32), target: (u32, u32)) -> u64 {
        let factor = factor(size, target);
        4 * u64::from(size.0.div_ceil(factor)) * u64::from(size.1.div_ceil(factor))
    }

    /// Takes the next row.
    pub(super) fn push(&mut self, row: impl Iterator<Item = [u8; 4]>) {
        if self.factor == 1 {
            self.height += 1;
            let pixels = row.map(|[red, green, blue, alpha]| {
                [multiplied(red, alpha), multiplied(green, alpha), multiplied(blue, alpha), alpha]
            });
            return self.rgba.extend(pixels.flatten());
        }
        let (mut sums, mut left) = (self.sums.iter_mut(), 0);
        let mut sum = None;
        for [red, green, blue, alpha] in row {
            if left == 0 {
                (sum, left) = (sums.next(), self.factor);
            }
            left -= 1;
            if let Some([reds, greens, blues, alphas]) = sum.as_deref_mut() {
                let alpha = u64::from(alpha);
                *reds += u64::from(red) * alpha;
                *greens += u64::from(green) * alpha;
                *blues += u64::from(blue) * alpha;
                *alphas += 255 * alpha;
            }
        }
        self.rows += 1;
        if self.rows == self.factor {
            self.end_blocks();
        }
    }

    fn end_blocks(&mut self) {
        let mut left = self.width;
        for sum in &mut self.sums {
            let count = u64::from(left.min(self.factor)) * u64::from(self.rows) * 255;
            left = left.saturating_sub(self.factor);
            let average = sum.map(|sum| u8::try_from((sum + count / 2) / count.max(1)).unwrap_or(u8::MAX));
            self.rgba.extend(average);
            *sum = [0; 4];
        }
        self.rows = 0;
        self.height += 1;
    }

    /// Returns the image, after all rows were pushed.
    pub(super) fn finish(mut self) -> Pixels {
        if self.rows > 0 {
            self.end_blocks();
        }
        let width = self.width.div_ceil(self.factor);
        Pixels { width, height: self.height, rgba: self.rgba }
    }
}

/// The side of a block, in pixels.
fn factor((width, height): (u32, u32), (wide, high): (u32, u32)) -> u32 {
    (width / wide.max(1)).min(height / high.max(1)).max(1)
}

/// A colour multiplied by alpha.
pub(super) fn multiplied(colour: u8, alpha: u8) -> u8 {
    if alpha == 255 {
        return colour;
    }
    u8::try_from((u16::from(colour) * u16::from(alpha) + 127) / 255).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(size: (u32, u32), target: (u32, u32), pixel: impl Fn(u32, u32) -> [u8; 4]) -> Pixels {
        let mut shrink = Shrink::new(size, target);
        for y in 0..size.1 {
            shrink.push((0..size.0).map(|x| pixel(x, y)));
        }
        shrink.finish()
    }

    #[test]
    fn blocks_become_their_average() {
        let pixels = shrunk((5, 4), (2, 2), |x, y| [if (x + y) % 2 == 0 { 200 } else { 100 }, 8, 9, 255]);
        assert_eq!((pixels.width, pixels.height), (3, 2));
        assert_eq!(pixels.rgba[..4], [150, 8, 9, 255]);
        // Each block of the last column is one pixel wide.
        assert_eq!(pixels.rgba[8..12], [150, 8, 9, 255]);
        assert_eq!(pixels.rgba.len(), 3 * 2 * 4);
    }

    #[test]
    fn what_is_transparent_has_no_colour() {
        let pixels = shrunk((4, 4), (2, 2), |x, _| if x % 2 == 0 { [255, 0, 0, 0] } else { [0, 100, 0, 255] });
        assert_eq!(pixels.rgba[..4], [0, 50, 0, 128]);
        let same = shrunk((1, 1), (9, 9), |_, _| [255, 100, 0, 51]);
        assert_eq!((same.width, same.rgba), (1, vec![51, 20, 0, 51]));
    }

    #[test]
    fn the_result_is_at_least_as_large_as_asked_for_and_less_than_twice() {
        for (size, target) in [((4000, 3000), (320, 240)), ((1000, 10), (320, 3)), ((333, 999), (100, 300))] {
            let pixels = shrunk(size, target, |_, _| [1, 2, 3, 255]);
            assert!(pixels.width >= target.0 && pixels.height >= target.1, "{size:?}");
            assert!(pixels.width < 2 * target.0 || pixels.height < 2 * target.1, "{size:?}: {}", pixels.width);
            assert_eq!(pixels.rgba.len(), pixels.width as usize * pixels.height as usize * 4);
        }
    }
}
