//! Predicts a sample from its neighbours.
//!
//! The prediction is a linear combination whose weights follow the image, corrected by the mean error in similar
//! surroundings.

use crate::table::Table;

/// Values that a prediction combines.
pub(crate) const TAPS: usize = 24;

/// Learns the weights of a linear combination by normalised least mean squares. Weights are in 1/65536.
#[derive(Debug)]
pub(crate) struct Linear {
    weights: [i32; TAPS],
}

impl Linear {
    /// Begins with what fits most images: the first channel follows its neighbours, the others follow the one before.
    pub(crate) fn new(is_first: bool) -> Self {
        let mut weights = [0; TAPS];
        if is_first {
            weights[..4].copy_from_slice(&[19661, 19661, -13107, 13107]);
        } else {
            weights[10] = 65536;
        }
        Self { weights }
    }

    /// The combination of these taps and the sum of their squares.
    #[inline(always)]
    pub(crate) fn combine<const WIDE: bool>(&self, taps: &[i32; TAPS]) -> (i32, i64) {
        let pairs = self.weights.iter().zip(taps);
        if WIDE {
            let (sum, power) = pairs.fold((0, 0), |(sum, power), (w, x)| {
                (sum + i64::from(*w) * i64::from(*x), power + i64::from(*x) * i64::from(*x))
            });
            ((sum >> 14).clamp(-(1 << 22), 1 << 22) as i32, power)
        } else {
            let (sum, power) =
                pairs.fold((0i32, 0i32), |(sum, power), (w, x)| (sum.wrapping_add(w.wrapping_mul(*x)), power + x * x));
            (sum >> 14, i64::from(power))
        }
    }

    /// Learns from the error of a prediction in 1/8.
    #[inline(always)]
    pub(crate) fn learn<const WIDE: bool>(&mut self, taps: &[i32; TAPS], power: i64, error: i32) {
        if WIDE {
            let gain = 41936 * i64::from(error.clamp(-192 * 256, 192 * 256)) / (power + 80);
            for (weight, tap) in self.weights.iter_mut().zip(taps) {
                *weight = weight.wrapping_add(((gain * i64::from(*tap)) >> 4) as i32);
            }
        } else {
            let gain = 41936 * error.clamp(-192, 192) / (power as i32 + 80);
            for (weight, tap) in self.weights.iter_mut().zip(taps) {
                *weight = weight.wrapping_add(gain.wrapping_mul(*tap) >> 4);
            }
        }
    }
}

/// The mean error in each context, in 1/8 of a sample and 1/256 of that.
#[derive(Debug)]
pub(crate) struct Bias {
    means: Table<(i32, u16)>,
}

impl Bias {
    pub(crate) const MEMORY: u64 = 8 << 14;

    pub(crate) fn new() -> Self {
        Self { means: Table::new(14, (0, 0)) }
    }

    #[inline(always)]
    pub(crate) fn get(&self, context: usize) -> i32 {
        (self.means.get(context).0 + 128) >> 8
    }

    #[inline(always)]
    pub(crate) fn learn(&mut self, context: usize, error: i32) {
        let (mean, seen) = self.means.at(context);
        let step = (error << 8) - *mean;
        *seen = (*seen + 1).min(48);
        *mean += step / i32::from(*seen);
    }
}
