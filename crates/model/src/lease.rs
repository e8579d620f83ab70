//! Leases: who works at something, and until when others leave it alone.

use serde::{Deserialize, Serialize};

/// How far the clocks of two processes that share a store may differ, in milliseconds.
pub const SKEW: u64 = 60 * 1000;

/// The right to work at something, for a limited time.
///
/// A clock may be wrong, and may be corrected. So a lease is over not only at its end, but also while the clock shows a
/// time before its beginning: then a clock was wrong when it began, or is wrong now. And where one process at a time
/// has the store open, each opening has a number, the generation: a lease of another generation is its holder's, who is
/// dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// When it ends, in milliseconds since 1970; 0 if nobody holds it.
    #[serde(rename = "lease")]
    pub until: u64,
    /// The generation of its holder's store; `None` if several processes may open that store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
}

impl Lease {
    /// The lease of nobody.
    pub const NOBODY: Self = Self { until: 0, generation: None };

    /// Whether others must leave the work alone: `now`, in a store of this generation, for a lease of this length.
    pub fn is_held(&self, now: u64, generation: Option<u64>, length: u64) -> bool {
        self.generation == generation && lasts(self.until, length, now)
    }

    /// Whether its holder may still write what it worked out. It stops earlier than others may begin, because their
    /// clocks may be ahead of its own.
    pub fn is_mine(&self, now: u64, generation: Option<u64>, length: u64) -> bool {
        self.is_held(now, generation, length) && self.is_held(now.saturating_add(SKEW), generation, length)
    }
}

/// Whether a time of this length, which ends at `until`, has begun and not ended, as far as clocks can tell. All are in
/// milliseconds.
pub fn lasts(until: u64, length: u64, now: u64) -> bool {
    now < until && until <= now.saturating_add(length).saturating_add(SKEW)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: u64 = 15 * SKEW;
    const NOW: u64 = 1_800_000_000_000;

    fn lease(until: u64, generation: Option<u64>) -> Lease {
        Lease { until, generation }
    }

    #[test]
    fn a_lease_never_lasts_longer_than_its_length_by_any_clock() {
        let lease = lease(NOW + LENGTH, None);
        let year = 365 * 24 * 60 * SKEW;
        for (clock, held, mine) in [
            (NOW, true, true),
            (NOW + LENGTH - 1, true, false),
            (NOW + LENGTH - SKEW, true, false),
            (NOW + LENGTH - SKEW - 1, true, true),
            (NOW + LENGTH, false, false),
            (NOW + 70 * year, false, false),
            // The clock of another machine is behind.
            (NOW - SKEW, true, true),
            // The clock was set back.
            (NOW - SKEW - 1, false, false),
            (NOW - year, false, false),
            (0, false, false),
            (u64::MAX, false, false),
        ] {
            assert_eq!(lease.is_held(clock, None, LENGTH), held, "{clock}");
            assert_eq!(lease.is_mine(clock, None, LENGTH), mine, "{clock}");
        }
        assert!(!Lease::NOBODY.is_held(0, None, LENGTH) && !Lease::NOBODY.is_held(NOW, None, LENGTH));
        assert!(!self::lease(u64::MAX, None).is_held(NOW, None, LENGTH));
    }

    #[test]
    fn a_lease_of_another_generation_is_over_at_once() {
        for (of, now, held) in [
            (Some(3), Some(3), true),
            (Some(2), Some(3), false),
            // The counter was lost, and repaired or not.
            (Some(7), Some(3), false),
            // An earlier version of Burrow, which knew no generations, or a store that several processes could open.
            (None, Some(3), false),
            (Some(3), None, false),
            (None, None, true),
        ] {
            assert_eq!(lease(NOW + LENGTH, of).is_held(NOW, now, LENGTH), held, "{of:?} {now:?}");
        }
    }
}
