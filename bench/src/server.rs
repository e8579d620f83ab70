//! The servers that are measured: how each is started, fed and asked.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use hyper::StatusCode;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::client::Client;
use crate::program::{Program, Usage};

/// A kind of server, in the order of the table's columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// `burrow serve` over an embedded store.
    Burrow,
    /// The same component on Spin, over its SQLite file.
    Spin,
    /// The first design: `peers/go`.
    Go,
    /// What came before it: `peers/flask`.
    Flask,
    /// nginx over the files.
    Nginx,
    /// Burrow's core in this process, without a sandbox: no server.
    Native,
}

/// The programs that are measured.
#[derive(Debug, Args)]
pub(crate) struct Programs {
    /// Another `burrow` than the one of this checkout
    #[arg(long, value_name = "FILE")]
    pub(crate) burrow: PathBuf,
    /// Another component than the one inside `burrow`
    #[arg(long, value_name = "FILE")]
    pub(crate) component: Option<PathBuf>,
    /// Spin 4.1 or newer, which runs target/burrow.wasm
    #[arg(long, value_name = "FILE", env = "BURROW_SPIN")]
    pub(crate) spin: Option<PathBuf>,
    /// The Go peer
    #[arg(long, hide = true)]
    pub(crate) go: PathBuf,
    /// A Python with what the Flask peer imports
    #[arg(long, hide = true)]
    pub(crate) python: PathBuf,
}

/// A running server with a directory of its own. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) target: Target,
    pub(crate) client: Client,
    pub(crate) directory: PathBuf,
    program: Program,
}

/// How to start a server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) target: Target,
    /// Where it has its state. It need not exist.
    pub(crate) directory: &'a Path,
    /// Where the native host keeps the compiled component.
    pub(crate) cache: &'a Path,
    /// Further flags of `burrow serve`.
    pub(crate) flags: &'a [&'a str],
}

impl Target {
    /// The column's heading.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Burrow => "Burrow",
            Self::Spin => "Burrow on Spin",
            Self::Go => "Go peer",
            Self::Flask => "Flask peer",
            Self::Nginx => "nginx",
            Self::Native => "native core",
        }
    }

    /// The path of the counts of images.
    pub(crate) fn stats(self) -> &'static str {
        match self {
            Self::Burrow | Self::Spin => "/stats",
            _ => "/basic_stats",
        }
    }

    /// A path that answers as soon as the server serves.
    fn ready(self) -> &'static str {
        match self {
            Self::Burrow | Self::Spin => "/healthz",
            Self::Nginx => "/",
            _ => self.stats(),
        }
    }
}

impl Programs {
    /// The targets to which images can be uploaded.
    pub(crate) fn uploading(&self) -> Vec<Target> {
        let spin = self.spin.as_ref().map(|_| Target::Spin);
        [Some(Target::Burrow), spin, Some(Target::Go), Some(Target::Flask)].into_iter().flatten().collect()
    }

    /// `burrow` over this store, without the configuration of the user.
    pub(crate) fn burrow(&self, store: &Path, cache: &Path) -> Command {
        let mut command = Command::new(&self.burrow);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("BURROW_") {
                command.env_remove(name);
            }
        }
        command.env("BURROW_CONFIG", "/dev/null").env("XDG_CACHE_HOME", cache);
        if let Some(component) = &self.component {
            command.arg("--component").arg(component);
        }
        command.arg("--store").arg(store).args(["--allow-private-network", "--max-image-bytes", "1000000000"]);
        command
    }

    fn command(&self, launch: Launch<'_>, home: &Path, address: &str) -> Result<Command> {
        let Launch { target, directory, cache, flags } = launch;
        Ok(match target {
            Target::Burrow => {
                let mut command = self.burrow(directory, cache);
                command.args(["serve", "--listen", address]).args(flags);
                command
            }
            Target::Spin => {
                let mut command = Command::new(self.spin.as_ref().context("BURROW_SPIN is not set")?);
                command.arg("up").arg("--from").arg(home.join("../spin.toml")).args(["--listen", address, "--quiet"]);
                for setting in ["allow_private_network=true", "max_image_bytes=1000000000"] {
                    command.args(["--variable", setting]);
                }
                command.arg("--state-dir").arg(directory);
                command
            }
            Target::Go => {
                let mut command = Command::new(&self.go);
                command.arg(address).arg(directory);
                command
            }
            Target::Flask => {
                let (host, port) = address.split_once(':').context("an address has a port")?;
                let mut command = Command::new(&self.python);
                command.arg(home.join("peers/flask/app.py")).args([host, port]).arg(directory);
                command
            }
            Target::Nginx => {
                let file = directory.join("nginx.conf");
                std::fs::write(&file, nginx_conf(address, directory))?;
                let mut command = Command::new(nginx());
                command.arg("-c").arg(file).arg("-p").arg(directory).args(["-e", "stderr"]);
                command
            }
            Target::Native => bail!("the native core is no server"),
        })
    }
}

/// Debian installs nginx where only root looks for programs.
pub(crate) fn nginx() -> &'static str {
    if Path::new("/usr/sbin/nginx").exists() { "/usr/sbin/nginx" } else { "nginx" }
}

/// nginx as it serves files fastest: a worker a core, `sendfile`, packed forms from files beside the originals.
fn nginx_conf(address: &str, directory: &Path) -> String {
    let directory = directory.display();
    format!(
        "daemon off;\npid {directory}/nginx.pid;\nworker_processes auto;\nevents {{ worker_connections 1024; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush on;\n  gzip_static on;\n  open_file_cache max=1000;\n  \
         types {{ image/jpeg jpeg; image/png png; image/bmp bmp; }}\n  client_body_temp_path {directory}/temp;\n  \
         server {{ listen {address}; root {directory}/files; location = / {{ return 200; }} }}\n}}\n"
    )
}

impl Server {
    /// Starts a server and waits until it answers. Returns the time until its first answer, too.
    pub(crate) async fn start(programs: &Programs, home: &Path, launch: Launch<'_>) -> Result<(Self, Duration)> {
        const TOO_LONG: Duration = Duration::from_mins(2);
        let Launch { target, directory, .. } = launch;
        std::fs::create_dir_all(directory)?;
        // Nobody else gets this port at once: the kernel goes through the free ones.
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let log = directory.with_extension("log");
        let begun = Instant::now();
        let mut program = Program::start(&mut programs.command(launch, home, &address)?, &log)?;
        let client = Client::new(&address);
        while client.get(target.ready()).await.is_err() {
            if program.has_ended() || begun.elapsed() > TOO_LONG {
                let said = std::fs::read_to_string(&log).unwrap_or_default();
                bail!("{} does not serve: {}", target.name(), said.trim());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok((Self { target, client, directory: directory.to_owned(), program }, begun.elapsed()))
    }

    /// Adds an image by its URL. Every target has this route of the first design.
    pub(crate) async fn upload(&self, name: &str, url: &str) -> Result<()> {
        let wanted = json!({ "url": url, "name": name, "tags": ["bench"] });
        self.client.post("/upload", &wanted).await?;
        Ok(())
    }

    /// How many images are stored. Each image that failed is an error.
    pub(crate) async fn stored(&self) -> Result<u64> {
        let stats = self.client.json(self.target.stats()).await?;
        let count = |name: &str| stats.get(name).and_then(Value::as_u64).unwrap_or_default();
        ensure!(count("failed") == 0, "{} images failed at {}", count("failed"), self.target.name());
        Ok(match self.target {
            Target::Burrow | Target::Spin => count("images"),
            _ => count("num_images"),
        })
    }

    /// The bytes that are stored of all images, packed, if the target tells.
    pub(crate) async fn packed(&self) -> Result<Option<u64>> {
        let stats = self.client.json(self.target.stats()).await?;
        Ok(match self.target {
            Target::Burrow | Target::Spin => stats.get("stored_bytes").and_then(Value::as_u64),
            _ => {
                let images = stats.get("images").and_then(Value::as_array);
                images.and_then(|images| images.iter().map(|image| image.get("packed")?.as_u64()).sum())
            }
        })
    }

    /// The path of the bytes of an image that is counted as stored.
    pub(crate) async fn content(&self, name: &str) -> Result<String> {
        Ok(match self.target {
            Target::Burrow | Target::Spin => {
                let path = format!("/images/by-name/{name}");
                let mut reply = self.client.try_get(&path, &[]).await?;
                // The counts are raised a moment before the image is ready.
                let counted = Instant::now();
                while reply.status == StatusCode::NOT_FOUND && counted.elapsed() < Duration::from_secs(10) {
                    reply = self.client.try_get(&path, &[]).await?;
                }
                let image: Value = serde_json::from_slice(&reply.body)?;
                image.get("content").and_then(Value::as_str).with_context(|| format!("no {path}: {image}"))?.to_owned()
            }
            Target::Nginx => format!("/{name}"),
            _ => format!("/image/{name}"),
        })
    }

    /// What the server has used until now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        self.program.usage()
    }

    /// Asks the server to stop, waits until it has, and returns its directory.
    pub(crate) async fn stop(self) -> Result<PathBuf> {
        self.program.stop().await?;
        Ok(self.directory)
    }
}
