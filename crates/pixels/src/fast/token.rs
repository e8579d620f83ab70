//! Codes a difference as a token, its size class, and the bits that the class leaves open.

use super::frequencies::Frequencies;
use crate::range::Coder;

/// The classes of differences: where each begins, and how many bits it leaves open.
#[derive(Debug)]
pub(crate) struct Tokens {
    bits: u32,
    classes: &'static [(u32, u32); 16],
}

/// Classes of the folded differences of 8 bits.
static NARROW: [(u32, u32); 16] = [
    (0, 0),
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 1),
    (8, 2),
    (12, 2),
    (16, 3),
    (24, 3),
    (32, 4),
    (48, 4),
    (64, 5),
    (96, 5),
    (128, 7),
];

/// Classes of the folded differences of 16 bits.
static WIDE: [(u32, u32); 16] = [
    (0, 0),
    (1, 0),
    (2, 1),
    (4, 2),
    (8, 3),
    (16, 4),
    (32, 5),
    (64, 6),
    (128, 7),
    (256, 8),
    (512, 9),
    (1024, 10),
    (2048, 11),
    (4096, 12),
    (8192, 13),
    (16384, 16),
];

impl Tokens {
    pub(crate) fn new(is_wide: bool) -> Self {
        if is_wide { Self { bits: 16, classes: &WIDE } } else { Self { bits: 8, classes: &NARROW } }
    }

    /// The largest sample.
    pub(crate) fn max(&self) -> i32 {
        (1 << self.bits) - 1
    }

    /// Codes a sample as its difference from a prediction, modulo the number of samples, folded: 0, -1, 1, -2, 2, ...
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&self, coder: &mut C, sizes: &mut Frequencies, sample: i32, prediction: i32) -> i32 {
        let fill = 32 - self.bits;
        let difference = ((sample - prediction) << fill) >> fill;
        let folded = (difference << 1 ^ difference >> 31) as u32;
        let token = self.classes.iter().skip(1).map(|(first, _)| usize::from(*first <= folded)).sum();
        let token = sizes.code(coder, token);
        let (first, bits) = self.classes.get(token).copied().unwrap_or_default();
        let folded = if bits == 0 { first } else { first + coder.number(folded.wrapping_sub(first), bits) };
        let difference = (folded >> 1) as i32 ^ -((folded & 1) as i32);
        (prediction + difference) & self.max()
    }
}
