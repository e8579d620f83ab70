//! The component's settings by name; `spin.toml` and docs/http-api.md list them.

use std::collections::BTreeMap;
use std::time::Duration;

/// Settings by name, as text. Each instance checks them when it is first called. A setting that is not set has its
/// default.
#[derive(Clone, Default)]
pub struct Variables(BTreeMap<&'static str, String>);

impl std::fmt::Debug for Variables {
    /// Shows only the names, because some values are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Variables {
    /// Sets one setting.
    pub fn set(&mut self, name: &'static str, value: &impl ToString) {
        self.0.insert(name, value.to_string());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether connections to private addresses are allowed.
    pub(crate) fn allow_private_network(&self) -> bool {
        self.get("allow_private_network") == Some("true")
    }

    /// The time limit of connecting to an origin.
    pub(crate) fn connect_timeout(&self) -> Duration {
        let seconds = self.get("connect_timeout_seconds").and_then(|seconds| seconds.parse().ok());
        Duration::from_secs(seconds.unwrap_or(5))
    }
}
