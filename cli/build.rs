//! Tells `burrow version` the versions of rustc and wasmtime, by environment variables.
//!
//! Cargo sets these variables for the tests that it runs, too. So their names are none that the tests read.

use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rustc-env=BUILT_WITH_RUSTC={}", rustc().unwrap_or_else(|| "of unknown version".into()));
    println!("cargo::rustc-env=BUILT_WITH_WASMTIME={}", wasmtime().unwrap_or_else(|| "of unknown version".into()));
}

fn rustc() -> Option<String> {
    let output = Command::new(std::env::var_os("RUSTC")?).arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().trim_start_matches("rustc ").to_owned())
}

/// Wasmtime's version in the workspace's lock file.
fn wasmtime() -> Option<String> {
    let lock = Path::new(&std::env::var_os("CARGO_MANIFEST_DIR")?).parent()?.join("Cargo.lock");
    println!("cargo::rerun-if-changed={}", lock.display());
    let text = std::fs::read_to_string(lock).ok()?;
    let (_, rest) = text.split_once("name = \"wasmtime\"\nversion = \"")?;
    Some(rest.split('"').next()?.to_owned())
}
