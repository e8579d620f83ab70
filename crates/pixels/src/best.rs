//! The small coder: guesses whole pixels, then predicts samples and mixes what many contexts say of the difference.

mod blend;
mod continuous;
mod indexed;
mod predict;
mod verdict;

use crate::guess::Guesser;
use crate::layout::{Depth, Layout};
use crate::range::Coder;
use crate::rows::{Rows, join, split};
use continuous::Continuous;
use indexed::Indexed;
use verdict::Verdict;

/// The guesser's tables have at most `2^LIMIT` entries.
const LIMIT: u32 = 18;

/// Models the samples of an image.
#[derive(Debug)]
pub(crate) struct Best {
    rows: Rows,
    guesser: Guesser,
    verdict: Verdict,
    samples: Samples,
    /// Whether guesses are coded; a pixel of one bit is not worth it.
    guesses: bool,
}

/// The model of the pixels that were not guessed.
#[derive(Debug)]
enum Samples {
    Indexed(Box<Indexed>),
    Continuous(Box<Continuous>),
}

impl Best {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rows = Rows::new(layout.row_pixels(), layout.channels());
        let pixels = layout.row_pixels() as u64 * u64::from(layout.rows());
        let samples = if layout.is_indexed() {
            Samples::Indexed(Box::new(Indexed::new(layout.depth().bits(), pixels)))
        } else {
            Samples::Continuous(Box::new(Continuous::new(layout.depth().bits(), layout.channels(), pixels)))
        };
        Self {
            rows,
            guesser: Guesser::new(pixels, LIMIT),
            verdict: Verdict::new(),
            samples,
            guesses: layout.depth() > Depth::One,
        }
    }

    pub(crate) fn memory(layout: &Layout) -> u64 {
        let pixels = layout.row_pixels() as u64 * u64::from(layout.rows());
        let samples =
            if layout.is_indexed() { Indexed::memory(pixels) } else { Continuous::memory(pixels, layout.channels()) };
        Rows::memory(layout.row_pixels(), layout.channels()) as u64
            + Guesser::memory(pixels, LIMIT)
            + Verdict::MEMORY
            + samples
    }

    /// Codes the samples of a row.
    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, row: &mut [u16]) {
        let Self { rows, guesser, verdict, samples: model, guesses } = self;
        rows.begin();
        for (x, samples) in row.chunks_exact_mut(rows.channels).enumerate() {
            rows.approach(x);
            let around = rows.pixels(x);
            let guess = guesser.guess(&around);
            if *guesses && verdict.code(coder, &guess, &around, guess.pixel == join(samples)) {
                split(guess.pixel, samples);
                for (channel, sample) in samples.iter().enumerate() {
                    rows.put(x, channel, i32::from(*sample), 0);
                }
            } else {
                match model {
                    Samples::Indexed(model) => model.pixel(coder, rows, x, &guess, samples),
                    Samples::Continuous(model) => model.pixel(coder, rows, x, &guess, &around, samples),
                }
            }
            let pixel = join(samples);
            rows.put_pixel(x, pixel);
            guesser.learn(&guess, pixel);
        }
        rows.end();
    }
}
