//! Whether the service keeps to openapi.json: schemathesis makes requests from the document and checks the answers.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::component::install;
use crate::host;
use crate::run::{root, run, say};

/// Requests made up for each operation, unless told otherwise; those of the document and of its limits come on top.
const EXAMPLES: u32 = 100;

/// Settings of the server, as tests/contract expects them. Whatever is made up, only the server itself and names that
/// never resolve are asked.
const SETTINGS: [(&str, &str); 6] = [
    ("BURROW_ALLOW_PRIVATE_NETWORK", "true"),
    ("BURROW_ALLOWED_HOSTS", "127.0.0.1 *.example *.invalid"),
    ("BURROW_LINK_KEYS", "contract:contract-link-secret"),
    ("BURROW_MAX_WAIT_SECONDS", "1"),
    ("BURROW_READ_TOKEN", "contract-read-token"),
    ("BURROW_WRITE_TOKEN", "contract-write-token"),
];

/// Builds `burrow`, serves an empty store, and runs schemathesis on it. `args` may hold `--examples N`.
pub(crate) fn test(component: &Path, args: &[String]) -> Result<(), String> {
    let examples = match args {
        [] => EXAMPLES,
        [flag, number] if flag == "--examples" => number.parse().map_err(|_| format!("{number} is not a number"))?,
        _ => return Err("contract takes --examples N, and nothing else".into()),
    };
    let burrow = host::build_for_tests(component)?;
    let venv = venv()?;
    let mut server = Server::start(&burrow)?;
    say(&format!("checking {} against openapi.json", server.url));
    let mut schemathesis = Command::new(venv.join("bin/schemathesis"));
    schemathesis
        .args(["--config-file", "tests/contract/schemathesis.toml", "run", "openapi.json", "--url", &server.url])
        .args(["--max-examples", &examples.to_string()])
        // Nothing is left beside the sources.
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("HYPOTHESIS_STORAGE_DIRECTORY", root().join("target/contract/hypothesis"))
        .current_dir(root());
    let checked = run(&mut schemathesis);
    server.check()?;
    checked
}

/// The Python environment of schemathesis, made anew if what it must hold has changed.
fn venv() -> Result<PathBuf, String> {
    let (venv, requirements) = (root().join("target/contract-venv"), root().join("tests/contract/requirements.txt"));
    let stamp = venv.join("requirements.txt");
    let wanted = fs::read(&requirements).map_err(|error| format!("cannot read {}: {error}", requirements.display()))?;
    if fs::read(&stamp).ok() == Some(wanted) {
        return Ok(venv);
    }
    say("setting up schemathesis");
    let make = || run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    if make().is_err() {
        install(&["python3-venv"])?;
        make()?;
    }
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--requirement"]);
    run(pip.arg(&requirements))?;
    fs::copy(&requirements, &stamp).map_err(|error| format!("cannot write {}: {error}", stamp.display()))?;
    Ok(venv)
}

/// A server over an empty store, which ends with this value.
struct Server {
    process: Child,
    url: String,
    /// Kept open, for the server may want to write to it.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    fn start(burrow: &Path) -> Result<Self, String> {
        let store = root().join("target/contract/store");
        if store.exists() {
            fs::remove_dir_all(&store).map_err(|error| format!("cannot empty {}: {error}", store.display()))?;
        }
        let mut command = Command::new(burrow);
        command.arg("--store").arg(store).args(["serve", "--listen", "127.0.0.1:0"]).envs(SETTINGS);
        let mut process =
            command.stdout(Stdio::piped()).spawn().map_err(|error| format!("burrow could not be started: {error}"))?;
        let mut stdout = BufReader::new(process.stdout.take().ok_or("burrow has no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(|error| format!("burrow says nothing: {error}"))?;
        let url = line.trim().strip_prefix("Serving ").unwrap_or_default().to_owned();
        let server = Self { process, url, _stdout: stdout };
        if server.url.is_empty() { Err(format!("burrow does not serve: {line:?}")) } else { Ok(server) }
    }

    /// Complains if it has ended by itself.
    fn check(&mut self) -> Result<(), String> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("burrow ended while it was tested ({status})")),
            Err(error) => Err(format!("burrow cannot be watched: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may be gone already; its store is thrown away.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
