//! How a [`Burrow`] is made.

use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::kv::{KeyValue, Location};
use crate::origins::Origins;
use crate::outbound::Outbound;
use crate::pool::Pool;
use crate::{Burrow, COMPONENT, Error, Variables, engine};

/// Everything that may be said about a [`Burrow`]; what is not said has its default.
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
}

/// Requests to one origin at once, unless said otherwise: what browsers allow themselves is 6.
const PER_ORIGIN: NonZeroUsize = NonZeroUsize::new(8).unwrap();

impl Default for Builder {
    fn default() -> Self {
        Self {
            component: None,
            variables: Variables::default(),
            jobs: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            per_origin: PER_ORIGIN,
            job_time: Duration::from_mins(15),
            memory: 128 * 1024 * 1024,
        }
    }
}

impl Builder {
    /// The component built in, packing on every core, all settings at their defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs this component, the bytes of a `burrow.wasm`, instead of the one built in.
    pub fn component(mut self, bytes: impl Into<Cow<'static, [u8]>>) -> Self {
        self.component = Some(bytes.into());
        self
    }

    /// The component's settings, by the names that docs/http-api.md lists.
    pub fn variables(mut self, variables: Variables) -> Self {
        self.variables = variables;
        self
    }

    /// Images packed at once, each on a thread of its own \[default: the number of cores\]. Eight times as many jobs may
    /// be under way: the others wait for their origins.
    pub fn jobs(mut self, jobs: NonZeroUsize) -> Self {
        self.jobs = jobs;
        self
    }

    /// Requests to one origin (host and port) at once \[default: 8\].
    pub fn per_origin(mut self, requests: NonZeroUsize) -> Self {
        self.per_origin = requests;
        self
    }

    /// The longest time for one job, or one upload, before its instance is given up \[default: 15 minutes\].
    pub fn job_time(mut self, time: Duration) -> Self {
        self.job_time = time;
        self
    }

    /// The most memory of one instance, in bytes \[default: 128 MiB\]. A job takes a few MiB. Who looks at a whole vault
    /// (`verify`) may take more.
    pub fn instance_memory(mut self, bytes: usize) -> Self {
        self.memory = bytes;
        self
    }

    /// Opens the store at `location`, or makes one there, and joins it with the component. Call it within a Tokio runtime:
    /// sockets are served there.
    ///
    /// # Errors
    ///
    /// [`Error::Store`] if the store cannot be opened, else as [`Builder::build`].
    pub async fn open(self, location: &Location) -> Result<Burrow, Error> {
        let kv = location.open().await?;
        self.build(kv)
    }

    /// Joins an open store with the component. Call it within a Tokio runtime: sockets are served there.
    ///
    /// # Errors
    ///
    /// [`Error::Component`] if the component's bytes are none for this host; [`Error::Internal`] if none was built in,
    /// there is no runtime, or no thread can be started.
    pub fn build(mut self, kv: Arc<dyn KeyValue>) -> Result<Burrow, Error> {
        let none = || Error::Internal("no component was built into this program; name one".into());
        let component = self.component.as_deref().or(COMPONENT).ok_or_else(none)?;
        let runtime = Handle::try_current().map_err(|error| Error::Internal(error.to_string()))?;
        let origins = Origins::new(self.per_origin.get());
        let (private, connect) = (self.variables.allow_private_network(), self.variables.connect_timeout());
        let outbound = Outbound::new(private, connect, origins.clone(), runtime);
        let does_jobs = self.variables.get("run_jobs") != Some("false");
        // The component only records jobs; they are done on the pool.
        self.variables.set("run_jobs", &false);
        // How many blocks of one large image others pack at once.
        self.variables.set("packers", &self.jobs);
        let packers = Burrow {
            factory: engine::Factory::new(component, kv, self.variables, outbound, self.memory)?,
            pool: Pool::new(self.jobs)?,
            origins,
            does_jobs,
            jobs: self.jobs,
            per_origin: self.per_origin,
            job_time: self.job_time,
        };
        let factory = packers.factory.with_outbound(|outbound| outbound.with_packers(packers.clone()));
        Ok(Burrow { factory, ..packers })
    }
}
