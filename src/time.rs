//! Times: everywhere milliseconds since 1970-01-01T00:00:00Z.

use jiff::Timestamp;

/// That time; none if it is beyond the year 9999.
pub fn instant(millis: u64) -> Option<Timestamp> {
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}
