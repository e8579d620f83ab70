//! Builds, runs, tests and lints the native host with the component built in.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::{self, install};
use crate::run::{cargo, output, root, run, say};

/// Builds `burrow` and serves.
pub(crate) fn serve(component: &Path, args: &[String]) -> Result<(), String> {
    let burrow = build(component, &["burrow"])?;
    say("serving");
    run(Command::new(burrow).arg("serve").args(args).current_dir(root()))
}

/// Builds these programs of the workspace. Returns the path of `burrow`.
///
/// Everything that this builds, [`test`] needs too, and with the same features: cargo unifies the features of the whole
/// workspace, and those of the development dependencies because there is an example among the targets. So whichever
/// command comes first, nothing is built twice.
pub(crate) fn build(component: &Path, programs: &[&str]) -> Result<PathBuf, String> {
    say("building burrow (the first time about 7 minutes on two cores; later a minute or less)");
    let mut command = cargo();
    command.args(["build", "--locked", "--release", "--workspace"]);
    command.args(programs.iter().flat_map(|program| ["--bin", program])).args(["--example", "measure"]);
    run(bundled(&mut command, component))?;
    Ok(burrow())
}

fn burrow() -> PathBuf {
    root().join("target/release/burrow")
}

/// Programs that tests run, and their Debian packages: Redis as a store, the shells that have completions, a
/// pseudo-terminal, and the renderer of manual pages.
const NEEDED_BY_TESTS: [(&str, &str); 6] = [
    ("redis-server", "redis-server"),
    ("bash", "bash"),
    ("zsh", "zsh"),
    ("fish", "fish"),
    ("script", "bsdutils"),
    ("man", "man-db"),
];

/// Runs every Rust test, or those that `args` choose.
pub(crate) fn test(component: &Path, args: &[String]) -> Result<(), String> {
    let missing = NEEDED_BY_TESTS.iter().filter(|(program, _)| output(program, &["--version"]).is_none());
    let packages: Vec<&str> = missing.map(|(_, package)| *package).collect();
    install(&packages)?;
    component::build_hostile()?;
    say("testing (the first time about 15 minutes on two cores until the tests begin)");
    let mut command = cargo();
    command.args(["test", "--locked", "--release", "--workspace"]);
    run(bundled(&mut command, component).args(args))
}

/// Runs a part of the suite, with these environment variables.
pub(crate) fn test_only(component: &Path, part: &str, variables: &[(&str, String)]) -> Result<(), String> {
    say(&format!("running {part} of the suite"));
    let mut command = cargo();
    // Of the whole workspace, as `test` does, so that nothing is built twice.
    command.args(["test", "--locked", "--release", "--workspace", "--test", "suite"]);
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    run(bundled(&mut command, component).args(["--", part]))
}

/// Lints all packages for the native target.
pub(crate) fn lint() -> Result<(), String> {
    say("linting the rest");
    let mut command = cargo();
    // In the profile of the tests, so that build scripts and procedural macros are compiled only once.
    command.args(["clippy", "--locked", "--release", "--workspace", "--all-targets", "--", "-D", "warnings"]);
    run(&mut command)
}

/// Builds the documentation of every library, private items too: a link that leads nowhere is an error.
pub(crate) fn document() -> Result<(), String> {
    say("building the documentation");
    let mut command = cargo();
    // In the profile of clippy, which has checked the dependencies.
    command.args(["doc", "--locked", "--release", "--workspace", "--lib", "--no-deps", "--document-private-items"]);
    run(command.env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private-intra-doc-links"))
}

/// Adds to a build the flags that build the component in.
pub(crate) fn bundled<'a>(command: &'a mut Command, component: &Path) -> &'a mut Command {
    command.args(["--features", "burrow-cli/bundled"]).env("BURROW_BUNDLE", component)
}
