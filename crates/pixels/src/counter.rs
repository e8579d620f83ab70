//! Counters: each learns how probable a 1 is in its context, quickly at first, then more and more slowly.

use crate::logistic::stretch;

/// A probability of 22 bits above the number of bits seen, which stops at a limit below 1024.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Counter(u32);

/// 65536 / (n + 1.4): how far the n-th bit moves a counter.
#[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
static RATE: [u32; 1024] = {
    let mut table = [0; 1024];
    let mut n = 0;
    while n < 1024 {
        table[n] = (655_360 / (10 * n + 14)) as u32;
        n += 1;
    }
    table
};

/// n / (n + 0.4) in 1/256: how much the logit of a counter counts that has seen n bits.
#[allow(clippy::indexing_slicing, reason = "evaluated when Burrow is built")]
static TRUST: [i32; 1024] = {
    let mut table = [0; 1024];
    let mut n = 0;
    while n < 1024 {
        table[n] = (2560 * n / (10 * n + 4)) as i32;
        n += 1;
    }
    table
};

impl Counter {
    /// A counter that knows nothing.
    pub(crate) const NEW: Self = Self(1 << 31);

    /// The logit, nearer to 0 the less it is founded on.
    #[inline(always)]
    pub(crate) fn logit(self) -> i32 {
        (stretch(self.0 >> 16) * TRUST.get((self.0 & 1023) as usize).copied().unwrap_or(0)) >> 8
    }

    /// Learns a bit; the rate of learning stays at that of the limit.
    #[inline(always)]
    pub(crate) fn learn(&mut self, bit: bool, limit: u32) {
        let (seen, one) = (self.0 & 1023, (self.0 >> 10) as i32);
        let target = if bit { (1 << 22) - 1 } else { 0 };
        let rate = RATE.get(seen as usize).copied().unwrap_or(0);
        let step = (i64::from((target - one) >> 3) * i64::from(rate)) >> 13;
        let one = (one + step as i32).clamp(64, (1 << 22) - 64) as u32;
        self.0 = one << 10 | (seen + u32::from(seen < limit));
    }
}
