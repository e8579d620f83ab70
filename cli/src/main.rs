//! The program `burrow`: a command line over the library `burrow-host`.

mod command;
mod exit;
mod file;
mod find;
mod help;
mod json;
mod logs;
mod open;
mod output;
mod parse;
mod picture;
mod settings;
mod signals;
mod table;
mod verbs;
mod when;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::ColorChoice;

use command::{Cli, Verb};
use exit::INTERRUPTED;
use output::is_broken_pipe;
use parse::Refused;

/// Releases are linked with musl, whose own allocator has one lock for all threads (docs/decisions/0019).
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time for interrupted work to end, before the program exits without it.
const GRACE: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let (cli, parsed) = match parse::parse::<Cli>(std::env::args_os()) {
        Ok(parsed) => parsed,
        Err(refused) => return refused.tell(),
    };
    match cli.global.color {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    }
    .write_global();
    let done = tokio::runtime::Runtime::new().context("cannot start the async runtime").and_then(|runtime| {
        let requests = if let Verb::Serve(serve) = &cli.verb { Some(&serve.request_logs) } else { None };
        let in_runtime = runtime.enter();
        let logs = cli.global.logs.start(requests)?;
        drop(in_runtime);
        // These verbs handle interrupts themselves.
        let ends_itself = matches!(cli.verb, Verb::Serve(_) | Verb::Add(_));
        let done = runtime.block_on(async {
            tokio::select! {
                done = command::act(cli, &parsed) => done,
                () = interrupted(), if !ends_itself => Ok(ExitCode::from(INTERRUPTED)),
            }
        });
        // The runtime sends the remaining traces, so it must still run here.
        drop(logs);
        runtime.shutdown_timeout(GRACE);
        done
    });
    match done {
        Ok(code) => code,
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => match error.downcast::<Refused>() {
            Ok(refused) => refused.tell(),
            Err(error) => {
                output::complain(&format!("{error:#}"));
                ExitCode::FAILURE
            }
        },
    }
}

/// Resolves when the program is interrupted. Exits the process if it still runs after [`GRACE`].
async fn interrupted() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // In its own task: the task that waits here may be blocked while it reads a pipe.
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            output::complain("interrupted");
            // The receiver may be gone.
            let _ = sender.send(());
            tokio::time::sleep(GRACE).await;
            std::process::exit(INTERRUPTED.into());
        }
    });
    if receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}
