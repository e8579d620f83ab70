//! The settings that the component asks for, as `spin.toml` declares them.

use std::collections::HashMap;

/// Settings by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(HashMap<&'static str, String>);

impl Variables {
    /// Sets one; the component checks it.
    pub fn set(&mut self, name: &'static str, value: &impl ToString) {
        self.0.insert(name, value.to_string());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}
