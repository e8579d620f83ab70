//! Converts times. Everywhere a time is milliseconds since 1970-01-01T00:00:00Z.

use std::time::{Duration, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The time as a [`Timestamp`]; `None` if it is after the year 9999.
pub fn instant(millis: u64) -> Option<Timestamp> {
    i64::try_from(millis).ok().and_then(|millis| Timestamp::from_millisecond(millis).ok())
}

/// The time in UTC as RFC 3339 writes it; empty if it is after the year 9999.
pub fn timestamp(millis: u64) -> String {
    instant(millis).map(|instant| instant.to_string()).unwrap_or_default()
}

/// Reads a time as RFC 3339 writes it, or a day in UTC such as `2026-11-26`, which is its beginning, or its end if
/// `is_end`. Returns milliseconds since 1970, and 0 for an earlier time; `None` if it is neither.
pub fn moment(text: &str, is_end: bool) -> Option<u64> {
    let instant = if let Ok(instant) = text.parse::<Timestamp>() {
        instant
    } else {
        // Longer texts that begin with a day are times without an offset, which mean nothing.
        let day = text.parse::<Date>().ok().filter(|_| text.len() == "2026-11-26".len())?;
        let day = if is_end { day.tomorrow().ok()? } else { day };
        day.to_zoned(TimeZone::UTC).ok()?.timestamp()
    };
    Some(u64::try_from(instant.as_millisecond()).unwrap_or(0))
}

/// Reads `Retry-After` (RFC 9110 section 10.2.3), seconds or a date, and returns the time from `now`, which is in
/// milliseconds since 1970. Returns `None` if it is neither.
pub fn retry_after(value: &str, now: u64) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // A number that overflows is longer than any client waits.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(date.saturating_sub(Duration::from_millis(now)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::FetchError;

    /// 2027-01-15T08:00:00Z.
    const BEGINNING: u64 = 1_800_000_000_000;

    #[test]
    fn moments_are_times_or_days() {
        for (text, begin, end) in [
            ("2027-01-15", Some(BEGINNING - 8 * 3_600_000), Some(BEGINNING + 16 * 3_600_000)),
            ("2027-01-15T08:00:00Z", Some(BEGINNING), Some(BEGINNING)),
            ("2027-01-15T09:00:00.5+01:00", Some(BEGINNING + 500), Some(BEGINNING + 500)),
            ("1969-12-31", Some(0), Some(0)),
            ("2027-02-30", None, None),
            ("2027-01", None, None),
            ("2027-01-15T08:00", None, None),
            ("20270115", None, None),
            ("today", None, None),
            ("", None, None),
        ] {
            assert_eq!((moment(text, false), moment(text, true)), (begin, end), "{text}");
        }
    }

    #[test]
    fn retry_after_is_read() {
        for (value, expected) in [
            ("0", Some(0)),
            ("120", Some(120_000)),
            (" 7 ", Some(7000)),
            ("Fri, 15 Jan 2027 08:01:30 GMT", Some(90_000)),
            ("Friday, 15-Jan-27 08:00:02 GMT", Some(2000)),
            ("Fri Jan 15 08:00:03 2027", Some(3000)),
            ("Fri, 15 Jan 2027 07:59:59 GMT", Some(0)),
            ("", None),
            ("soon", None),
            ("-1", None),
            ("1.5", None),
            ("2027-01-15T08:01:30Z", None),
        ] {
            let read = retry_after(value, BEGINNING).map(|time| time.as_millis());
            assert_eq!(read, expected, "{value}");
        }
        assert_eq!(retry_after("99999999999999999999", BEGINNING), Some(Duration::from_secs(u64::MAX)));
        // A wait that is not a whole number of seconds is rounded up.
        let error =
            |now| FetchError::Status { status: 503, retry_after: retry_after("Fri, 15 Jan 2027 08:01:30 GMT", now) };
        let told = "the origin answered 503 and asks to come back in 90 s";
        assert_eq!((error(BEGINNING).to_string(), error(BEGINNING + 500).to_string()), (told.into(), told.into()));
    }
}
