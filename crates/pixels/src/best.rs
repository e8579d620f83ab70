//! The small coder: guesses whole pixels, then predicts samples and mixes what many contexts say of the difference.

mod blend;
mod continuous;
mod guess;
mod indexed;
mod predict;

use crate::layout::Layout;
use crate::range::Coder;
use crate::rows::{Rows, join, split};
use continuous::Continuous;
use guess::Guesser;
use indexed::Indexed;

/// Models the samples of an image.
#[derive(Debug)]
pub(crate) struct Best {
    rows: Rows,
    guesser: Guesser,
    samples: Samples,
}

#[derive(Debug)]
enum Samples {
    Indexed(Indexed),
    Continuous(Continuous),
}

impl Best {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rows = Rows::new(layout.row_pixels(), layout.channels());
        let pixels = layout.row_pixels() as u64 * u64::from(layout.rows());
        let samples = if layout.is_indexed() {
            Samples::Indexed(Indexed::new(layout.depth().bits(), pixels))
        } else {
            Samples::Continuous(Continuous::new(layout.depth().bits(), layout.channels(), pixels))
        };
        Self { rows, guesser: Guesser::new(pixels), samples }
    }

    pub(crate) fn memory(layout: &Layout) -> u64 {
        let pixels = layout.row_pixels() as u64 * u64::from(layout.rows());
        let samples =
            if layout.is_indexed() { Indexed::memory(pixels) } else { Continuous::memory(pixels, layout.channels()) };
        Rows::memory(layout.row_pixels(), layout.channels()) as u64 + Guesser::memory(pixels) + samples
    }

    /// Codes the samples of a row.
    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, row: &mut [u16]) {
        match &mut self.samples {
            Samples::Indexed(model) => model.row(coder, &mut self.rows, &mut self.guesser, row),
            Samples::Continuous(model) => {
                self.rows.begin();
                for (x, samples) in row.chunks_exact_mut(self.rows.channels).enumerate() {
                    self.rows.approach(x);
                    let around = self.rows.pixels(x);
                    let guess = self.guesser.guess(&around);
                    let is_right = self.guesser.code(coder, &guess, &around, guess.pixel == join(samples));
                    if is_right {
                        split(guess.pixel, samples);
                        for (channel, sample) in samples.iter().enumerate() {
                            self.rows.put(x, channel, i32::from(*sample), 0);
                        }
                    } else {
                        model.pixel(coder, &mut self.rows, x, &guess, &around, samples);
                    }
                    let pixel = join(samples);
                    self.rows.put_pixel(x, pixel);
                    self.guesser.learn(&guess, pixel);
                }
                self.rows.end();
            }
        }
    }
}
