//! A running `burrow serve`, for tests that are other programs.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::run::root;

/// `burrow serve` over an empty store. Dropping it kills the server.
pub(crate) struct Server {
    process: Child,
    pub(crate) url: String,
    /// Kept open: the server may still write to it.
    _stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Empties `target/{name}/store` and starts a server over it. `settings` are environment variables.
    ///
    /// # Errors
    ///
    /// The store cannot be emptied, or the server does not start.
    pub(crate) fn start(burrow: &Path, name: &str, settings: &[(&str, &str)]) -> Result<Self, String> {
        let store = root().join("target").join(name).join("store");
        if store.exists() {
            fs::remove_dir_all(&store).map_err(|error| format!("cannot empty {}: {error}", store.display()))?;
        }
        let mut command = Command::new(burrow);
        command.arg("--store").arg(store).args(["serve", "--listen", "127.0.0.1:0"]).envs(settings.iter().copied());
        let mut process =
            command.stdout(Stdio::piped()).spawn().map_err(|error| format!("burrow could not be started: {error}"))?;
        let mut stdout = BufReader::new(process.stdout.take().ok_or("burrow has no standard output")?);
        let mut line = String::new();
        stdout.read_line(&mut line).map_err(|error| format!("burrow says nothing: {error}"))?;
        let url = line.trim().strip_prefix("Serving ").unwrap_or_default().to_owned();
        let server = Self { process, url, _stdout: stdout };
        if server.url.is_empty() { Err(format!("burrow does not serve: {line:?}")) } else { Ok(server) }
    }

    /// Checks that the server still runs.
    ///
    /// # Errors
    ///
    /// The server has ended by itself.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(format!("burrow ended while it was tested ({status})")),
            Err(error) => Err(format!("burrow cannot be watched: {error}")),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The server may have ended already. Nobody needs the store any more.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
