//! Measures Burrow beside its peers: sets up the peers, and runs the package bench/.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::component::install;
use crate::python;
use crate::run::{output, root, run, say};

/// Programs that the bench runs, and their Debian packages.
const NEEDED: [(&str, &str); 3] = [("go", "golang-go"), ("/usr/sbin/nginx", "nginx-light"), ("wrk", "wrk")];

/// What the Go peer imports, as Debian packages that install it where [`GO_PATH`] says.
const GO_PACKAGES: [&str; 2] = ["golang-github-labstack-echo-dev", "golang-github-coreos-bbolt-dev"];
const GO_PATH: &str = "/usr/share/gocode";

/// Sets up all that is measured beside this `burrow`, and measures it. Needs Linux with Debian's or Ubuntu's packages.
///
/// # Errors
///
/// Something cannot be installed or built, or a measure fails.
pub(crate) fn run_all(burrow: &Path, args: &[String]) -> Result<(), String> {
    let missing = NEEDED.iter().filter(|(program, _)| output("which", &[program]).is_none());
    let missing = missing.map(|(_, package)| *package);
    install(&missing.chain(GO_PACKAGES).collect::<Vec<_>>())?;
    let go = build_go_peer()?;
    let python = python::venv("flask", &root().join("examples/flask-frontend/requirements.txt"))?.join("bin/python");
    say("measuring");
    let mut bench = Command::new(burrow.with_file_name("bench"));
    bench.arg("--burrow").arg(burrow).arg("--go").arg(go).arg("--python").arg(python);
    bench.arg("--directory").arg(root().join("target/bench")).arg("--bench").arg(root().join("bench"));
    run(bench.args(args))
}

/// Builds the Go peer without modules, from the packages of the distribution.
fn build_go_peer() -> Result<PathBuf, String> {
    say("building the Go peer");
    let peer = root().join("target/go-peer");
    let mut go = Command::new("go");
    go.args(["build", "-o"]).arg(&peer).arg(".").current_dir(root().join("bench/peers/go"));
    run(go.env("GO111MODULE", "off").env("GOPATH", GO_PATH).env("GOFLAGS", ""))?;
    Ok(peer)
}
