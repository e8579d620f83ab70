//! Models indexes into a palette and samples of few bits: each value is coded by itself, in the context of the values
//! around it.

use super::blend::{Blend, Sets};
use super::guess::Guesser;
use crate::range::Coder;
use crate::rows::Rows;
use crate::table::hash;

const CONTEXTS: usize = 10;

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

    pub(crate) fn row<C: Coder>(&mut self, coder: &mut C, rows: &mut Rows, guesser: &mut Guesser, row: &mut [u16]) {
        rows.begin();
        for (x, sample) in row.iter_mut().enumerate() {
            rows.approach(x);
            let around = rows.pixels(x);
            let guess = guesser.guess(&around);
            let is_right = self.bits > 1 && guesser.code(coder, &guess, &around, guess.pixel == u64::from(*sample));
            if is_right {
                *sample = guess.pixel as u16;
            } else {
                let a = rows.samples(x, 0);
                let [w, n, nw, ne, ww, nn, nne, nww, nnw, nee] =
                    [a.w, a.n, a.nw, a.ne, a.ww, a.nn, a.nne, a.nww, a.nnw, a.nee].map(|value| value as u32);
                let wn = hash(w, n);
                let four = hash(wn, hash(nw, ne));
                let six = hash(four, hash(ww, nn));
                let all = hash(six, hash(hash(nne, nww), hash(nnw, nee)));
                let contexts = [
                    hash(1, 0),
                    hash(2, w),
                    hash(3, n),
                    hash(4, wn),
                    hash(5, hash(wn, ne)),
                    hash(6, four),
                    hash(7, six),
                    hash(8, all),
                    hash(9, hash(hash(w, ww), hash(nw, nww))),
                    hash(10, hash(guess.pixel as u32, guess.trust)),
                ];
                let same = u32::from(w == n) | u32::from(n == ne) << 1 | u32::from(w == nw) << 2;
                let sets = Sets { first: guess.trust, second: same };
                let other = (self.bits > 1).then_some(guess.pixel as i32);
                *sample = self.blend.value(coder, &contexts, sets, i32::from(*sample), self.bits, other) as u16;
            }
            rows.put(x, 0, i32::from(*sample), 0);
            rows.put_pixel(x, u64::from(*sample));
            guesser.learn(&guess, u64::from(*sample));
        }
        rows.end();
    }
}

const SETS: [u32; 2] = [4, 3];

fn groups(pixels: u64) -> u32 {
    pixels.next_power_of_two().trailing_zeros().clamp(8, 16)
}
