//! `Prefer: wait` and `respond-async`: how long a client waits for a job (RFC 7240).

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The client's preference for waiting until a job has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    /// The time to wait; zero unless the client asks for more.
    pub(crate) time: Duration,
    asked: bool,
    asynchronous: bool,
}

impl Wait {
    /// Reads the preference; `max` is the longest wait. Unknown and invalid preferences are ignored (section 2).
    pub(crate) fn read(headers: &HeaderMap, max: Duration) -> Self {
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut wait = Self { time: Duration::ZERO, asked: false, asynchronous: false };
        for preference in values.flat_map(|value| value.split(',')) {
            let preference = preference.split(';').next().unwrap_or_default();
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"').parse()) {
                // Of several, the first counts (section 2).
                ("wait", Ok(seconds)) if !wait.asked => {
                    wait = Self { time: Duration::from_secs(seconds).min(max), asked: true, ..wait };
                }
                ("respond-async", _) => wait.asynchronous = true,
                _ => {}
            }
        }
        wait
    }

    /// The value of `Preference-Applied`, if a preference is honoured.
    pub(crate) fn applied(self) -> Option<HeaderValue> {
        if self.asked {
            return HeaderValue::try_from(format!("wait={}", self.time.as_secs())).ok();
        }
        self.asynchronous.then_some(HeaderValue::from_static("respond-async"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read() {
        for (value, seconds, applied) in [
            ("", 0, None),
            ("wait=5", 5, Some("wait=5")),
            ("Wait = \"5\"; foo=bar", 5, Some("wait=5")),
            ("wait=100", 30, Some("wait=30")),
            ("respond-async, wait=2", 2, Some("wait=2")),
            ("respond-async", 0, Some("respond-async")),
            ("wait=1, wait=9", 1, Some("wait=1")),
            ("wait=-1", 0, None),
            ("wait=99999999999999999999", 0, None),
            ("wait, return=minimal", 0, None),
        ] {
            let headers = HeaderMap::from_iter([(PREFER, value.parse().unwrap())]);
            let wait = Wait::read(&headers, Duration::from_secs(30));
            assert_eq!(wait.time.as_secs(), seconds, "{value}");
            assert_eq!(wait.applied(), applied.map(HeaderValue::from_static), "{value}");
        }
    }
}
