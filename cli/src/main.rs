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

/// How long work may take to come to an end when it is interrupted.
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
        // These end in their own way when they are interrupted.
        let ends_itself = matches!(cli.verb, Verb::Serve(_) | Verb::Add(_));
        let done = runtime.block_on(async {
            tokio::select! {
                done = command::act(cli, &parsed) => done,
                () = interrupted(), if !ends_itself => Ok(ExitCode::from(INTERRUPTED)),
            }
        });
        // What is left to be told is sent by the runtime.
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

/// Resolves when the program is interrupted. What does not end soon after that is ended.
async fn interrupted() {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A task of its own: reading a pipe may hold up the one that waits for this.
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            output::complain("interrupted");
            // Whoever waited may have ended.
            let _ = sender.send(());
            tokio::time::sleep(GRACE).await;
            std::process::exit(INTERRUPTED.into());
        }
    });
    if receiver.await.is_err() {
        std::future::pending::<()>().await;
    }
}
