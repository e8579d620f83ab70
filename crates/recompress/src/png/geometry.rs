//! The geometry of a PNG image: which rows of which length its data has.

/// What a PNG's header says of its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits of a sample.
    pub(crate) depth: u8,
    pub(crate) channels: u8,
    pub(crate) is_palette: bool,
    is_interlaced: bool,
}

/// A pass over an image: all of it, or one of the seven parts of an interlaced one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pass {
    pub(crate) width: u32,
    pub(crate) rows: u32,
}

/// Where the passes of an interlaced image begin, and their steps: x, y, dx, dy (ISO/IEC 15948, section 8.2).
const PASSES: [[u32; 4]; 7] =
    [[0, 0, 8, 8], [4, 0, 8, 8], [0, 4, 4, 8], [2, 0, 4, 4], [0, 2, 2, 4], [1, 0, 2, 2], [0, 1, 1, 2]];

impl Geometry {
    /// From the data of an IHDR chunk; `None` if there is no such image.
    pub(crate) fn from_header(data: &[u8]) -> Option<Self> {
        let [w0, w1, w2, w3, h0, h1, h2, h3, depth, color, 0, 0, interlace @ 0..=1] = *data else { return None };
        let (channels, depths): (u8, &[u8]) = match color {
            0 => (1, &[1, 2, 4, 8, 16]),
            2 => (3, &[8, 16]),
            3 => (1, &[1, 2, 4, 8]),
            4 => (2, &[8, 16]),
            6 => (4, &[8, 16]),
            _ => return None,
        };
        let geometry =
            Self { width: 0, height: 0, depth, channels, is_palette: color == 3, is_interlaced: interlace == 1 };
        let (width, height) = (u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]));
        depths.contains(&depth).then_some(geometry)?.with_size(width, height)
    }

    /// The geometry of a frame of an animation, from the data of its fcTL chunk.
    pub(crate) fn of_frame(self, data: &[u8]) -> Option<Self> {
        let [_, _, _, _, w0, w1, w2, w3, h0, h1, h2, h3, ..] = *data else { return None };
        self.with_size(u32::from_be_bytes([w0, w1, w2, w3]), u32::from_be_bytes([h0, h1, h2, h3]))
    }

    fn with_size(self, width: u32, height: u32) -> Option<Self> {
        let valid = 1..=i32::MAX as u32;
        (valid.contains(&width) && valid.contains(&height)).then_some(Self { width, height, ..self })
    }

    /// The passes that have pixels.
    pub(crate) fn passes(&self) -> Vec<Pass> {
        let Self { width, height, .. } = *self;
        if !self.is_interlaced {
            return vec![Pass { width, rows: height }];
        }
        let part = |size: u32, first: u32, step: u32| size.saturating_sub(first).div_ceil(step);
        let all = PASSES.iter().map(|[x, y, dx, dy]| Pass { width: part(width, *x, *dx), rows: part(height, *y, *dy) });
        all.filter(|pass| pass.width > 0 && pass.rows > 0).collect()
    }

    /// The bytes of a row, without the byte of its filter.
    pub(crate) fn row_bytes(&self, width: u32) -> u64 {
        (u64::from(width) * u64::from(self.channels) * u64::from(self.depth)).div_ceil(8)
    }

    /// How far back filters look: the bytes of a pixel, at least one.
    pub(crate) fn pixel_bytes(&self) -> usize {
        (usize::from(self.channels) * usize::from(self.depth)).div_ceil(8)
    }

    /// The bytes of all rows with their filters.
    pub(crate) fn bytes(&self) -> u64 {
        self.passes()
            .iter()
            .map(|pass| (self.row_bytes(pass.width) + 1).saturating_mul(u64::from(pass.rows)))
            .fold(0, u64::saturating_add)
    }

    /// The rows of all passes.
    pub(crate) fn rows(&self) -> u64 {
        self.passes().iter().map(|pass| u64::from(pass.rows)).sum()
    }

    /// The passes as far as there are so many rows.
    pub(crate) fn first_rows(&self, mut rows: u64) -> Vec<Pass> {
        let mut passes = self.passes();
        for pass in &mut passes {
            pass.rows = u64::from(pass.rows).min(rows) as u32;
            rows -= u64::from(pass.rows);
        }
        passes.retain(|pass| pass.rows > 0);
        passes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_cover_each_pixel_once() {
        for (width, height) in [(1, 1), (5, 3), (8, 8), (33, 17)] {
            let header = [0, 0, 0, width, 0, 0, 0, height, 8, 0, 0, 0, 1];
            let geometry = Geometry::from_header(&header).unwrap();
            let pixels: u32 = geometry.passes().iter().map(|pass| pass.width * pass.rows).sum();
            assert_eq!(pixels, u32::from(width) * u32::from(height));
        }
    }

    #[test]
    fn odd_headers_are_no_images() {
        let valid = [0, 0, 0, 7, 0, 0, 0, 9, 4, 3, 0, 0, 0];
        assert_eq!(Geometry::from_header(&valid).unwrap().bytes(), 9 * 5);
        for (at, byte) in [(0, 128), (3, 0), (7, 0), (8, 3), (8, 16), (9, 1), (9, 2), (10, 1), (11, 1), (12, 2)] {
            let mut odd = valid;
            odd[at] = byte;
            assert_eq!(Geometry::from_header(&odd), None, "{at}");
        }
    }
}
