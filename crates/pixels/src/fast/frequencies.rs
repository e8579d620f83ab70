//! How frequent bits and symbols are, by what came last.

use crate::range::{Coder, Probability, Starts};

/// How probable a 1 is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Chance(u16);

impl Chance {
    pub(crate) const EVEN: Self = Self(1 << 15);

    #[inline(always)]
    pub(crate) fn one(self) -> Probability {
        u32::from(self.0)
    }

    /// Moves towards the bit by a 32nd. It never reaches 0 or 65536.
    #[inline(always)]
    pub(crate) fn learn(&mut self, bit: bool) {
        if bit {
            self.0 += (65535 - self.0) >> 5;
        } else {
            self.0 -= self.0 >> 5;
        }
    }
}

/// How frequent each of 16 symbols is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frequencies {
    starts: Starts,
    /// How many symbols there were, up to a limit: the more, the more slowly it learns.
    seen: u8,
}

/// The least share of a symbol, in 1/32768.
const LEAST: i16 = 4;

/// For each symbol the starts if it alone is frequent.
#[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
static ALONE: [Starts; 16] = {
    let mut table = [[0; 16]; 16];
    let mut symbol = 0;
    while symbol < 16 {
        let mut start = 1;
        while start < 16 {
            table[symbol][start] = if start <= symbol {
                LEAST * start as i16
            } else {
                (32768 - LEAST as i32 * (16 - start as i32)) as i16
            };
            start += 1;
        }
        symbol += 1;
    }
    table
};

impl Frequencies {
    /// All symbols are equally frequent.
    #[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
    pub(crate) const NEW: Self = {
        let mut starts = [0; 16];
        let mut i = 0;
        while i < 16 {
            starts[i] = i as i16 * 2048;
            i += 1;
        }
        Self { starts, seen: 0 }
    };

    /// Codes a symbol and learns it.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, symbol: usize) -> usize {
        let symbol = coder.symbol(symbol, &self.starts);
        let rate = 2 + self.seen / 8;
        self.seen = (self.seen + 1).min(31);
        if let Some(alone) = ALONE.get(symbol) {
            for (start, alone) in self.starts.iter_mut().zip(alone) {
                *start += alone.wrapping_sub(*start) >> rate;
            }
        }
        symbol
    }
}
