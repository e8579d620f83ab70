//! Packs a release in target/dist: builds the component and a static `burrow`, and runs the package dist/.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::{self, has_target, install};
use crate::run::{cargo, output, root, run, say};
use crate::{host, trial};

/// Linux on x86-64 with a C library that is linked into the program.
const TARGET: &str = "x86_64-unknown-linux-musl";

/// The C compiler for the target, for SQLite, zstd, ring and mimalloc.
const PACKAGES: [&str; 1] = ["musl-tools"];

/// Packs a release. With `--test`, tries each thing that was made, too.
///
/// # Errors
///
/// Something cannot be built or packed, or does not do what it is for.
pub(crate) fn run_all(args: &[String]) -> Result<(), String> {
    let test = match args {
        [] => false,
        [flag] if flag == "--test" => true,
        _ => return Err("dist takes --test, and nothing else".into()),
    };
    let component = component::build()?;
    let program = build_program(&component)?;
    let made = pack(&program, &component)?;
    if test { trial::run_all(&made) } else { Ok(()) }
}

/// Builds the static `burrow`. Returns its path.
fn build_program(component: &Path) -> Result<PathBuf, String> {
    if !has_target(TARGET) {
        run(Command::new("rustup").args(["target", "add", TARGET]))?;
    }
    if output("which", &["musl-gcc"]).is_none() {
        install(&PACKAGES)?;
    }
    say("building a static burrow (the first time about 7 minutes on two cores, later a minute or less)");
    let mut command = cargo();
    command.args(["build", "--locked", "--release", "--package", "burrow-cli", "--bin", "burrow", "--target", TARGET]);
    run(host::bundled(&mut command, component))?;
    Ok(root().join("target").join(TARGET).join("release/burrow"))
}

/// Packs everything into an empty target/dist, which it returns.
fn pack(program: &Path, component: &Path) -> Result<PathBuf, String> {
    let into = root().join("target/dist");
    if into.exists() {
        fs::remove_dir_all(&into).map_err(|error| format!("cannot empty {}: {error}", into.display()))?;
    }
    fs::create_dir_all(&into).map_err(|error| format!("cannot make {}: {error}", into.display()))?;
    let git = format!("--git-dir={}", root().join(".git").display());
    let time = output("git", &[&git, "log", "-1", "--format=%ct"]).ok_or("git does not tell the time of the commit")?;
    say("packing");
    let mut dist = cargo();
    dist.args(["run", "--quiet", "--locked", "--release", "--package", "burrow-dist", "--"])
        .arg(program)
        .arg(component);
    run(dist.arg(root()).arg(&time).arg(&into))?;
    println!("{}", into.display());
    Ok(into)
}
