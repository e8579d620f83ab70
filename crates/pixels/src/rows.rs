//! The rows around a pixel: the current one and two above, with margins, so that every pixel has neighbours.

/// Pixels of margin on each side of a row.
const MARGIN: usize = 3;

/// A pixel as one number: 16 bits for each channel.
pub(crate) type Pixel = u64;

/// The current row and the two above it.
#[derive(Debug)]
pub(crate) struct Rows {
    pub(crate) channels: usize,
    width: usize,
    /// Samples, interleaved: the current row, the one above, the one above that.
    samples: [Vec<i32>; 3],
    /// How far off the predictions were, for the current row and the one above.
    errors: [Vec<i32>; 2],
    pixels: [Vec<Pixel>; 3],
    is_first: bool,
}

/// The neighbouring pixels of a pixel, by compass: north is above, west was coded before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Around<T> {
    pub(crate) w: T,
    pub(crate) n: T,
    pub(crate) nw: T,
    pub(crate) ne: T,
    pub(crate) ww: T,
    pub(crate) nn: T,
    pub(crate) nne: T,
    pub(crate) nww: T,
    pub(crate) nnw: T,
    pub(crate) nee: T,
}

/// The errors around a sample.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Errors {
    pub(crate) w: i32,
    pub(crate) n: i32,
    pub(crate) nw: i32,
    pub(crate) ne: i32,
}

#[inline(always)]
fn get<T: Copy + Default>(row: &[T], index: usize) -> T {
    row.get(index).copied().unwrap_or_default()
}

fn set<T>(row: &mut [T], index: usize, value: T) {
    if let Some(cell) = row.get_mut(index) {
        *cell = value;
    }
}

#[inline(always)]
fn around<T: Copy + Default>(rows: &[Vec<T>; 3], index: usize, step: usize) -> Around<T> {
    let [row, above, top] = rows;
    Around {
        w: get(row, index - step),
        n: get(above, index),
        nw: get(above, index - step),
        ne: get(above, index + step),
        ww: get(row, index - 2 * step),
        nn: get(top, index),
        nne: get(top, index + step),
        nww: get(above, index - 2 * step),
        nnw: get(top, index - step),
        nee: get(above, index + 2 * step),
    }
}

impl Rows {
    pub(crate) fn new(width: usize, channels: usize) -> Self {
        let length = width + 2 * MARGIN;
        Self {
            channels,
            width,
            samples: std::array::from_fn(|_| vec![0; length * channels]),
            errors: std::array::from_fn(|_| vec![0; length * channels]),
            pixels: std::array::from_fn(|_| vec![0; length]),
            is_first: true,
        }
    }

    pub(crate) fn memory(width: usize, channels: usize) -> usize {
        (width + 2 * MARGIN) * (channels * 5 * size_of::<i32>() + 3 * size_of::<Pixel>())
    }

    /// Begins a row: the left margins become the pixel above the first one, the right margins of the row above its
    /// last one.
    pub(crate) fn begin(&mut self) {
        self.samples.rotate_right(1);
        self.errors.rotate_right(1);
        self.pixels.rotate_right(1);
        let (channels, end) = (self.channels, MARGIN + self.width);
        let [row, above, _] = &mut self.samples;
        for index in 0..MARGIN * channels {
            let first = get(above, MARGIN * channels + index % channels);
            set(row, index, first);
            let last = get(above, (end - 1) * channels + index % channels);
            set(above, end * channels + index, last);
        }
        let [row, above, _] = &mut self.pixels;
        for index in 0..MARGIN {
            set(row, index, get(above, MARGIN));
            let last = get(above, end - 1);
            set(above, end + index, last);
        }
    }

    /// Ends a row.
    pub(crate) fn end(&mut self) {
        self.is_first = false;
    }

    /// In the first row, what is above a pixel is what is left of it.
    #[inline(always)]
    pub(crate) fn approach(&mut self, x: usize) {
        if self.is_first {
            let (at, channels) = (x + MARGIN, self.channels);
            let [row, above, top] = &mut self.samples;
            for channel in 0..channels {
                let west = get(row, (at - 1) * channels + channel);
                for near in at - 1..=at + 2 {
                    set(above, near * channels + channel, west);
                    set(top, near * channels + channel, west);
                }
            }
            let [row, above, top] = &mut self.pixels;
            let west = get(row, at - 1);
            for near in at - 1..=at + 2 {
                set(above, near, west);
                set(top, near, west);
            }
        }
    }

    /// The pixels around pixel `x`.
    #[inline(always)]
    pub(crate) fn pixels(&self, x: usize) -> Around<Pixel> {
        around(&self.pixels, x + MARGIN, 1)
    }

    /// The samples of one channel around pixel `x`.
    #[inline(always)]
    pub(crate) fn samples(&self, x: usize, channel: usize) -> Around<i32> {
        around(&self.samples, (x + MARGIN) * self.channels + channel, self.channels)
    }

    /// The errors of one channel around pixel `x`.
    #[inline(always)]
    pub(crate) fn errors(&self, x: usize, channel: usize) -> Errors {
        let at = (x + MARGIN) * self.channels + channel;
        let [row, above] = &self.errors;
        Errors {
            w: get(row, at - self.channels),
            n: get(above, at),
            nw: get(above, at - self.channels),
            ne: get(above, at + self.channels),
        }
    }

    /// A sample of pixel `x` that is known already.
    #[inline(always)]
    pub(crate) fn sample(&self, x: usize, channel: usize) -> i32 {
        get(&self.samples[0], (x + MARGIN) * self.channels + channel)
    }

    /// Records a sample of pixel `x` and how far off its prediction was.
    #[inline(always)]
    pub(crate) fn put(&mut self, x: usize, channel: usize, sample: i32, error: i32) {
        let at = (x + MARGIN) * self.channels + channel;
        set(&mut self.samples[0], at, sample);
        set(&mut self.errors[0], at, error);
    }

    /// Records pixel `x` as a whole.
    #[inline(always)]
    pub(crate) fn put_pixel(&mut self, x: usize, pixel: Pixel) {
        set(&mut self.pixels[0], x + MARGIN, pixel);
    }
}

/// The pixel that these samples make.
#[inline(always)]
pub(crate) fn join(samples: &[u16]) -> Pixel {
    samples.iter().fold(0, |pixel, sample| pixel << 16 | Pixel::from(*sample))
}

/// The samples that make this pixel.
#[inline(always)]
pub(crate) fn split(pixel: Pixel, samples: &mut [u16]) {
    for (place, sample) in samples.iter_mut().rev().enumerate() {
        *sample = (pixel >> (16 * place)) as u16;
    }
}

/// A hash of a pixel.
#[inline(always)]
pub(crate) fn mark(pixel: Pixel) -> u32 {
    (pixel.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as u32
}
