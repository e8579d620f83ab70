//! Small functions of samples: a simple prediction, and sizes in steps.

use crate::rows::Around;

/// The median of west, north and their gradient (LOCO-I).
#[inline(always)]
pub(crate) fn median(a: &Around<i32>) -> i32 {
    let (low, high) = (a.w.min(a.n), a.w.max(a.n));
    (a.w + a.n - a.nw).clamp(low, high)
}

/// 0, 1, 2, 3, then two steps for each doubling.
#[inline(always)]
pub(crate) fn steps(value: i32) -> u32 {
    let value = value.unsigned_abs();
    if value < 2 {
        return value;
    }
    let log = value.ilog2();
    2 * log + (value >> (log - 1) & 1)
}

/// 0 to 30: the steps of a value with its sign.
#[inline(always)]
pub(crate) fn signed(value: i32) -> u32 {
    let steps = steps(value).min(15);
    if value < 0 { 15 + steps } else { steps }
}
