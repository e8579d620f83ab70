//! Models indexes into a palette and samples of few bits, in the context of the values around each.

use super::blend::{Blend, Sets};
use crate::guess::Guess;
use crate::range::Coder;
use crate::rows::Rows;
use crate::table::hash;

/// Contexts of a sample.
const CONTEXTS: usize = 10;

/// Bits of the sets of weights: 4 for the trust in the guess, 3 for which neighbours are equal.
const SETS: [u32; 2] = [4, 3];

#[derive(Debug)]
pub(crate) struct Indexed {
    bits: u32,
    blend: Blend<CONTEXTS>,
}

impl Indexed {
    pub(crate) fn new(bits: u32, pixels: u64) -> Self {
        Self { bits, blend: Blend::new(groups(pixels), SETS) }
    }

    pub(crate) fn memory(pixels: u64) -> u64 {
        Blend::<CONTEXTS>::memory(groups(pixels), SETS)
    }

    /// Codes pixel `x`, which is not as guessed if it has more than one bit.
    #[inline(always)]
    pub(crate) fn pixel<C: Coder>(
        &mut self,
        coder: &mut C,
        rows: &mut Rows,
        x: usize,
        guess: &Guess,
        samples: &mut [u16],
    ) {
        let Some(sample) = samples.first_mut() else { return };
        let a = rows.samples(x, 0);
        let [w, n, nw, ne, ww] = [a.w, a.n, a.nw, a.ne, a.ww].map(|value| value as u32);
        let [nn, nne, nww, nnw, nee] = [a.nn, a.nne, a.nww, a.nnw, a.nee].map(|value| value as u32);
        let two = hash(w, n);
        let four = hash(two, hash(nw, ne));
        let six = hash(four, hash(ww, nn));
        let contexts = [
            hash(1, 0),
            hash(2, w),
            hash(3, n),
            hash(4, two),
            hash(5, hash(two, ne)),
            hash(6, four),
            hash(7, six),
            hash(8, hash(six, hash(hash(nne, nww), hash(nnw, nee)))),
            hash(9, hash(hash(w, ww), hash(nw, nww))),
            hash(10, hash(guess.pixel as u32, guess.trust)),
        ];
        let same = u32::from(w == n) | u32::from(n == ne) << 1 | u32::from(w == nw) << 2;
        let sets = Sets { first: guess.trust, second: same };
        let other = (self.bits > 1).then_some(guess.pixel as i32);
        *sample = self.blend.value(coder, &contexts, sets, i32::from(*sample), self.bits, other) as u16;
        rows.put(x, 0, i32::from(*sample), 0);
    }
}

/// Bits of the number of groups for each context.
fn groups(pixels: u64) -> u32 {
    pixels.next_power_of_two().trailing_zeros().clamp(8, 16)
}
