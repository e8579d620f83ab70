//! Installs the packages from npm that tests need.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::run::{run, say};

/// Installs the packages of a directory's package-lock.json, unless this version of the file is installed.
pub(crate) fn packages(folder: &Path) -> Result<(), String> {
    let (lock, stamp) = (folder.join("package-lock.json"), folder.join("node_modules/installed"));
    let wanted = fs::read(&lock).map_err(|error| format!("cannot read {}: {error}", lock.display()))?;
    if fs::read(&stamp).ok() == Some(wanted) {
        return Ok(());
    }
    say(&format!("installing the packages of {}", lock.display()));
    run(Command::new("npm").args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder))?;
    fs::copy(&lock, &stamp).map(|_| ()).map_err(|error| format!("cannot write {}: {error}", stamp.display()))
}
