//! Tries everything in target/dist: starts each program, gives it an image, and compares what it gives back.

mod container;
mod debian;
mod registry;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::install;
use crate::python;
use crate::run::{as_root, output, root, run, say};
use crate::server::Server;

/// Programs that the trials run, and their Debian packages.
const NEEDED: [(&str, &str); 6] = [
    ("curl", "curl"),
    ("docker-registry", "docker-registry"),
    ("podman", "podman"),
    ("runc", "runc"),
    ("skopeo", "skopeo"),
    ("systemd-analyze", "systemd"),
];

/// The image that each program is given.
const PICTURE: &str = "docs/screenshots/image.webp";

/// Tries everything that was made in `made`. Needs root, to run systemd in a container.
///
/// # Errors
///
/// Something that was made does not do what it is for.
pub(crate) fn run_all(made: &Path) -> Result<(), String> {
    let missing = NEEDED.iter().filter(|(program, _)| output("which", &[program]).is_none());
    install(&missing.map(|(_, package)| *package).collect::<Vec<_>>())?;
    say("comparing checksums");
    run(Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(made))?;
    archive(made)?;
    debian::test(made)?;
    container::test(made)?;
    registry::test(made)?;
    spin(made)?;
    documents(made)
}

/// The archive: the program runs where nothing is installed, and has the component that is released.
fn archive(made: &Path) -> Result<(), String> {
    say("trying the archive");
    let directory = unpack(made, "-x86_64-linux.tar.gz", "archive")?;
    let burrow = directory.join("burrow");
    let linked = output("readelf", &["--dynamic", &burrow.to_string_lossy()]).unwrap_or_default();
    if linked.contains("NEEDED") {
        return Err(format!("burrow is not static:\n{linked}"));
    }
    has_released_component(&mut Command::new(&burrow), made)?;
    for file in ["LICENSE", "man/man1/burrow.1", "completions/_burrow", "systemd/burrow.service"] {
        fs::metadata(directory.join(file)).map_err(|error| format!("{file} is not in the archive: {error}"))?;
    }
    let server = Server::start(&burrow, "trial/served", &[])?;
    keeps_an_image(&[], &server.url)
}

/// The Spin app, if `BURROW_SPIN` names a spin.
fn spin(made: &Path) -> Result<(), String> {
    let Some(spin) = std::env::var_os("BURROW_SPIN") else {
        say("not tried: the Spin app, because BURROW_SPIN names no spin");
        return Ok(());
    };
    say("trying the Spin app");
    let directory = unpack(made, "-spin.tar.gz", "spin")?;
    let address = format!("127.0.0.1:{}", free_port()?);
    let mut up = Command::new(spin);
    up.args(["up", "--runtime-config-file", "runtime-config.toml", "--listen", &address]).current_dir(directory);
    let mut process = up.spawn().map_err(|error| format!("spin could not be started: {error}"))?;
    let kept = keeps_an_image(&[], &format!("http://{address}"));
    // It may have ended already.
    let _ = process.kill();
    let _ = process.wait();
    kept
}

/// The list of what is built in, against the schema of `CycloneDX`; the manifests for Kubernetes, against its API's.
fn documents(made: &Path) -> Result<(), String> {
    let venv = python::venv("trial", &root().join("xtask/requirements/trial.txt"))?;
    say("checking the list of what is built in");
    let script = "import sys; from cyclonedx.validation.json import JsonStrictValidator as V; \
                  from cyclonedx.schema import SchemaVersion as S; \
                  sys.exit(V(S.V1_6).validate_str(open(sys.argv[1]).read()))";
    run(Command::new(venv.join("bin/python")).args(["-c", script]).arg(find(made, ".cdx.json")?))?;
    say("checking the manifests for Kubernetes");
    let kubernetes = root().join("deploy/kubernetes");
    let entries =
        fs::read_dir(&kubernetes).map_err(|error| format!("cannot read {}: {error}", kubernetes.display()))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort_unstable();
    run(Command::new(venv.join("bin/kubernetes-validate")).arg("--strict").args(files))
}

/// Adds an image over HTTP and reads it: once `url` answers, and within a minute. `runner` is what curl is run with, if that
/// is to happen elsewhere.
fn keeps_an_image(runner: &[&str], url: &str) -> Result<(), String> {
    let picture = root().join(PICTURE);
    let curl = |args: &[&str]| curl(runner, args);
    curl(&["--retry", "60", "--retry-delay", "1", "--retry-all-errors", &format!("{url}/healthz")])?;
    let body = format!("@{}", picture.display());
    let images = format!("{url}/images?name=trial.webp");
    curl(&["--header", "content-type: image/webp", "--data-binary", &body, &images])?;
    gives_the_image(runner, url)
}

/// Reads the image that [`keeps_an_image`] added, compares every byte, and finds it on the page.
fn gives_the_image(runner: &[&str], url: &str) -> Result<(), String> {
    let picture = root().join(PICTURE);
    let curl = |args: &[&str]| curl(runner, args);
    let original = fs::read(&picture).map_err(|error| format!("cannot read {}: {error}", picture.display()))?;
    let given = curl(&["--retry", "60", "--retry-all-errors", &format!("{url}/images/by-name/trial.webp/content")])?;
    if given != original {
        return Err(format!("{url} gave back {} other bytes than the {} of {PICTURE}", given.len(), original.len()));
    }
    let page = curl(&["--header", "accept: text/html", &format!("{url}/")])?;
    if !String::from_utf8_lossy(&page).contains("trial.webp") {
        return Err(format!("{url}/ does not show the image"));
    }
    println!("  {url} gave back the {} bytes that it was given, and shows them", original.len());
    Ok(())
}

fn curl(runner: &[&str], args: &[&str]) -> Result<Vec<u8>, String> {
    let mut curl = match runner.split_first() {
        None => Command::new("curl"),
        Some((program, rest)) => {
            let mut command = as_root(program);
            command.args(rest).arg("curl");
            command
        }
    };
    curl.args(["--fail-with-body", "--silent", "--show-error", "--max-time", "60"]).args(args);
    let answer = curl.output().map_err(|error| format!("curl could not be started: {error}"))?;
    if answer.status.success() {
        Ok(answer.stdout)
    } else {
        let (out, err) = (String::from_utf8_lossy(&answer.stdout), String::from_utf8_lossy(&answer.stderr));
        Err(format!("curl {} failed: {out}{err}", args.join(" ")))
    }
}

/// Checks that what `burrow` runs has the component of the release built in.
fn has_released_component(burrow: &mut Command, made: &Path) -> Result<(), String> {
    let sums =
        fs::read_to_string(made.join("SHA256SUMS")).map_err(|error| format!("cannot read SHA256SUMS: {error}"))?;
    let line = sums.lines().find(|line| line.ends_with("  burrow.wasm")).ok_or("SHA256SUMS lacks burrow.wasm")?;
    let digest = line.split(' ').next().unwrap_or_default();
    let version = burrow.arg("version").output().map_err(|error| format!("burrow could not be started: {error}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    if version.contains(digest) {
        Ok(())
    } else {
        Err(format!("burrow has another component than {digest}:\n{version}"))
    }
}

/// The file in `made` whose name ends so.
fn find(made: &Path, ending: &str) -> Result<PathBuf, String> {
    let entries = fs::read_dir(made).map_err(|error| format!("cannot read {}: {error}", made.display()))?;
    let mut files = entries.flatten().map(|entry| entry.path());
    files
        .find(|path| path.to_string_lossy().ends_with(ending))
        .ok_or(format!("nothing was made that ends with {ending}"))
}

/// Unpacks the archive whose name ends so. Returns the one directory in it.
fn unpack(made: &Path, ending: &str, name: &str) -> Result<PathBuf, String> {
    let directory = emptied(name)?;
    run(Command::new("tar")
        .arg("--extract")
        .arg("--file")
        .arg(find(made, ending)?)
        .arg("--directory")
        .arg(&directory))?;
    find(&directory, "")
}

/// The directory `target/trial/{name}`, empty.
fn emptied(name: &str) -> Result<PathBuf, String> {
    let directory = root().join("target/trial").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).map_err(|error| format!("cannot empty {}: {error}", directory.display()))?;
    }
    fs::create_dir_all(&directory).map_err(|error| format!("cannot make {}: {error}", directory.display()))?;
    Ok(directory)
}

/// A port of 127.0.0.1 that nobody listens on now.
fn free_port() -> Result<u16, String> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    listener.map(|address| address.port()).map_err(|error| format!("there is no free port: {error}"))
}
