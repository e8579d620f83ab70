//! The parts of a release: program, component, manual pages, completions, systemd units, licence.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;

use crate::read;

/// Everything that packages are made from.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) program: Vec<u8>,
    pub(crate) component: Vec<u8>,
    /// Manual pages of section 1, with the names of their files.
    pub(crate) manual: Vec<(String, Vec<u8>)>,
    /// Completion scripts.
    pub(crate) completions: Completions,
    /// Files of deploy/systemd, with their names.
    pub(crate) systemd: Vec<(String, Vec<u8>)>,
    /// The scripts of the Debian package, from deploy/debian, with their names.
    pub(crate) scripts: Vec<(String, Vec<u8>)>,
    /// The configuration file of the service.
    pub(crate) config: Vec<u8>,
    pub(crate) license: Vec<u8>,
    /// The time of all files, in seconds since 1970.
    pub(crate) time: u64,
    /// The same as in RFC 3339.
    pub(crate) created: String,
}

#[derive(Debug)]
pub(crate) struct Completions {
    pub(crate) bash: Vec<u8>,
    pub(crate) fish: Vec<u8>,
    pub(crate) zsh: Vec<u8>,
}

impl Parts {
    /// Reads files, and has the program write its manual pages and completions.
    ///
    /// # Errors
    ///
    /// A file cannot be read, the program does not run here, or another component is built into it.
    pub(crate) fn read(program: &Path, component: &Path, checkout: &Path, time: u64) -> Result<Self> {
        let component = read(component)?;
        let version = String::from_utf8(output(program, &["version"])?)?;
        let digest = crate::oci::hex_sha256(&component);
        ensure!(version.contains(&digest), "another component is built into the program than {digest}:\n{version}");
        let directory = tempfile::tempdir().context("cannot make a directory for manual pages")?;
        output(program, &["man", "--dir", &directory.path().to_string_lossy()])?;
        let completions = |shell| output(program, &["completions", shell]);
        Ok(Self {
            program: read(program)?,
            component,
            manual: files(directory.path())?,
            completions: Completions {
                bash: completions("bash")?,
                fish: completions("fish")?,
                zsh: completions("zsh")?,
            },
            systemd: files(&checkout.join("deploy/systemd"))?,
            scripts: files(&checkout.join("deploy/debian"))?,
            config: read(&checkout.join("deploy/config.toml"))?,
            license: read(&checkout.join("LICENSE"))?,
            time,
            created: Timestamp::from_second(i64::try_from(time)?)?.to_string(),
        })
    }
}

/// The files of a directory, sorted by name.
fn files(directory: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry?;
        files.push((entry.file_name().to_string_lossy().into_owned(), read(&entry.path())?));
    }
    files.sort_unstable();
    Ok(files)
}

fn output(program: &Path, args: &[&str]) -> Result<Vec<u8>> {
    // What this machine's user configured does not belong into a release.
    let output = Command::new(program).args(args).env_clear().output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    ensure!(output.status.success(), "`burrow {}` failed: {}", args.join(" "), String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
