//! Licences and sources of dependencies: cargo-deny, with the rules of deny.toml.

use std::process::Command;

use crate::python;
use crate::run::{cargo, output, root, run, say};

const CHECK: [&str; 5] = ["--workspace", "check", "bans", "licenses", "sources"];

/// Checks what deny.toml rules, except for advisories, whose database a closed network cannot fetch.
pub(crate) fn check() -> Result<(), String> {
    say("checking the dependencies' licences and sources");
    if output("cargo-deny", &["--version"]).is_some() {
        return run(cargo().arg("deny").args(CHECK));
    }
    let venv = python::venv("deny", &root().join("xtask/requirements/deny.txt"))?;
    run(Command::new(venv.join("bin/cargo-deny")).args(CHECK).current_dir(root()))
}
