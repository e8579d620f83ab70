//! Tests the directories of examples/: clients over HTTP, programs and a page with Burrow inside, and a Spin app.

mod embedded;
mod generated;
mod spin;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::component::install;
use crate::python;
use crate::run::{output, root, run, say};
use crate::server::Server;

/// Programs of the examples, and their Debian packages.
const NEEDED: [(&str, &str); 5] =
    [("curl", "curl"), ("jq", "jq"), ("node", "nodejs"), ("npm", "npm"), ("/usr/bin/chromium", "chromium")];

/// Tests every example.
pub(crate) fn test(burrow: &Path, args: &[String]) -> Result<(), String> {
    if !args.is_empty() {
        return Err("examples takes no arguments".into());
    }
    test_clients(burrow)?;
    generated::test(burrow)?;
    embedded::test()?;
    spin::test()
}

/// Serves an empty store and an origin, and has each client keep an image of the origin.
pub(crate) fn test_clients(burrow: &Path) -> Result<(), String> {
    let missing = NEEDED.iter().filter(|(program, _)| output(program, &["--version"]).is_none());
    install(&missing.map(|(_, package)| *package).collect::<Vec<_>>())?;
    let examples = root().join("examples");
    let venv = python::venv("flask", &examples.join("flask-frontend/requirements.txt"))?;
    let mut server = Server::start(burrow, "examples", &[("BURROW_ALLOW_PRIVATE_NETWORK", "true")])?;
    let origin = Origin::start()?;
    say(&format!("testing the clients in examples/ over {}", server.url));
    let urls = ["gallery.webp", "image.webp"].map(|name| format!("{}/{name}", origin.url));
    run(Command::new(examples.join("curl/keep.sh")).arg(&urls[0]).env("BURROW_URL", &server.url))?;
    let nothing = Command::new(examples.join("curl/keep.sh"))
        .arg(format!("{}/none.webp", origin.url))
        .env("BURROW_URL", &server.url)
        .output();
    if nothing.is_ok_and(|nothing| nothing.status.success()) {
        return Err("keep.sh says that it kept an image that is not there".into());
    }
    let list = root().join("target/examples/list.txt");
    fs::write(&list, urls.join("\n")).map_err(|error| format!("{}: {error}", list.display()))?;
    let mut client = Command::new(venv.join("bin/python"));
    client.arg(examples.join("python-requests/keep.py")).arg(&list);
    keeps(client, &[], urls.len(), &server.url)?;
    long_list(burrow, &list, urls.len())?;
    server.check()
}

/// Has `burrow` keep the pictures of a list, and compares those in the archive that it writes.
fn long_list(burrow: &Path, list: &Path, count: usize) -> Result<(), String> {
    let folder = empty(&root().join("target/examples/long-list"))?;
    let programs = burrow.parent().map(|parent| parent.display().to_string()).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut keep = Command::new(root().join("examples/long-list/keep.sh"));
    keep.arg(list).env("PATH", format!("{programs}:{path}")).env("BURROW_ALLOW_PRIVATE_NETWORK", "true");
    run(keep.env_remove("BURROW_STORE").current_dir(&folder))?;
    run(Command::new("tar").args(["-xf", "vault.tar"]).current_dir(&folder))?;
    are_pictures(&folder.join("content"), count)
}

/// Runs a client with a directory and these URLs as its last arguments, and compares the pictures that it wrote there.
fn keeps(mut client: Command, urls: &[String], count: usize, server: &str) -> Result<(), String> {
    let pictures = empty(&root().join("target/examples/pictures"))?;
    client.arg(&pictures).args(urls).env("BURROW_URL", server).env("PYTHONDONTWRITEBYTECODE", "1");
    run(&mut client)?;
    are_pictures(&pictures, count)
}

/// An empty directory.
fn empty(directory: &Path) -> Result<PathBuf, String> {
    let failed = |error: std::io::Error| format!("cannot empty {}: {error}", directory.display());
    if directory.exists() {
        fs::remove_dir_all(directory).map_err(failed)?;
    }
    fs::create_dir_all(directory).map_err(failed)?;
    Ok(directory.to_owned())
}

/// Checks that a directory has so many files, each of which is a picture of the origin.
fn are_pictures(directory: &Path, count: usize) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot read {}: {error}", directory.display());
    let written = contents(directory).map_err(failed)?;
    let originals = contents(&root().join("docs/screenshots")).map_err(failed)?;
    if written.len() == count && written.iter().all(|bytes| originals.contains(bytes)) {
        Ok(())
    } else {
        Err(format!("{} has {} files for {count} images, or other bytes", directory.display(), written.len()))
    }
}

/// The bytes of each file in a directory.
fn contents(directory: &Path) -> std::io::Result<Vec<Vec<u8>>> {
    fs::read_dir(directory)?.map(|entry| fs::read(entry?.path())).collect()
}

/// An origin that has the pictures of docs/screenshots. Dropping it ends it.
struct Origin {
    process: Child,
    url: String,
    /// Kept open: the origin may still write to it.
    _stdout: BufReader<ChildStdout>,
}

impl Origin {
    fn start() -> Result<Self, String> {
        let mut command = Command::new("python3");
        command
            .args(["-u", "-m", "http.server", "--bind", "127.0.0.1", "0"])
            .current_dir(root().join("docs/screenshots"));
        command.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(|error| format!("python3 could not be started: {error}"))?;
        let mut stdout = BufReader::new(process.stdout.take().ok_or("the origin has no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(|error| format!("the origin says nothing: {error}"))?;
        // Serving HTTP on 127.0.0.1 port 8000 (http://127.0.0.1:8000/) ...
        let url = line.split(['(', ')']).nth(1).unwrap_or_default().trim_end_matches('/').to_owned();
        let origin = Self { process, url, _stdout: stdout };
        if origin.url.is_empty() { Err(format!("the origin does not serve: {line:?}")) } else { Ok(origin) }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
