//! Makes the Python environments that tests need.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::install;
use crate::run::{root, run, say};

/// The environment `target/{name}-venv`. It is made anew if the file of requirements has changed.
pub(crate) fn venv(name: &str, requirements: &Path) -> Result<PathBuf, String> {
    let venv = root().join(format!("target/{name}-venv"));
    let stamp = venv.join("requirements.txt");
    let wanted = fs::read(requirements).map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    if fs::read(&stamp).ok() == Some(wanted) {
        return Ok(venv);
    }
    say(&format!("setting up Python for {name}"));
    let make = || run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    if make().is_err() {
        install(&["python3-venv"])?;
        make()?;
    }
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"]);
    run(pip.arg(requirements))?;
    fs::copy(requirements, &stamp).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(venv)
}
