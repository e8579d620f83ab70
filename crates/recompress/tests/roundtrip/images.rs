//! Makes PNG files byte by byte, odd ones too.

use std::io::Write as _;

/// A PNG to make.
#[derive(Clone, Debug)]
pub(crate) struct Png {
    pub(crate) width: u32,
    pub(crate) height: u32,
    pub(crate) depth: u8,
    pub(crate) color: u8,
    pub(crate) interlaced: bool,
    /// The level of deflate.
    pub(crate) level: u32,
    /// The most bytes of an IDAT chunk.
    pub(crate) piece: usize,
    /// Whether pixels are noise.
    pub(crate) noise: bool,
}

impl Default for Png {
    fn default() -> Self {
        Self { width: 150, height: 90, depth: 8, color: 2, interlaced: false, level: 6, piece: 8192, noise: false }
    }
}

impl Png {
    /// The bytes of a row, without its filter.
    pub(crate) fn row_bytes(&self) -> usize {
        self.row_bytes_of(self.width)
    }

    fn row_bytes_of(&self, width: u32) -> usize {
        let channels = match self.color {
            2 => 3,
            4 => 2,
            6 => 4,
            _ => 1,
        };
        (width as usize * channels * usize::from(self.depth)).div_ceil(8)
    }

    /// Filters and pixels.
    pub(crate) fn plain(&self) -> Vec<u8> {
        let step = (self.row_bytes_of(8) / 8).max(1);
        if !self.interlaced {
            return rows(self.row_bytes(), step, self.height as usize, self.noise);
        }
        let passes = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        let part = |size: u32, first: u32, step: u32| size.saturating_sub(first).div_ceil(step);
        let pass = |(x, y, dx, dy)| match part(self.width, x, dx) {
            0 => Vec::new(),
            width => rows(self.row_bytes_of(width), step, part(self.height, y, dy) as usize, self.noise),
        };
        passes.into_iter().flat_map(pass).collect()
    }

    /// The compressed stream.
    pub(crate) fn stream(&self) -> Vec<u8> {
        deflated(&self.plain(), self.level)
    }

    /// Signature and header.
    pub(crate) fn head(&self) -> Vec<u8> {
        let mut header = [self.width.to_be_bytes(), self.height.to_be_bytes()].concat();
        header.extend([self.depth, self.color, 0, 0, u8::from(self.interlaced)]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        file.extend(chunk(*b"IHDR", &header));
        if self.color == 3 {
            file.extend(chunk(*b"PLTE", &rows(767, 1, 1, true)));
        }
        file
    }

    /// The file with another stream.
    pub(crate) fn with_stream(&self, stream: &[u8]) -> Vec<u8> {
        let mut file = self.head();
        for piece in stream.chunks(self.piece) {
            file.extend(chunk(*b"IDAT", piece));
        }
        file.extend(chunk(*b"IEND", b""));
        file
    }

    pub(crate) fn file(&self) -> Vec<u8> {
        self.with_stream(&self.stream())
    }
}

/// Rows without filters: gradients, edges, flat places and some noise; or only noise. `step` is the bytes of a pixel.
pub(crate) fn pixels(row_bytes: usize, step: usize, rows: usize, noise: bool) -> Vec<Vec<u8>> {
    let mut state = 7_u32;
    let mut byte = |x: usize, y: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let random = state >> 24;
        let smooth = match (x / 50 + y / 20) % 4 {
            0 => 40,
            1 => random % 3,
            2 => (x / step + y) as u32,
            _ => 90 + random % 9,
        };
        if noise { random as u8 } else { smooth as u8 }
    };
    (0..rows).map(|y| (0..row_bytes).map(|x| byte(x, y)).collect()).collect()
}

/// The same with filters.
pub(crate) fn rows(row_bytes: usize, step: usize, rows: usize, noise: bool) -> Vec<u8> {
    let (mut out, mut above) = (Vec::new(), vec![0; row_bytes]);
    for (y, row) in pixels(row_bytes, step, rows, noise).into_iter().enumerate() {
        let filter = (y % 5) as u8;
        out.push(filter);
        for x in 0..row_bytes {
            let (left, corner) = if x < step { (0, 0) } else { (row[x - step], above[x - step]) };
            out.push(row[x].wrapping_sub(predicted(filter, left, above[x], corner)));
        }
        above = row;
    }
    out
}

/// The filters of ISO/IEC 15948, section 9.
fn predicted(filter: u8, left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i32::from(left), i32::from(up), i32::from(corner));
    match filter {
        1 => left,
        2 => up,
        3 => i32::midpoint(a, b) as u8,
        4 => {
            let estimate = a + b - c;
            [left, up, corner].into_iter().min_by_key(|near| (estimate - i32::from(*near)).abs()).unwrap()
        }
        _ => 0,
    }
}

/// A chunk with its checksum.
pub(crate) fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
    let mut out = (data.len() as u32).to_be_bytes().to_vec();
    out.extend(kind);
    out.extend(data);
    let sum = crc32fast::hash(&out[4..]);
    out.extend(sum.to_be_bytes());
    out
}

/// A zlib stream, not by zlib.
pub(crate) fn deflated(plain: &[u8], level: u32) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(level));
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A zlib stream with empty blocks and blocks of all kinds between others.
pub(crate) fn mangled(plain: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::new(9));
    for part in plain.chunks(500) {
        encoder.write_all(part).unwrap();
        encoder.flush().unwrap();
    }
    encoder.finish().unwrap()
}
