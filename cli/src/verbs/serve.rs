//! `burrow serve`

use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::{Limits, Service};
use tokio::net::TcpListener;

use crate::logs;
use crate::open::Component;
use crate::open::Opened;
use crate::output;
use crate::parse::Refused;
use crate::signals::Signals;

/// Serve images over HTTP, and finish what an earlier run left.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes any that is free.
    #[arg(long, env = "BURROW_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    listen: String,

    /// Address and port of /metrics, /readyz and /livez; for nobody else to reach.
    #[arg(long, env = "BURROW_METRICS", value_name = "ADDRESS:PORT")]
    metrics: Option<String>,

    /// Connections served at once; more wait, and are refused after a second, as with the other two.
    #[arg(long, env = "BURROW_MAX_CONNECTIONS", default_value_t = Limits::default().connections, value_name = "COUNT")]
    #[arg(value_parser = at_least_one)]
    max_connections: usize,

    /// Requests served at once.
    #[arg(long, env = "BURROW_MAX_REQUESTS", default_value_t = Limits::default().requests, value_name = "COUNT")]
    #[arg(value_parser = at_least_one)]
    max_requests: usize,

    /// Bytes of request bodies received at once; a body counts 2 MiB, or its length if that is less.
    #[arg(long, env = "BURROW_MAX_BYTES_IN_FLIGHT", default_value_t = Limits::default().bytes_in_flight)]
    #[arg(value_name = "BYTES", value_parser = at_least_one)]
    max_bytes_in_flight: usize,

    /// Go on with what is in the file that --component names whenever it changes.
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
    /// Refuses what does not go together, before a store is made.
    pub(crate) fn check(&self, component: &Component) -> Result<(), Refused> {
        if self.watch && component.is_built_in() {
            return Err(Refused::Unusable("--watch needs --component: which file is to be watched?".into()));
        }
        Ok(())
    }

    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let (burrow, signals) = (&opened.burrow, Signals::listen().context("cannot listen to signals")?);
        // A setting that cannot be read is told now, not to whoever asks first.
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
        let limits = Limits {
            connections: self.max_connections,
            requests: self.max_requests,
            bytes_in_flight: self.max_bytes_in_flight,
        };
        let service = Service { limits, access_log: self.request_logs.access_log, management, watched };
        burrow.serve(listener, service, stopped(signals)).await?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn listen(address: &str) -> anyhow::Result<(TcpListener, std::net::SocketAddr)> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let address = listener.local_addr().context("cannot tell which port was taken")?;
    Ok((listener, address))
}

/// Resolves when the program is asked to stop. Asked once more, it ends at once.
async fn stopped(mut signals: Signals) {
    signals.next().await;
    tokio::spawn(async move { std::process::exit(signals.next().await.into()) });
}
