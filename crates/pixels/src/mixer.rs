//! Mixers: weigh the logits of several counters into one probability, and learn the weights.

use crate::logistic::{LIMIT, squash};
use crate::range::Probability;
use crate::table::Table;

/// Sets of weights for `N` logits; the context selects the set. Weights are in 1/65536.
#[derive(Debug)]
pub(crate) struct Mixer<const N: usize> {
    sets: Table<Set<N>>,
}

/// The sum of the products of logits and weights, as a logit.
#[inline(always)]
pub(crate) fn dot<const N: usize>(weights: &[i32; N], logits: &[i32; N]) -> i32 {
    let sum = weights.iter().zip(logits).fold(0i32, |sum, (w, x)| sum.wrapping_add(w.wrapping_mul(*x) >> 8));
    (sum >> 8).clamp(-LIMIT, LIMIT)
}

/// The weights of a set, and how many bits it has learnt from, up to a limit.
#[derive(Debug, Clone, Copy)]
struct Set<const N: usize> {
    weights: [i32; N],
    seen: i32,
}

impl<const N: usize> Mixer<N> {
    /// A mixer of `2^bits` sets, with this weight for every logit.
    pub(crate) fn new(bits: u32, weight: i32) -> Self {
        Self { sets: Table::new(bits, Set { weights: [weight; N], seen: 0 }) }
    }

    /// The logit that a set makes of these.
    #[inline(always)]
    pub(crate) fn mix(&self, set: usize, logits: &[i32; N]) -> i32 {
        dot(&self.sets.at_ref(set).weights, logits)
    }

    /// Learns from the bit that came where this probability was given: quickly at first, at this rate in the end.
    #[inline(always)]
    pub(crate) fn learn(&mut self, set: usize, logits: &[i32; N], one: Probability, bit: bool, rate: i32) {
        let Set { weights, seen } = self.sets.at(set);
        let rate = rate + 2560 / (32 + *seen);
        *seen = (*seen + 1).min(400);
        let error = (((i32::from(bit) << 16) - one as i32) * rate) >> 4;
        for (weight, logit) in weights.iter_mut().zip(logits) {
            *weight = weight.wrapping_add(logit.wrapping_mul(error).wrapping_add(1 << 13) >> 14);
        }
    }
}

/// The probability of a logit, as mixers give it.
#[inline(always)]
pub(crate) fn probability(logit: i32) -> Probability {
    squash(logit).clamp(24, 65536 - 24)
}
