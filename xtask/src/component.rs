//! Builds and lints the component, with rustup's toolchain or the distribution's.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::run::{as_root, cargo, output, root, run, say};

const TARGET: &str = "wasm32-wasip2";

/// The target of modules that become components without a host.
const HOSTLESS_TARGET: &str = "wasm32-wasip1";

/// Debian's Rust compiler for the target, the source of Rust's standard library, and the C library that it needs.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "wasi-libc"];
const CLIPPY_PACKAGE: &str = "rust-web-clippy";

/// The directories of adapters/ that are adapters.
const ADAPTERS: [&str; 1] = ["filesystem"];

/// A way to compile for the target.
enum Toolchain {
    /// The compiler in use has the target's standard library.
    Rustup,
    /// The distribution's compiler also builds the standard library. It links with the linker of the compiler in use.
    Distribution { linkers: PathBuf },
}

/// Builds the component. Returns its path, which spin.toml names, too.
pub(crate) fn build() -> Result<PathBuf, String> {
    say("building the component (the first time about 3 minutes on two cores, later one)");
    build_package("burrow", TARGET, "burrow.wasm")
}

/// Builds the component that attacks its host, for the suite.
pub(crate) fn build_hostile() -> Result<PathBuf, String> {
    say("building the hostile component of the tests (half a minute)");
    build_package("burrow-hostile", TARGET, "burrow_hostile.wasm")
}

/// Builds the component with each adapter for hosts that lack what it imports, and the codecs as a component of their own.
/// Returns the paths.
pub(crate) fn compose() -> Result<Vec<PathBuf>, String> {
    let component = build()?;
    let mut composed = Vec::new();
    for adapter in ADAPTERS {
        say(&format!("building the adapter {adapter}, and plugging it under the component"));
        let built = build_package(&format!("burrow-{adapter}"), TARGET, &format!("adapter-{adapter}.wasm"))?;
        composed.push(run_compose("plug", &component, &built, &format!("burrow-{adapter}.wasm"))?);
    }
    say("building the codecs as a component of their own");
    let module = build_package("burrow-codec", HOSTLESS_TARGET, "codec-module.wasm")?;
    composed.push(run_compose("seal", &module, &root().join("codec/no-host.wat"), "burrow-codec.wasm")?);
    Ok(composed)
}

/// Runs the package adapters/compose. Returns the path of what it made in target/.
fn run_compose(verb: &str, input: &Path, adapter: &Path, name: &str) -> Result<PathBuf, String> {
    let path = root().join("target").join(name);
    let mut compose = cargo();
    compose.args(["run", "--quiet", "--locked", "--release", "--package", "burrow-compose", "--", verb]);
    run(compose.arg(input).arg(adapter).arg(&path))?;
    Ok(path)
}

/// Builds an app that stands in a directory of its own, as `spin build` would.
pub(crate) fn build_app(directory: &Path) -> Result<(), String> {
    let toolchain = Toolchain::find(TARGET)?;
    say(&format!("building {}", directory.display()));
    let mut command = cargo();
    command.args(["build", "--locked", "--release", "--target", TARGET]).current_dir(directory);
    toolchain.apply(&mut command);
    run(&mut command)
}

/// Builds a package for a target. Returns the path of what it made, in target/.
fn build_package(package: &str, target: &str, name: &str) -> Result<PathBuf, String> {
    let toolchain = Toolchain::find(target)?;
    let mut command = cargo();
    command.args(["build", "--locked", "--package", package, "--lib", "--profile", "guest", "--target", target]);
    let target_dir = root().join("target/guest");
    command.arg("--target-dir").arg(&target_dir);
    toolchain.apply(&mut command);
    name_no_place(&mut command, target)?;
    run(&mut command)?;
    let built = target_dir.join(target).join(format!("guest/{}.wasm", package.replace('-', "_")));
    let path = root().join("target").join(name);
    // Written only if it changed, so that the program that includes it is not built again for nothing.
    let bytes = std::fs::read(&built).map_err(|error| format!("cannot read {}: {error}", built.display()))?;
    if std::fs::read(&path).ok().as_deref() != Some(bytes.as_slice()) {
        std::fs::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(path)
}

/// Lints the code of the components, those of the tests too, which compiles only for the target.
pub(crate) fn lint() -> Result<(), String> {
    let toolchain = Toolchain::find(TARGET)?;
    say("linting the components");
    if let Toolchain::Distribution { .. } = toolchain {
        install(&[CLIPPY_PACKAGE])?;
    }
    let mut command = cargo();
    command.args(["clippy", "--locked", "--package", "burrow", "--package", "burrow-hostile"]);
    command.args(["--package", "burrow-codec"]);
    for adapter in ADAPTERS {
        command.arg("--package").arg(format!("burrow-{adapter}"));
    }
    command.args(["--lib", "--profile", "guest", "--target", TARGET]);
    command.arg("--target-dir").arg(root().join("target/guest"));
    toolchain.apply(&mut command);
    if let Toolchain::Distribution { .. } = toolchain {
        // cargo-clippy would run the driver in its own directory; the driver must be of the compiler's release.
        command
            .env("RUSTC_WORKSPACE_WRAPPER", "/usr/bin/clippy-driver")
            .env("CLIPPY_ARGS", "-Dwarnings__CLIPPY_HACKERY__");
    } else {
        command.args(["--", "-D", "warnings"]);
    }
    run(&mut command)
}

impl Toolchain {
    /// Finds the first toolchain that works, rustup's before the distribution's, and installs it if necessary.
    /// `BURROW_GUEST_TOOLCHAIN=distribution` skips rustup's.
    fn find(target: &str) -> Result<Self, String> {
        let wanted = std::env::var("BURROW_GUEST_TOOLCHAIN").unwrap_or_default();
        if wanted != "distribution" {
            if has_target(target) {
                return Ok(Self::Rustup);
            }
            say("the compiler lacks the target; asking rustup");
            if run(Command::new("rustup").args(["target", "add", target])).is_ok() && has_target(target) {
                return Ok(Self::Rustup);
            }
        }
        say("using the distribution's compiler for the component");
        install(&PACKAGES).map_err(|error| format!("{error}; or `rustup target add {target}`"))?;
        let by_hand = format!("install Rust by rustup (https://rustup.rs) and `rustup target add {target}`");
        let sysroot = output("rustc", &["--print", "sysroot"]).ok_or_else(|| by_hand.clone())?;
        let host = output("rustc", &["--print", "host-tuple"]).ok_or_else(|| by_hand.clone())?;
        let linkers = Path::new(&sysroot).join("lib/rustlib").join(host).join("bin");
        if linkers.join("wasm-component-ld").exists() {
            Ok(Self::Distribution { linkers })
        } else {
            Err(format!("there is no wasm-component-ld in {}; {by_hand}", linkers.display()))
        }
    }

    fn apply(&self, command: &mut Command) {
        if let Self::Distribution { linkers } = self {
            let path = std::env::var("PATH").unwrap_or_default();
            command
                .env("PATH", format!("{}:{path}", linkers.display()))
                .env("RUSTC", "/usr/bin/rustc")
                // Debian's compiler is a stable release, but `-Zbuild-std` is unstable.
                .env("RUSTC_BOOTSTRAP", "1")
                .envs(["WASIP1", "WASIP2"].map(|target| {
                    let flags = "-C target-feature=+simd128 -L native=/usr/lib/wasm32-wasi";
                    (format!("CARGO_TARGET_WASM32_{target}_RUSTFLAGS"), flags)
                }))
                .arg("-Zbuild-std=std,panic_abort");
        }
    }
}

/// Keeps out of a component where its crates lie on this machine, so that every machine builds the same bytes. Panics name
/// files: those of the workspace as they are in it, and those of other crates as `crates/NAME-VERSION/...`.
fn name_no_place(command: &mut Command, target: &str) -> Result<(), String> {
    // The directories that hold the crates are there only after they were downloaded.
    run(cargo().args(["fetch", "--quiet", "--locked", "--target", target]))?;
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home =
        home.or_else(|| Some(std::env::home_dir()?.join(".cargo"))).ok_or("there is no CARGO_HOME, and no HOME")?;
    let sources = home.join("registry/src");
    let registries =
        std::fs::read_dir(&sources).map_err(|error| format!("cannot read {}: {error}", sources.display()))?;
    let flags: Vec<String> = registries
        .flatten()
        .map(|registry| format!("--remap-path-prefix={}=crates", registry.path().display()))
        .collect();
    command.arg("--config").arg(format!("target.{target}.rustflags={flags:?}"));
    Ok(())
}

/// Whether the compiler in use has a target's standard library.
pub(crate) fn has_target(target: &str) -> bool {
    output("rustc", &["--print", "target-libdir", "--target", target])
        .and_then(|directory| std::fs::read_dir(directory).ok())
        .is_some_and(|entries| {
            entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
        })
}

/// Installs the Debian packages that are not installed.
pub(crate) fn install(packages: &[&str]) -> Result<(), String> {
    let installed = |package: &str| {
        output("dpkg-query", &["--show", "--showformat=${db:Status-Status}", package]).as_deref() == Some("installed")
    };
    let missing: Vec<&str> = packages.iter().copied().filter(|package| !installed(package)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!("installing {}", missing.join(", ")));
    let apt = |args: &[&str]| run(as_root("apt-get").args(args).env("DEBIAN_FRONTEND", "noninteractive"));
    apt(&["update", "--quiet"])
        .and_then(|()| apt(&[&["install", "--quiet", "--yes", "--no-install-recommends"], missing.as_slice()].concat()))
        .map_err(|error| format!("{error}; install by hand: {}", missing.join(" ")))
}
