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

/// A BMP to make.
#[derive(Clone, Debug)]
pub(crate) struct Bmp {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// Bits of a pixel.
    pub(crate) pixel: u16,
    pub(crate) compression: u32,
    pub(crate) is_top_down: bool,
    /// What rows are filled up with.
    pub(crate) filling: u8,
    /// Whether the header is a BITMAPCOREHEADER.
    pub(crate) has_short_header: bool,
}

impl Default for Bmp {
    fn default() -> Self {
        let (is_top_down, has_short_header) = (false, false);
        Self { width: 61, height: 40, pixel: 24, compression: 0, is_top_down, filling: 0, has_short_header }
    }
}

impl Bmp {
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut header = Vec::new();
        if self.has_short_header {
            header.extend(12_u32.to_le_bytes());
            for field in [self.width as u16, self.height as u16, 1, self.pixel] {
                header.extend(field.to_le_bytes());
            }
        } else {
            let height = if self.is_top_down { self.height.wrapping_neg() } else { self.height };
            header.extend([40, self.width, height].map(u32::to_le_bytes).concat());
            header.extend([1, self.pixel].map(u16::to_le_bytes).concat());
            header.extend([self.compression, 0, 2835, 2835, 0, 0].map(u32::to_le_bytes).concat());
        }
        if self.pixel <= 8 {
            header.extend((0..4 << self.pixel).map(|byte| (byte / 4) as u8));
        }
        let row_bytes = (self.width as usize * usize::from(self.pixel)).div_ceil(8);
        let mut file = b"BM\0\0\0\0\0\0\0\0".to_vec();
        file.extend((14 + header.len() as u32).to_le_bytes());
        file.extend(header);
        for row in pixels(row_bytes, usize::from(self.pixel.div_ceil(8)), self.height as usize, false) {
            file.extend(row);
            file.resize(file.len() + (4 - row_bytes % 4) % 4, self.filling);
        }
        file
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
