//! The logistic scale: turns probabilities into logits and back, by tables made of integers.

use crate::range::Probability;

/// Logits are in 1/256 and lie in `-LIMIT..=LIMIT`, that is -8 to 8.
pub(crate) const LIMIT: i32 = 2047;

/// e^(-1/256) in 2^-32.
const STEP: u64 = 4_278_222_805;

/// The probability of each logit, from -2048 on.
static SQUASH: [u16; 4096] = squash_table();

/// The logit of each probability in 1/4096.
static STRETCH: [i16; 4096] = stretch_table();

#[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
const fn squash_table() -> [u16; 4096] {
    let mut table = [0; 4096];
    let mut power: u64 = 1 << 32; // e^(-i/256) in 2^-32
    let mut i = 0;
    while i <= 2048 {
        let one = (1 << 48) / ((1 << 32) + power);
        if i < 2048 {
            table[2048 + i] = one as u16;
        }
        table[2048 - i] = (65536 - one) as u16;
        power = (power * STEP) >> 32;
        i += 1;
    }
    table
}

#[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
const fn stretch_table() -> [i16; 4096] {
    let squash = squash_table();
    let mut table = [0; 4096];
    let (mut p, mut x) = (0, 1);
    while p < 4096 {
        while x < 4095 && (squash[x] as usize) < p * 16 + 8 {
            x += 1;
        }
        table[p] = x as i16 - 2048;
        p += 1;
    }
    table
}

/// The probability of a logit; what lies outside is taken as the limit.
#[inline(always)]
pub(crate) fn squash(logit: i32) -> Probability {
    let index = (logit.clamp(-LIMIT, LIMIT) + 2048) as usize;
    SQUASH.get(index & 4095).copied().map_or(0, u32::from)
}

/// The logit of a probability, which counts in 1/65536 here.
#[inline(always)]
pub(crate) fn stretch(one: Probability) -> i32 {
    STRETCH.get((one >> 4 & 4095) as usize).copied().map_or(0, i32::from)
}
