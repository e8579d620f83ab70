//! Licences, sources and advisories of dependencies: cargo-deny, with the rules of deny.toml.

use std::path::PathBuf;
use std::process::Command;

use crate::python;
use crate::run::{output, root, run, say};

/// Checks what deny.toml rules. The advisories are the newest ones, or where there is no network, those of the last fetch.
/// If there was none, they are not checked, and this says so.
pub(crate) fn check() -> Result<(), String> {
    say("checking the dependencies' licences, sources and advisories");
    let mut program = PathBuf::from("cargo-deny");
    if output("cargo-deny", &["--version"]).is_none() {
        program = python::venv("deny", &root().join("xtask/requirements/deny.txt"))?.join("bin/cargo-deny");
    }
    let deny = |args: &[&str]| run(Command::new(&program).arg("--workspace").args(args).current_dir(root()));
    deny(&["check", "bans", "licenses", "sources"])?;
    if deny(&["fetch", "db"]).is_err() && !has_advisories() {
        say("SKIPPED: the advisories, because there is no network and no database from before");
        return Ok(());
    }
    deny(&["--offline", "check", "advisories"])
}

/// Whether cargo-deny has fetched advisories before, into the place that it takes by default.
fn has_advisories() -> bool {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")));
    let entries = home.and_then(|home| std::fs::read_dir(home.join("advisory-dbs")).ok());
    entries.is_some_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}
