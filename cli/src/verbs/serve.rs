//! `burrow serve`: serves images over HTTP.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::{ClientLimits, Limits, Repack, Service, TrustedProxies};
use tokio::net::TcpListener;

use crate::logs;
use crate::open::Component;
use crate::open::Opened;
use crate::output;
use crate::parse::Refused;
use crate::signals::Signals;

/// Serve images over HTTP, and finish jobs that an earlier run left.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 means any free port.
    #[arg(long, env = "BURROW_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    listen: String,

    /// Address and port of /metrics, /readyz and /livez; keep it out of the public's reach.
    #[arg(long, env = "BURROW_METRICS", value_name = "ADDRESS:PORT")]
    metrics: Option<String>,

    /// Connections served at once. At this limit and the next two, more wait a second and are then refused.
    #[arg(long, env = "BURROW_MAX_CONNECTIONS", default_value_t = Limits::default().connections, value_name = "COUNT")]
    #[arg(value_parser = at_least_one)]
    max_connections: usize,

    /// Requests served at once.
    #[arg(long, env = "BURROW_MAX_REQUESTS", default_value_t = Limits::default().requests, value_name = "COUNT")]
    #[arg(value_parser = at_least_one)]
    max_requests: usize,

    /// Bytes of request bodies received at once; a body counts as 64 KiB, as 2 MiB once so much has come, or as its length
    /// if that is less.
    #[arg(long, env = "BURROW_MAX_BYTES_IN_FLIGHT", default_value_t = Limits::default().bytes_in_flight)]
    #[arg(value_name = "BYTES", value_parser = at_least_one)]
    max_bytes_in_flight: usize,

    /// The least speed of a request's body over half a minute, in bytes a second; 0 means none.
    #[arg(long, env = "BURROW_MIN_UPLOAD_BYTES_PER_SECOND", default_value_t = Limits::default().least_speed)]
    #[arg(value_name = "BYTES")]
    min_upload_bytes_per_second: u64,

    /// Connections of one client address; 0 means no limit. Addresses of this machine have none.
    #[arg(long, env = "BURROW_MAX_CONNECTIONS_PER_CLIENT", default_value_t = ClientLimits::default().connections)]
    #[arg(value_name = "COUNT")]
    max_connections_per_client: usize,

    /// Requests of one client address at once; 0 means no limit. Addresses of this machine have none.
    #[arg(long, env = "BURROW_MAX_REQUESTS_PER_CLIENT", default_value_t = ClientLimits::default().requests)]
    #[arg(value_name = "COUNT")]
    max_requests_per_client: usize,

    /// Requests of one client address in a minute; 0 means no limit.
    #[arg(long, env = "BURROW_REQUESTS_PER_MINUTE", default_value_t = 0, value_name = "COUNT")]
    requests_per_minute: u64,

    /// Bytes of bodies to and from one client address in a minute; 0 means no limit.
    #[arg(long, env = "BURROW_BYTES_PER_MINUTE", default_value_t = 0, value_name = "BYTES")]
    bytes_per_minute: u64,

    /// Proxies whose X-Forwarded-For names the client: addresses and networks, separated by spaces or commas.
    #[arg(long, env = "BURROW_TRUSTED_PROXIES", value_name = "NETWORKS")]
    trusted_proxies: Option<TrustedProxies>,

    /// Bytes of answers kept in memory, to be sent again without asking the component; 0 keeps none.
    #[arg(long, env = "BURROW_ANSWER_CACHE", default_value_t = Service::KEPT_BYTES, value_name = "BYTES")]
    answer_cache: usize,

    /// When to make images smaller: while idle, always, never, or within hours of local time such as 22-6.
    #[arg(long, env = "BURROW_REPACK", default_value_t = Repack::default(), value_name = "idle|always|never|HOURS")]
    repack: Repack,

    /// Load the file that --component names again whenever it changes.
    #[arg(long, env = "BURROW_WATCH")]
    watch: bool,

    #[command(flatten)]
    pub(crate) request_logs: logs::RequestLogs,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("it must be at least 1".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(error.to_string()),
    }
}

impl Serve {
    /// Refuses flags that contradict each other. Runs before the store is made.
    ///
    /// # Errors
    ///
    /// `--watch` is given without `--component`.
    pub(crate) fn check(&self, component: &Component) -> Result<(), Refused> {
        if self.watch && component.is_built_in() {
            return Err(Refused::Unusable("--watch needs --component: which file is to be watched?".into()));
        }
        Ok(())
    }

    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let (burrow, signals) = (&opened.burrow, Signals::listen().context("cannot listen to signals")?);
        // An invalid setting is an error now, and not the answer to the first request.
        burrow.stats().await?;
        let watched = opened.component.as_ref().filter(|_| self.watch).map(|file| (file.clone(), opened.since));
        let management = match &self.metrics {
            None => None,
            Some(address) => {
                let (listener, address) = listen(address).await?;
                output::line(&format!("Metrics http://{address}/metrics"))?;
                Some(listener)
            }
        };
        let (listener, address) = listen(&self.listen).await?;
        output::line(&format!("Serving http://{address}"))?;
        if let Some(warning) = warning(address, opened.needs_token) {
            output::note(&warning);
        }
        if !opened.uses_proxy {
            output::note_proxies();
        }
        let limits = Limits {
            connections: self.max_connections,
            requests: self.max_requests,
            bytes_in_flight: self.max_bytes_in_flight,
            least_speed: self.min_upload_bytes_per_second,
            client: ClientLimits {
                connections: self.max_connections_per_client,
                requests: self.max_requests_per_client,
                requests_per_minute: self.requests_per_minute,
                bytes_per_minute: self.bytes_per_minute,
            },
        };
        let (kept_bytes, access_log) = (self.answer_cache, self.request_logs.access_log);
        let proxies = self.trusted_proxies.unwrap_or_default();
        let service = Service { limits, proxies, kept_bytes, access_log, management, watched, repack: self.repack };
        burrow.serve(listener, service, stopped(signals)).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Says who may change images if other machines can reach `address` and no token is needed.
fn warning(address: SocketAddr, needs_token: bool) -> Option<String> {
    let is_open = !needs_token && !address.ip().to_canonical().is_loopback();
    is_open.then(|| {
        format!(
            "warning: everyone who can reach {address} can read, add, change and delete images; set BURROW_WRITE_TOKEN, \
             or listen on 127.0.0.1"
        )
    })
}

async fn listen(address: &str) -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot tell which port was taken")?;
    Ok((listener, address))
}

/// Resolves at the first signal that asks the program to stop. The second signal ends the program at once.
async fn stopped(mut signals: Signals) {
    signals.next().await;
    tokio::spawn(async move { std::process::exit(signals.next().await.into()) });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_open_to_other_machines_warns() {
        let warns = |address: &str, needs_token| warning(address.parse().unwrap(), needs_token).is_some();
        for address in ["0.0.0.0:80", "[::]:80", "192.168.1.5:80", "[2001:db8::1]:80"] {
            assert!(warns(address, false) && !warns(address, true), "{address}");
        }
        for address in ["127.0.0.1:80", "127.1.2.3:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
            assert!(!warns(address, false), "{address}");
        }
    }
}
