//! `burrow serve`

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::net::TcpListener;

use super::{Opened, output};

/// Serve images over HTTP, and finish what an earlier run left.
#[derive(Debug, clap::Args)]
pub(super) struct Serve {
    /// Address and port to listen on; port 0 takes any that is free.
    #[arg(long, env = "BURROW_LISTEN", default_value = "127.0.0.1:3000", value_name = "ADDRESS:PORT")]
    listen: String,
}

impl Serve {
    pub(super) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let burrow = &opened.burrow;
        // A setting that cannot be read is told now, not to whoever asks first.
        burrow.stats().await?;
        let listener =
            TcpListener::bind(&self.listen).await.with_context(|| format!("cannot listen on {}", self.listen))?;
        let address = listener.local_addr().context("cannot tell which port was taken")?;
        output::line(&format!("Serving http://{address}"))?;
        burrow.serve(listener, opened.alone_since(), stopped()).await?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Resolves when the program is asked to stop.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => {
            if interrupted.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }
}
