//! Tests of the pages: sets up Chromium and Node.js, and runs tests/browser.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::install;
use crate::node;
use crate::run::{output, root, run, say};

/// Programs that the tests need, and their Debian packages.
const NEEDED: [(&str, &str); 3] = [("node", "nodejs"), ("npm", "npm"), ("/usr/bin/chromium", "chromium")];

/// Fonts for the texts that tests type, emoji included.
const FONTS: [&str; 2] = ["fonts-dejavu-core", "fonts-noto-color-emoji"];

/// Runs the tests of the pages, or those in the files that `args` name. If `BURROW_SPIN` names a spin binary, runs them
/// on Spin, too.
pub(crate) fn test(burrow: &Path, args: &[String]) -> Result<(), String> {
    let missing = NEEDED.iter().filter(|(program, _)| output(program, &["--version"]).is_none());
    let packages: Vec<&str> = missing.map(|(_, package)| *package).chain(FONTS).collect();
    install(&packages)?;
    node::packages(&folder())?;
    let files = if args.is_empty() { all()? } else { args.to_vec() };
    let tests = || {
        let mut node = Command::new("node");
        node.args(["--test", "--test-reporter=spec", "--test-concurrency=2", "--test-timeout=300000"])
            .args(&files)
            .env("BURROW", burrow)
            .current_dir(folder());
        node
    };
    say("testing the pages in a browser");
    run(tests().env_remove("BURROW_SPIN"))?;
    if std::env::var_os("BURROW_SPIN").is_some() {
        say("testing the pages of Spin in a browser");
        run(&mut tests())?;
    }
    Ok(())
}

fn folder() -> PathBuf {
    root().join("tests/browser")
}

fn all() -> Result<Vec<String>, String> {
    let entries = fs::read_dir(folder()).map_err(|error| format!("cannot read {}: {error}", folder().display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut files: Vec<String> = names.filter(|name| name.ends_with(".test.js")).collect();
    files.sort_unstable();
    Ok(files)
}
