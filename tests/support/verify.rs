//! `burrow verify`, as the tests use it.

use std::path::Path;

use serde_json::Value;

use super::host::burrow;

/// What it says of a store.
#[derive(Debug)]
pub struct Report {
    /// Nothing is wrong (any more).
    pub sound: bool,
    /// What it found, an object each.
    pub findings: Vec<Value>,
    pub summary: Value,
}

/// Checks a store that nobody has open, and mends what can be mended.
pub async fn verify(store: &Path, repair: bool) -> Report {
    let mut command = burrow(store);
    command.args(["verify", "--json"]).args(repair.then_some("--repair"));
    let output = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let mut findings: Vec<Value> = out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}: {err}")))
        .collect();
    let summary = findings.pop().unwrap_or_else(|| panic!("it says nothing: {:?}: {err}", output.status));
    Report { sound: output.status.code() == Some(0), findings, summary: summary["summary"].clone() }
}
