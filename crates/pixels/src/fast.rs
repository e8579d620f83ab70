//! The fast coder: guesses whole pixels, remembers colours, predicts samples, codes the rest as symbols and plain bits.

mod colors;
mod frequencies;
mod token;

use crate::guess::Guesser;
use crate::layout::{Depth, Layout};
use crate::measures::{median, steps};
use crate::range::Coder;
use crate::rows::{Rows, join, split};
use crate::table::{Table, hash};
use colors::Colors;
use frequencies::{Chance, Frequencies};
use token::Tokens;

/// The guesser's tables have at most `2^LIMIT` entries.
const LIMIT: u32 = 14;

/// Bits of the number of contexts for each half of an index.
const CONTEXTS: u32 = 12;

/// Models the samples of an image. Samples of fewer than 8 bits are coded as the bytes they are packed in.
#[derive(Debug)]
pub(crate) struct Fast {
    rows: Rows,
    guesser: Guesser,
    by_trust: Table<Chance>,
    by_past: Table<Chance>,
    /// The last guesses: 1 for each that was right.
    past: u32,
    colors: Colors,
    samples: Samples,
}

/// The model of the pixels that were neither guessed nor remembered.
#[derive(Debug)]
enum Samples {
    Indexed { high: Table<Frequencies>, low: Table<Frequencies> },
    Continuous { order: &'static [usize], tokens: Tokens, sizes: Table<Frequencies>, bias: Table<i32> },
}

impl Fast {
    pub(crate) fn new(layout: &Layout) -> Self {
        let width = width(layout);
        let samples = if layout.is_indexed() {
            Samples::Indexed {
                high: Table::new(CONTEXTS, Frequencies::NEW),
                low: Table::new(CONTEXTS, Frequencies::NEW),
            }
        } else {
            let order: &[usize] = match layout.channels() {
                1 => &[0],
                2 => &[1, 0],
                3 => &[1, 0, 2],
                _ => &[3, 1, 0, 2],
            };
            let tokens = Tokens::new(layout.depth() == Depth::Sixteen);
            Samples::Continuous { order, tokens, sizes: Table::new(8, Frequencies::NEW), bias: Table::new(11, 0) }
        };
        Self {
            rows: Rows::new(width, layout.channels()),
            guesser: Guesser::new(width as u64 * u64::from(layout.rows()), LIMIT),
            by_trust: Table::new(12, Chance::EVEN),
            by_past: Table::new(12, Chance::EVEN),
            past: 0,
            colors: Colors::new(),
            samples,
        }
    }

    pub(crate) fn memory(layout: &Layout) -> u64 {
        let width = width(layout);
        let guesser = Guesser::memory(width as u64 * u64::from(layout.rows()), LIMIT);
        Rows::memory(width, layout.channels()) as u64 + guesser + (2 << CONTEXTS) * size_of::<Frequencies>() as u64
    }

    /// Codes the samples of a row.
    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, row: &mut [u16]) {
        let Self { rows, guesser, by_trust, by_past, past, colors, samples: model } = self;
        rows.begin();
        for (x, samples) in row.chunks_exact_mut(rows.channels).enumerate() {
            rows.approach(x);
            let around = rows.pixels(x);
            let guess = guesser.guess(&around);
            let trust = by_trust.at((guess.trust << 8 | guess.pattern) as usize);
            let recent = by_past.at(((*past & 255) << 4 | guess.trust) as usize);
            let is_right = coder.bit(guess.pixel == join(samples), (trust.one() + recent.one()) >> 1);
            trust.learn(is_right);
            recent.learn(is_right);
            *past = *past << 1 | u32::from(is_right);
            let known = if is_right { Some(guess.pixel) } else { colors.code(coder, &around, join(samples)) };
            if let Some(pixel) = known {
                split(pixel, samples);
                for (channel, sample) in samples.iter().enumerate() {
                    rows.put(x, channel, i32::from(*sample), 0);
                }
            } else {
                model.pixel(coder, rows, x, samples);
                colors.learn(join(samples));
            }
            let pixel = join(samples);
            rows.put_pixel(x, pixel);
            guesser.learn(&guess, pixel);
        }
        rows.end();
    }
}

impl Samples {
    /// Codes the samples of pixel `x`, which is neither as guessed nor remembered.
    #[inline(always)]
    fn pixel<C: Coder>(&mut self, coder: &mut C, rows: &mut Rows, x: usize, samples: &mut [u16]) {
        match self {
            Self::Indexed { high, low } => {
                let Some(place) = samples.first_mut() else { return };
                let a = rows.samples(x, 0);
                let value = usize::from(*place);
                let upper = high.at(hash(a.w as u32, a.n as u32) as usize).code(coder, value >> 4);
                let lower = low.at(hash(a.w as u32 >> 4, (upper as u32) << 8 | a.n as u32) as usize);
                let value = upper << 4 | lower.code(coder, value & 15);
                *place = value as u16;
                rows.put(x, 0, value as i32, 0);
            }
            Self::Continuous { order, tokens, sizes, bias } => {
                let mut before = 0i32; // the error of the sample before
                let mut last = None; // the channel before
                for &channel in *order {
                    let Some(place) = samples.get_mut(channel) else { continue };
                    let (a, e) = (rows.samples(x, channel), rows.errors(x, channel));
                    let mut simple = median(&a);
                    if let Some(other) = last {
                        simple += rows.sample(x, other) - median(&rows.samples(x, other));
                    }
                    let energy = (2 * (e.w + e.n) + e.ne + e.nw + 1) / 2 + 2 * before.abs();
                    let quiet = steps(energy).min(15);
                    let texture = [a.w > a.n, a.nw > a.n, a.ne > a.n, a.ww > a.w, before > 0];
                    let texture = texture.iter().fold(0, |bits, bit| bits << 1 | u32::from(*bit));
                    let mean = bias.at((((channel as u32) << 4 | quiet) << 5 | texture) as usize);
                    let prediction = (simple + ((*mean + 128) >> 8)).clamp(0, tokens.max());
                    let sizes = sizes.at(((channel as u32) << 4 | quiet) as usize);
                    let sample = tokens.code(coder, sizes, i32::from(*place), prediction);
                    *place = sample as u16;
                    before = sample - prediction;
                    *mean += (((sample - simple) << 8) - *mean) >> 5;
                    rows.put(x, channel, sample, before.abs());
                    last = Some(channel);
                }
            }
        }
    }
}

/// Pixels in a row, as this coder counts them.
fn width(layout: &Layout) -> usize {
    if layout.depth() < Depth::Eight { layout.row_bytes() } else { layout.row_pixels() }
}
