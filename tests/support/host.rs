//! Starts Burrow for a test: on the native host, on Spin, or on `wasmtime serve`.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use super::bucket::Bucket;
use super::client::Client;
use super::images::repository;

/// What runs the component.
#[derive(Clone, Debug)]
pub enum Host {
    Native,
    /// The native host with its larger contents in a bucket.
    WithBucket,
    /// The spin binary that `BURROW_SPIN` names.
    Spin(PathBuf),
    /// The same, with the shipped `runtime-config.toml`.
    SpinConfigured(PathBuf),
    /// The wasmtime binary that `BURROW_WASMTIME` names, with the adapter `filesystem`.
    Wasmtime(PathBuf),
}

/// What `wasmtime serve` needs to run the component: docs/deploy.md has the same line.
const WASMTIME_FLAGS: [&str; 6] =
    ["-W", "component-model-async", "-S", "cli,p3", "--max-instance-concurrent-reuse-count", "1"];

/// The program that this variable names, if it is set.
///
/// # Panics
///
/// If the variable names no file: its tests would all fail for a reason that they cannot tell.
fn program_in(variable: &str) -> Option<PathBuf> {
    let path = PathBuf::from(std::env::var_os(variable)?);
    assert!(path.is_file(), "{variable} is {}, which is no file: name a program, or unset it", path.display());
    Some(path)
}

/// A running Burrow with its own store. Dropping it kills it.
pub struct Burrow {
    pub client: Client,
    host: Host,
    settings: Vec<(&'static str, String)>,
    directory: tempfile::TempDir,
    bucket: Option<Bucket>,
    child: Child,
}

impl Host {
    /// Spin, if `BURROW_SPIN` names it.
    pub fn spin() -> Option<Self> {
        program_in("BURROW_SPIN").map(Self::Spin)
    }

    /// `wasmtime serve`, if `BURROW_WASMTIME` names a wasmtime.
    pub fn wasmtime() -> Option<Self> {
        program_in("BURROW_WASMTIME").map(Self::Wasmtime)
    }

    /// This Spin, with the shipped runtime config.
    pub fn configured(&self) -> Self {
        match self {
            Self::Spin(spin) => Self::SpinConfigured(spin.clone()),
            other => other.clone(),
        }
    }

    fn is_spin(&self) -> bool {
        matches!(self, Self::Spin(_) | Self::SpinConfigured(_))
    }

    /// Starts Burrow with an empty store. Private addresses are allowed, because the test's origin has one.
    pub async fn start(&self) -> Burrow {
        self.start_with(&[]).await
    }

    /// As [`Self::start`], with these settings.
    pub async fn start_with(&self, settings: &[(&'static str, &str)]) -> Burrow {
        let directory = tempfile::tempdir().unwrap();
        let settings: Vec<_> = settings.iter().map(|&(name, value)| (name, value.to_owned())).collect();
        let bucket = if matches!(self, Self::WithBucket) { Some(Bucket::start().await) } else { None };
        let (child, client) = self.launch(directory.path(), bucket.as_ref(), &settings).await;
        Burrow { client, host: self.clone(), settings, directory, bucket, child }
    }

    async fn launch(
        &self,
        directory: &Path,
        bucket: Option<&Bucket>,
        settings: &[(&'static str, String)],
    ) -> (Child, Client) {
        let mut command = match self {
            Self::Native | Self::WithBucket => {
                let mut command = burrow(directory);
                if let Some(bucket) = bucket {
                    bucket.used_by(&mut command);
                }
                command.args(["--allow-private-network", "serve", "--listen", "127.0.0.1:0"]);
                // Tests compare what is stored, and repack when they want to.
                command.env("BURROW_REPACK", "never");
                for (name, value) in settings {
                    command.env(format!("BURROW_{}", name.to_ascii_uppercase()), value);
                }
                command
            }
            Self::Spin(spin) | Self::SpinConfigured(spin) => {
                let mut command = Command::new(spin);
                command.arg("up").arg("--from").arg(repository().join("spin.toml"));
                command.args(["--listen", "127.0.0.1:0", "--variable", "allow_private_network=true", "--state-dir"]);
                command.arg(directory);
                if matches!(self, Self::SpinConfigured(_)) {
                    // The file names the store by a path beside it.
                    let config = directory.join("runtime-config.toml");
                    std::fs::copy(repository().join("runtime-config.toml"), &config).unwrap();
                    command.arg("--runtime-config-file").arg(config);
                }
                for (name, value) in settings {
                    command.arg("--variable").arg(format!("{name}={value}"));
                }
                command
            }
            Self::Wasmtime(wasmtime) => {
                let composed = repository().join("target/burrow-filesystem.wasm");
                assert!(composed.exists(), "run `cargo xtask compose` first");
                let mut command = Command::new(wasmtime);
                command.arg("serve").args(WASMTIME_FLAGS).args(["--addr", "127.0.0.1:0", "--dir"]);
                command.arg(format!("{}::/store", directory.display()));
                command.args(["--env", "BURROW_ALLOW_PRIVATE_NETWORK=true"]);
                for (name, value) in settings {
                    command.arg("--env").arg(format!("BURROW_{}={value}", name.to_ascii_uppercase()));
                }
                command.arg(composed);
                command
            }
        };
        command.kill_on_drop(true);
        if matches!(self, Self::Wasmtime(_)) {
            // It says on its standard error where it serves.
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
            let stderr = child.stderr.take().unwrap();
            return (child, Client::new(&announced(stderr, "Serving HTTP on ", tokio::io::stderr()).await));
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        (child, Client::new(&announced(stdout, "Serving ", tokio::io::sink()).await))
    }
}

/// Waits until a server says where it serves, behind these words. What it prints later goes elsewhere: a full or closed
/// pipe would block or end the server.
pub async fn announced(
    output: impl AsyncRead + Unpin + Send + 'static,
    words: &str,
    mut elsewhere: impl AsyncWrite + Unpin + Send + 'static,
) -> String {
    let mut lines = BufReader::new(output).lines();
    let base = loop {
        let line = lines.next_line().await.unwrap().expect("it stopped before it was ready");
        if let Some(base) = line.strip_prefix(words) {
            break base.trim_end_matches('/').to_owned();
        }
        elsewhere.write_all(format!("{line}\n").as_bytes()).await.unwrap();
    };
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            let _ = elsewhere.write_all(format!("{line}\n").as_bytes()).await;
        }
    });
    base
}

impl Burrow {
    /// Kills the native host, so that it cannot finish anything, or asks Spin to stop. Then starts Burrow again over
    /// the same store.
    pub async fn kill_and_restart(&mut self) {
        if self.host.is_spin() {
            // Spin runs the application in a child process, which would survive a killed Spin.
            self.signal("INT").await;
        } else {
            self.child.kill().await.unwrap();
        }
        self.start_again().await;
    }

    /// Starts Burrow over the same store, after it has stopped.
    pub async fn start_again(&mut self) {
        (self.child, self.client) = self.host.launch(self.directory.path(), self.bucket.as_ref(), &self.settings).await;
    }

    /// Asks Burrow to stop, waits until it has, and returns its exit code.
    pub async fn stop(&mut self) -> Option<i32> {
        self.signal(if self.host.is_spin() { "INT" } else { "TERM" }).await;
        self.child.wait().await.unwrap().code()
    }

    async fn signal(&mut self, name: &str) {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &pid]).status().await.unwrap().success());
        self.child.wait().await.unwrap();
    }

    /// The bucket with its larger contents; only [`Host::WithBucket`] has one.
    pub fn bucket(&self) -> &Bucket {
        self.bucket.as_ref().unwrap()
    }

    /// The directory of its store.
    pub fn store(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Burrow {
    fn drop(&mut self) {
        if self.host.is_spin() {
            end_spin(&mut self.child);
        }
    }
}

/// A Spin app. Dropping it ends it.
pub struct App(pub Child);

impl Drop for App {
    fn drop(&mut self) {
        end_spin(&mut self.0);
    }
}

/// Spin runs the application in a child process. Spin ends it only if it is asked to stop, not if it is killed.
fn end_spin(spin: &mut Child) {
    let Some(pid) = spin.id() else { return };
    let asked = std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status();
    while asked.as_ref().is_ok_and(std::process::ExitStatus::success) && matches!(spin.try_wait(), Ok(None)) {
        std::thread::yield_now();
    }
}

/// The `burrow` program over the store in this directory, without the configuration of the user who runs the tests.
pub fn burrow(store: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_burrow"));
    unconfigured(&mut command).arg("--store").arg(store);
    command
}

/// Removes from a command's environment the variables that configure Burrow, or describe the terminal or the network.
pub fn unconfigured(command: &mut Command) -> &mut Command {
    const ELSEWHERE: [&str; 22] = [
        "ALL_PROXY",
        "CI",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLORTERM",
        "HTTPS_PROXY",
        "HTTP_PROXY",
        "KITTY_WINDOW_ID",
        "KONSOLE_VERSION",
        "LC_TERMINAL",
        "NO_COLOR",
        "RUST_LOG",
        "STY",
        "TERM",
        "TERM_PROGRAM",
        "TMUX",
        "WEZTERM_EXECUTABLE",
        "WT_SESSION",
        "ZELLIJ",
        "all_proxy",
        "http_proxy",
        "https_proxy",
    ];
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for name in names.filter(|name| {
        ["AWS_", "BURROW_", "OTEL_"].iter().any(|prefix| name.starts_with(prefix)) || ELSEWHERE.contains(&name.as_str())
    }) {
        command.env_remove(name);
    }
    command.env("BURROW_CONFIG", "/dev/null")
}
