//! A `burrow serve` over a store that outlives it: one can kill it, damage the store, and start another.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::client::Client;
use super::host::burrow;

/// A process that takes longer to start or to end hangs.
const TOO_LONG: Duration = Duration::from_mins(1);

/// A process, serving or about to. Killed when dropped.
pub struct Process {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: tempfile::NamedTempFile,
    /// Where its metrics are, once it serves, if it was told to have any.
    pub metrics: Option<Client>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// `burrow serve` on any port; it may ask the test's origin.
pub fn serve(store: &Path) -> Command {
    let mut command = burrow(store);
    command.args(SERVE);
    command
}

pub const SERVE: [&str; 4] = ["--allow-private-network", "serve", "--listen", "127.0.0.1:0"];

/// Starts `burrow serve` over a store that must be fine.
pub async fn serving(store: &Path) -> (Process, Client) {
    let mut process = Process::spawn(&mut serve(store));
    match process.ready().await {
        Ok(client) => (process, client),
        Err(ended) => panic!("it does not start: {ended:?}"),
    }
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let stderr = tempfile::NamedTempFile::new().unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr.reopen().unwrap()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        Self { stdout: child.stdout.take(), child, stderr, metrics: None }
    }

    /// Waits until it serves, or has ended.
    pub async fn ready(&mut self) -> Result<Client, Ended> {
        let mut lines = BufReader::new(self.stdout.take().unwrap()).lines();
        let served = async {
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(base) = line.strip_prefix("Serving ") {
                    return Some(Client::new(base));
                }
                if let Some(url) = line.strip_prefix("Metrics ") {
                    self.metrics = Some(Client::new(url.trim_end_matches("/metrics")));
                }
            }
            None
        };
        let served = tokio::time::timeout(TOO_LONG, served).await.expect("it neither serves nor ends");
        // Somebody must go on reading, or it would break when it prints more.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        match served {
            Some(client) => Ok(client),
            None => Err(self.ended().await),
        }
    }

    /// Ends it as a power cut would.
    pub async fn kill(&mut self) -> Ended {
        // It may have ended by itself, which its code tells.
        let _ = self.child.start_kill();
        self.ended().await
    }

    /// Asks it to stop; returns how long it took, too.
    pub async fn stop(&mut self) -> (Ended, Duration) {
        let asked = Instant::now();
        self.signal("TERM").await;
        (self.ended().await, asked.elapsed())
    }

    pub async fn signal(&self, name: &str) {
        if let Some(pid) = self.child.id() {
            Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().await.unwrap();
        }
    }

    /// Waits until it has ended.
    pub async fn ended(&mut self) -> Ended {
        let status = tokio::time::timeout(TOO_LONG, self.child.wait()).await.expect("it does not end").unwrap();
        Ended { code: status.code(), stderr: self.stderr() }
    }

    /// What it wrote to standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.stderr.path()).unwrap()).into_owned()
    }
}
