//! The component's settings by name; `spin.toml` and docs/http-api.md list them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Settings by name, as text. A setting that is not set has its default. [`Builder::open`](crate::Builder::open) refuses
/// names that the component does not know, and values that it cannot read.
#[derive(Clone, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
    /// The names for which instances asked.
    asked: Arc<Mutex<BTreeSet<String>>>,
}

impl std::fmt::Debug for Variables {
    /// Shows only the names, because some values are secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.values.keys()).finish()
    }
}

impl Variables {
    /// Sets one setting.
    pub fn set(&mut self, name: impl Into<String>, value: &impl ToString) {
        self.values.insert(name.into(), value.to_string());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// As [`Self::get`], for an instance.
    pub(crate) fn ask(&self, name: &str) -> Option<&str> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
        self.get(name)
    }

    /// The names that are set and for which no instance has asked.
    pub(crate) fn unknown(&self) -> Vec<&str> {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.values.keys().map(String::as_str).filter(|name| !asked.contains(*name)).collect()
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
