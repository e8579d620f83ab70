//! Global flags, and opening the store and the component for a verb.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use burrow_host::kv::{Bucket, KeyValue, Location, SocketServer};
use burrow_host::{Builder, Burrow, COMPONENT, Proxy, Variables};
use clap::{Args, ColorChoice};

use crate::logs::Logs;
use crate::output;
use crate::settings::SettingFlags;

/// How long to wait for a store that another verb has open.
const PATIENCE: Duration = Duration::from_secs(10);

/// Pause between two attempts to open it.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// Flags of every verb.
#[derive(Debug, Args)]
pub(crate) struct Global {
    #[arg(long, global = true, env = "BURROW_STORE", default_value = "burrow-data", value_name = "STORE")]
    #[arg(hide_env_values = true)]
    #[arg(help = "Where images are kept: a directory, made if it is not there; redis://HOST[:PORT][/DATABASE]; \
                  spin:PATH, a Spin app's directory or the file of its store; files:PATH, the directory of \
                  a host that has only WASI; or memory:")]
    store: Location,

    #[arg(long, global = true, env = "BURROW_BLOBS", value_name = "BUCKET", hide_short_help = true)]
    #[arg(help = "Keep the larger contents in a bucket, s3://NAME[/PREFIX], beside a directory or a Redis; \
                  AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY say how to reach it")]
    blobs: Option<Bucket>,

    #[command(flatten)]
    pub(crate) component: Component,

    #[arg(help = "Read values of flags from this file [default: burrow/config.toml in $XDG_CONFIG_HOME or ~/.config]")]
    #[arg(long, global = true, env = "BURROW_CONFIG", value_name = "FILE", hide_env_values = true)]
    config: Option<PathBuf>,

    /// Use colours.
    #[arg(long, global = true, env = "BURROW_COLOR", value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,

    /// Images packed at once [default: the number of cores].
    #[arg(long, global = true, env = "BURROW_JOBS", value_name = "COUNT", value_parser = up_to(Builder::MAX_JOBS))]
    jobs: Option<NonZeroUsize>,

    /// Requests to one origin at once.
    #[arg(long, global = true, env = "BURROW_PER_ORIGIN", value_name = "COUNT", default_value = "8")]
    #[arg(hide_short_help = true, value_parser = up_to(Builder::MAX_PER_ORIGIN))]
    per_origin: NonZeroUsize,

    /// Accept certificates of origins also from the authorities in this file (PEM), besides Mozilla's.
    #[arg(long, global = true, env = "BURROW_CA_CERTIFICATES", value_name = "FILE", hide_short_help = true)]
    ca_certificates: Option<PathBuf>,

    /// Reach origins through this HTTP proxy, which must then refuse private addresses.
    #[arg(long, global = true, env = "BURROW_OUTBOUND_PROXY", value_name = "URL", hide_short_help = true)]
    #[arg(hide_env_values = true)]
    outbound_proxy: Option<Proxy>,

    #[command(flatten)]
    pub(crate) logs: Logs,

    #[command(flatten)]
    settings: SettingFlags,
}

/// Parser of a number from 1 to `max`.
fn up_to(max: NonZeroUsize) -> impl Fn(&str) -> Result<NonZeroUsize, String> + Clone {
    move |text| {
        let number = text.parse().ok().filter(|number| *number <= max);
        number.ok_or_else(|| format!("it must be 1 to {max}"))
    }
}

/// How a verb uses the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Holds the store for the whole run and must be the process that opens it. Others connect through its socket.
    Alone,
    /// Holds the store for the whole run, and makes it if it does not exist. Connects to the process that has it open, if
    /// there is one; else others connect to this one.
    Filling,
    /// The same for a store that exists.
    Long,
    /// Holds the store for a moment, and lets nobody in; it must exist. Connects to the process that has it open, if there
    /// is one.
    Short,
}

/// Who has a store open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holder {
    /// This process, and no other process can open it.
    Alone,
    /// This process, and others may have it open, too.
    Shared,
    /// Another process, through whose socket this one uses it.
    Other,
}

/// An open store.
pub(crate) struct Opened {
    pub(crate) burrow: Burrow,
    /// When this process began to open it, and to read the component's file.
    pub(crate) since: SystemTime,
    /// Who has the store open.
    pub(crate) holder: Holder,
    /// The component's file, or `None` if the component is built in.
    pub(crate) component: Option<PathBuf>,
    /// Whether changes over HTTP need a token.
    pub(crate) needs_token: bool,
    /// Whether origins are reached through a proxy.
    pub(crate) uses_proxy: bool,
    /// The store's name, the same from wherever this program is started.
    pub(crate) store: String,
    /// Lets other processes use the store, until it is dropped.
    _server: Option<SocketServer>,
}

impl Global {
    pub(crate) async fn open(&self, access: Access) -> anyhow::Result<Opened> {
        if matches!(access, Access::Long | Access::Short) && self.store.is_missing() {
            anyhow::bail!("there is no store at {}; add, import and serve make one", self.store);
        }
        let since = SystemTime::now();
        let (kv, generation, uses_socket) = self.kv(access).await?;
        let serves_others = !uses_socket && access != Access::Short;
        let server = generation.filter(|_| serves_others).and_then(|generation| self.listen(&kv, generation));
        let mut builder = self.builder(self.settings.variables())?;
        if let Some(generation) = generation {
            builder = builder.generation(generation);
        }
        Ok(Opened {
            burrow: builder.build(kv)?,
            since,
            holder: match (uses_socket, self.store.is_exclusive()) {
                (true, _) => Holder::Other,
                (false, true) => Holder::Alone,
                (false, false) => Holder::Shared,
            },
            component: self.component.path.clone(),
            needs_token: self.settings.needs_token(),
            uses_proxy: self.outbound_proxy.is_some(),
            store: match &self.store {
                Location::Directory(path) => {
                    std::path::absolute(path).unwrap_or_else(|_| path.clone()).display().to_string()
                }
                other => other.to_string(),
            },
            _server: server,
        })
    }

    /// A vault in memory, with the settings of this run but for this policy of compression.
    pub(crate) async fn in_memory(&self, compression: &str) -> anyhow::Result<Burrow> {
        let mut settings = self.settings.variables();
        settings.set("compression", &compression);
        Ok(self.builder(settings)?.open(&Location::Memory).await?)
    }

    /// Builds vaults as the flags say.
    fn builder(&self, settings: Variables) -> anyhow::Result<Builder> {
        let mut builder = Builder::new().variables(settings).per_origin(self.per_origin);
        if let Some(jobs) = self.jobs {
            builder = builder.jobs(jobs);
        }
        if let Some(path) = &self.ca_certificates {
            let pem = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
            builder = builder.ca_certificates(&pem).with_context(|| path.display().to_string())?;
        }
        if let Some(proxy) = &self.outbound_proxy {
            builder = builder.outbound_proxy(proxy.clone());
        }
        Ok(builder.component(self.component.bytes()?))
    }

    /// Opens the store or connects to the process that has it open. Returns the store, its generation if it has one, and
    /// whether this process is connected to another. Waits up to [`PATIENCE`] for a process that has it open and lets nobody
    /// connect.
    async fn kv(&self, access: Access) -> anyhow::Result<(Arc<dyn KeyValue>, Option<u64>, bool)> {
        let begun = Instant::now();
        loop {
            let shared = self.store.connect().await?;
            let is_shared = shared.is_some();
            if let Some(shared) = shared.filter(|_| access != Access::Alone) {
                let generation = shared.generation();
                return Ok((Arc::new(shared), Some(generation), true));
            }
            let opened = match &self.blobs {
                Some(bucket) => self.store.open_with_blobs(bucket).await,
                None => self.store.open().await,
            };
            match opened {
                Ok(kv) => {
                    let generation = self.store.begin(kv.as_ref()).await?;
                    return Ok((kv, generation, false));
                }
                Err(error) if error.is_held() && !is_shared && begun.elapsed() < PATIENCE => {
                    tokio::time::sleep(LOOK_AGAIN).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Lets other processes use the store through a socket. If that fails, prints the error and goes on without.
    fn listen(&self, kv: &Arc<dyn KeyValue>, generation: u64) -> Option<SocketServer> {
        self.store.listen(kv.clone(), generation).unwrap_or_else(|error| {
            output::complain(&error.to_string());
            None
        })
    }
}

/// The component to run.
#[derive(Debug, Args)]
pub(crate) struct Component {
    /// Run this component instead of the one inside this program.
    #[arg(id = "component", long = "component", global = true, env = "BURROW_COMPONENT", value_name = "FILE")]
    path: Option<PathBuf>,
}

impl Component {
    /// Whether the component is the one inside this program.
    pub(crate) fn is_built_in(&self) -> bool {
        self.path.is_none()
    }

    pub(crate) fn bytes(&self) -> anyhow::Result<Cow<'static, [u8]>> {
        match (&self.path, COMPONENT) {
            (Some(path), _) => {
                let bytes = std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
                Ok(bytes.into())
            }
            (None, Some(component)) => Ok(component.into()),
            (None, None) => {
                anyhow::bail!("no component was built into this program; name one with --component")
            }
        }
    }
}

impl std::fmt::Display for Component {
    /// The file's path, or "built in".
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.path {
            Some(path) => path.display().fmt(f),
            None => f.write_str("built in"),
        }
    }
}
