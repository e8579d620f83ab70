//! The HTTP service: hyper in front, instances of the component behind.
//!
//! - `server`: from connections to answers
//! - `limits`: admission; `clients`: limits by client address; `problem`: the host's own error answers
//! - `exchange`: a request's id, span and line in the access log; `body`: counts bytes, releases resources at the end
//! - `handler`: answers requests of a server that the program brings
//! - `workers`: instances that serve; `answers`: their answers that are sent again; `reload`: replaces their component
//! - `management`: `/metrics`, `/readyz`, `/livez`

mod answers;
mod body;
mod clients;
mod exchange;
mod handler;
mod limits;
mod management;
mod problem;
mod reload;
mod server;
mod workers;

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::task_tracker::TaskTracker;

pub use clients::{ClientLimits, TrustedProxies};
pub use handler::{AnswerBody, Handler};
pub use limits::Limits;

use crate::{Burrow, Error, Repack};
use server::Server;
use workers::Workers;

/// Connections over the limit that the server answers with a 503 at once; further ones wait to be accepted.
const REFUSALS: usize = 64;

/// Time for open requests and jobs to end when the service stops. The next start resumes jobs that are left.
const GRACE_TIME: Duration = Duration::from_secs(10);

/// Options of [`Burrow::serve`].
#[derive(Debug)]
pub struct Service {
    /// Limits of what is served at once.
    pub limits: Limits,
    /// The proxies that name their clients.
    pub proxies: TrustedProxies,
    /// How many bytes of answers are kept, to be sent again without asking the component; 0 means none. Only answers
    /// that everyone may read are kept, and only over a store that no other process writes to.
    pub kept_bytes: usize,
    /// Whether every request is logged, as an event of `burrow::access`.
    pub access_log: bool,
    /// The listener that answers `/metrics`, `/readyz` and `/livez`, if any.
    pub management: Option<TcpListener>,
    /// When images are made smaller in the background, as the setting `compression` says.
    pub repack: Repack,
    /// The component's file, and when it was read. The service replaces the component when the file changes.
    pub watched: Option<(PathBuf, SystemTime)>,
}

impl Default for Service {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            proxies: TrustedProxies::default(),
            kept_bytes: Self::KEPT_BYTES,
            access_log: false,
            management: None,
            repack: Repack::default(),
            watched: None,
        }
    }
}

impl Service {
    /// The default of [`kept_bytes`](Self::kept_bytes): 64 MiB.
    pub const KEPT_BYTES: usize = 64 * 1024 * 1024;
}

impl Burrow {
    /// Serves HTTP on `listener` until `stop` resolves; then gives open requests and jobs 10 seconds to end.
    ///
    /// In the background it does the jobs in the store. It takes up jobs that earlier processes left: at once if their
    /// worker had another [`Builder::generation`](crate::Builder::generation), else when their lease of 15 minutes ends.
    /// It also makes images smaller, when [`Service::repack`] says so, and tells the webhook of the setting `webhook_url`.
    ///
    /// # Errors
    ///
    /// At present it always ends with `Ok`: a connection or job that fails is logged.
    pub async fn serve(
        &self,
        listener: TcpListener,
        service: Service,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let (stopping, instances) = (CancellationToken::new(), TaskTracker::new());
        let workers = Workers { burrow: self.clone(), stopping: stopping.clone(), instances: instances.clone() };
        let server =
            Server::new(service.limits, service.proxies, workers.clone(), service.kept_bytes, service.access_log);
        let server = Arc::new(server);
        // Answers until this function returns, so `/readyz` reports that the service stops.
        let mut management = JoinSet::new();
        if let Some(listener) = service.management {
            management.spawn(management::serve(listener, self.clone(), stopping.clone()));
        }
        let mut background = JoinSet::new();
        if let Some((file, read)) = service.watched {
            background.spawn(reload::watch(file, read, server.clone(), workers));
        }
        let mut jobs = JoinSet::new();
        if self.does_jobs {
            let (burrow, stop) = (self.clone(), stopping.clone());
            background.spawn(async move { burrow.repack_in_background(service.repack, stop).await });
            if self.has_webhook {
                let (burrow, stop) = (self.clone(), stopping.clone());
                background.spawn(async move { burrow.tell_webhook(stop).await });
            }
            let (burrow, stopping) = (self.clone(), stopping.clone());
            jobs.spawn(async move { burrow.do_jobs(stopping.cancelled_owned()).await });
        }
        let graceful = GracefulShutdown::new();
        tokio::select! {
            () = stop => {}
            () = accept_for_ever(&listener, &server, &graceful, service.limits.connections) => {}
        }
        stopping.cancel();
        drop(listener);
        background.shutdown().await;
        instances.close();
        let finished = async {
            graceful.shutdown().await;
            instances.wait().await;
            // The only possible error is a panic, which has been printed.
            while jobs.join_next().await.is_some() {}
        };
        if tokio::time::timeout(GRACE_TIME, finished).await.is_err() {
            tracing::warn!("not done after {} s; unfinished jobs are taken up at the next start", GRACE_TIME.as_secs());
        }
        Ok(())
    }
}

async fn accept_for_ever(
    listener: &TcpListener,
    server: &Arc<Server>,
    graceful: &GracefulShutdown,
    connections: usize,
) {
    let places = connections.saturating_add(REFUSALS).min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    loop {
        // The semaphore is never closed.
        let place = places.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, peer)) => {
                let connection = server.clone().connection(stream, peer, graceful.watcher());
                tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection: {error}");
                // The cause is most likely a lack of file descriptors: wait until some are closed.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
