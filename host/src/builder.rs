//! Makes a [`Burrow`]: its component, settings, threads and limits.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::jobs::OVERLAP;
#[cfg(feature = "s3")]
use crate::kv::Bucket;
use crate::kv::{Keeping, KeyValue, Location};
use crate::origins::Origins;
use crate::outbound::{Authorities, Outbound, Proxy};
use crate::patience::Patience;
use crate::pool::Pool;
use crate::{Burrow, COMPONENT, Error, Variables, engine};

/// The options of a [`Burrow`]; an option that is not set has its default.
///
/// ```no_run
/// # async fn example() -> Result<(), burrow_host::Error> {
/// let burrow = burrow_host::Builder::new().open(&"images".parse()?).await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    component: Option<Cow<'static, [u8]>>,
    variables: Variables,
    jobs: NonZeroUsize,
    per_origin: NonZeroUsize,
    job_time: Duration,
    memory: usize,
    generation: Option<u64>,
    authorities: Authorities,
    proxy: Option<Proxy>,
    #[cfg(feature = "s3")]
    bucket: Option<Bucket>,
}

/// The default of requests to one origin at once. Browsers send at most 6.
const PER_ORIGIN: NonZeroUsize = NonZeroUsize::new(8).unwrap();

/// Blocks of one large image that other instances pack at once. The instance that reads the image holds them, some
/// 750 KiB each.
const PACKERS: NonZeroUsize = NonZeroUsize::new(16).unwrap();

/// Blocks of large images that other instances pack at once, per [`Builder::jobs`]. An instance packs further blocks
/// itself.
const BLOCKS: usize = 2;

/// Instances that wait for their next call, per [`Builder::jobs`].
const IDLE: usize = 4;

impl Default for Builder {
    fn default() -> Self {
        Self {
            component: None,
            variables: Variables::default(),
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(Self::MAX_JOBS),
            per_origin: PER_ORIGIN,
            job_time: Duration::from_mins(15),
            memory: 128 * 1024 * 1024,
            generation: None,
            authorities: Authorities::default(),
            proxy: None,
            #[cfg(feature = "s3")]
            bucket: None,
        }
    }
}

impl Builder {
    /// The built-in component, packing on every core, all settings at their defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs this component, the bytes of a `burrow.wasm`, instead of the built-in one.
    pub fn component(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// Settings of the component; docs/http-api.md lists their names.
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Images packed at once, each on a thread of its own \[default: the number of cores; at most
    /// [`MAX_JOBS`](Self::MAX_JOBS)\]. Eight times as many jobs may run at once, because most wait for their origins.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs.min(Self::MAX_JOBS);
        self
    }

    /// The largest value of [`jobs`](Self::jobs).
    pub const MAX_JOBS: NonZeroUsize = NonZeroUsize::new(256).unwrap();

    /// Requests to one origin (host and port) at once \[default: 8; at most [`MAX_PER_ORIGIN`](Self::MAX_PER_ORIGIN)\].
    /// Of the origins at one address twice as many jobs run at once.
    pub fn per_origin(mut self, requests: NonZeroUsize) -> Self {
        self.per_origin = requests.min(Self::MAX_PER_ORIGIN);
        self
    }

    /// The largest value of [`per_origin`](Self::per_origin).
    pub const MAX_PER_ORIGIN: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

    /// The longest time for one job or one upload; the host then stops its instance \[default: 15 minutes\].
    pub fn job_time(mut self, time: Duration) -> Self {
        self.job_time = time;
        self
    }

    /// The most memory of one instance, in bytes \[default: 128 MiB\]. A job takes a few MiB. [`Burrow::verify`] may
    /// take up to 3 GiB.
    pub fn instance_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// States that this process alone has the store open, and that this is the store's `generation`: a number that no
    /// earlier opening had ([`Location::begin`]). Jobs that earlier processes left are then taken up at once, not when
    /// their lease of 15 minutes is over. Processes that use the store through this one must state the same number.
    /// [`Builder::open`] states it for a store that only one process at a time can open.
    pub fn generation(mut self, generation: u64) -> Self {
        self.generation = Some(generation);
        self
    }

    /// Accepts certificates of origins also from these authorities: certificates in PEM, one or several. Mozilla's are
    /// always accepted.
    ///
    /// # Errors
    ///
    /// [`Error::Certificates`] if there is none, or one cannot be read.
    pub fn ca_certificates(mut self, pem: &[u8]) -> Result<Self, Error> {
        self.authorities = Authorities::parse(pem).map_err(Error::Certificates)?;
        Ok(self)
    }

    /// Reaches origins through this proxy. The proxy resolves their names, so it must refuse private addresses itself;
    /// URLs that name a private address by its number are still refused here.
    pub fn outbound_proxy(mut self, proxy: Proxy) -> Self {
        self.proxy = Some(proxy);
        self
    }

    /// Keeps larger blobs in a bucket, beside the store that [`Builder::open`] opens. The variables `AWS_*` say how to
    /// reach it; docs/stores.md lists them.
    #[cfg(feature = "s3")]
    pub fn blobs(mut self, bucket: Bucket) -> Self {
        self.bucket = Some(bucket);
        self
    }

    /// Opens the store at `location`, or makes one there, and runs the component over it. Call it within a Tokio
    /// runtime, which drives the sockets.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be opened; as [`Burrow::check_settings`]; else as [`Builder::build`].
    pub async fn open(self, location: &Location) -> Result<Burrow, Error> {
        #[cfg(feature = "s3")]
        let kv = match &self.bucket {
            Some(bucket) => location.open_with_blobs(bucket).await?,
            None => location.open().await?,
        };
        #[cfg(not(feature = "s3"))]
        let kv = location.open().await?;
        let generation = location.begin(kv.as_ref()).await?;
        let burrow = Self { generation, ..self }.build(kv)?;
        burrow.check_settings().await?;
        Ok(burrow)
    }

    /// Runs the component over an open store. Call it within a Tokio runtime, which drives the sockets. Instances read the
    /// settings when they are first called; [`Burrow::check_settings`] checks them before.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] if the bytes are no component that this host can run; [`Error::Internal`] if no component
    /// was given or built in, there is no runtime, or a thread cannot be started.
    pub fn build(mut self, kv: Arc<dyn KeyValue>) -> Result<Burrow, Error> {
        let none = || Error::Internal("no component was built into this program; name one".into());
        let component = self.component.as_deref().or(COMPONENT).ok_or_else(none)?;
        let runtime = Handle::try_current().map_err(|error| Error::Internal(error.to_string()))?;
        let origins = Origins::new(self.per_origin.get());
        let (private, connect) = (self.variables.allow_private_network(), self.variables.connect_timeout());
        let patience = Patience::new(self.jobs);
        // A proxy looks names up, so their addresses are not known here.
        let addresses = self.proxy.is_none().then(|| Origins::new(2 * self.per_origin.get()));
        let outbound =
            Outbound::new(private, connect, &self.authorities, self.proxy, origins.clone(), patience.clone(), runtime)?;
        let does_jobs = self.variables.get("run_jobs") != Some("false");
        let has_webhook = self.variables.get("webhook_url").is_some_and(|url| !url.trim().is_empty());
        // The component only records jobs; the host does them on the pool.
        self.variables.set("run_jobs", &false);
        self.variables.set("packers", &self.jobs.min(PACKERS));
        if let Some(generation) = self.generation {
            self.variables.set("generation", &generation);
        }
        let closed = CancellationToken::new();
        let kv = Arc::new(Keeping::new(kv, closed.clone().drop_guard()));
        let blocks = self.jobs.get() * BLOCKS;
        let working = self.jobs.saturating_mul(OVERLAP).get() + patience.most_lagging();
        let instances = working + blocks + self.jobs.get();
        let idle = self.jobs.get() * IDLE;
        let packers = Burrow {
            factory: engine::Factory::new(component, kv, self.variables, outbound, self.memory, instances, idle)?,
            pool: Pool::new(self.jobs)?,
            origins,
            addresses,
            patience,
            recorded: Arc::new(Notify::new()),
            closed,
            does_jobs,
            has_webhook,
            jobs: self.jobs,
            per_origin: self.per_origin,
            job_time: self.job_time,
        };
        let factory =
            packers.factory.with_outbound(|outbound| outbound.with_packers(packers.clone(), blocks, self.jobs.get()));
        Ok(Burrow { factory, ..packers })
    }
}
