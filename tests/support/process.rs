//! A `burrow serve` whose store outlives it, so that a test can kill it and start another.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdout, Command};

use super::client::Client;
use super::host::burrow;

/// A process that takes longer to start or to end counts as hanging.
const TOO_LONG: Duration = Duration::from_mins(1);

/// A process that serves or is about to. Dropping it kills it.
pub struct Process {
    child: Child,
    stdout: Option<ChildStdout>,
    stderr: tempfile::NamedTempFile,
    /// A client of its metrics, if it serves and has `--metrics`.
    pub metrics: Option<Client>,
}

/// How a process ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, or `None` if a signal ended the process.
    pub code: Option<i32>,
    /// The whole standard error.
    pub stderr: String,
}

/// `burrow serve` on any free port, with private addresses allowed for the test's origin.
pub fn serve(store: &Path) -> Command {
    let mut command = burrow(store);
    command.args(SERVE);
    command
}

pub const SERVE: [&str; 4] = ["--allow-private-network", "serve", "--listen", "127.0.0.1:0"];

/// Starts `burrow serve` over this store. Panics if it does not start.
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

    /// Waits until the process serves.
    ///
    /// # Errors
    ///
    /// The process has ended.
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
        // Somebody must go on reading: a closed pipe would end the process when it prints more.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        match served {
            Some(client) => Ok(client),
            None => Err(self.ended().await),
        }
    }

    /// The most memory that it has had, in bytes.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Kills the process, so that it cannot finish anything.
    pub async fn kill(&mut self) -> Ended {
        // The process may have ended by itself; its exit code then says so.
        let _ = self.child.start_kill();
        self.ended().await
    }

    /// Asks the process to stop; returns how it ended, and after which time.
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

    /// Waits until the process has ended.
    pub async fn ended(&mut self) -> Ended {
        let status = tokio::time::timeout(TOO_LONG, self.child.wait()).await.expect("it does not end").unwrap();
        Ended { code: status.code(), stderr: self.stderr() }
    }

    /// Standard error so far.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(self.stderr.path()).unwrap()).into_owned()
    }
}
