//! Runs `burrow verify` and reads its report.

use std::path::Path;

use serde_json::Value;
use tokio::process::Command;

use super::host::burrow;

/// The report on a store.
#[derive(Debug)]
pub struct Report {
    /// Whether no fault is left: the exit code is 0.
    pub sound: bool,
    /// The faults that it found, an object each.
    pub findings: Vec<Value>,
    pub summary: Value,
}

/// Checks a store that no process has open. With `repair`, also repairs it.
pub async fn verify(store: &Path, repair: bool) -> Report {
    verify_by(burrow(store), repair).await
}

/// The same, with a command that names the store.
pub async fn verify_by(mut command: Command, repair: bool) -> Report {
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
