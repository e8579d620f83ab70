//! Formats times for people, such as `5 min ago`.

use std::time::{Duration, SystemTime};

use burrow_model::time::timestamp;

/// How long ago a time was, or its date if that is 30 days or more. `millis` counts milliseconds since 1970.
pub(crate) fn ago(millis: u64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    since(Duration::from_millis(millis), now)
}

fn since(time: Duration, now: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    // Clocks differ: a time in the future counts as now.
    match now.saturating_sub(time).as_secs() {
        0..MINUTE => "just now".into(),
        seconds @ MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        seconds @ HOUR..DAY => format!("{} h ago", seconds / HOUR),
        seconds if seconds < 30 * DAY => format!("{} d ago", seconds / DAY),
        _ => {
            let millis = u64::try_from(time.as_millis()).unwrap_or_default();
            timestamp(millis).split('T').next().unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_do() {
        let now = Duration::from_hours(500_000);
        let cases = [
            (0, "just now"),
            (59, "just now"),
            (60, "1 min ago"),
            (3_599, "59 min ago"),
            (3_600, "1 h ago"),
            (86_399, "23 h ago"),
            (86_400, "1 d ago"),
            (29 * 86_400, "29 d ago"),
            (30 * 86_400, "2026-12-16"),
        ];
        for (seconds, told) in cases {
            assert_eq!(since(now.checked_sub(Duration::from_secs(seconds)).unwrap(), now), told);
        }
        assert_eq!(since(now + Duration::from_secs(5), now), "just now");
    }
}
