//! The command line: what can be typed, a file a verb.

mod add;
mod completions;
mod config;
mod export;
mod file;
mod find;
mod get;
mod help;
mod import;
mod json;
mod logs;
mod ls;
mod man;
mod open;
mod output;
mod parse;
mod picture;
mod rename;
mod retry;
mod rm;
mod serve;
mod settings;
mod show;
mod signals;
mod stats;
mod table;
mod tag;
mod verify;
mod version;
mod when;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{ColorChoice, Parser, Subcommand};
use open::{Access, Component, Global, Opened};
use parse::{Parsed, Refused};

/// Keeps images: download, compress without loss, store, and give the same bytes back.
#[derive(Debug, Parser)]
#[command(name = "burrow", version, max_term_width = 100, after_help = help::EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve images over HTTP, and finish what an earlier run left.
    #[command(after_help = help::SERVE)]
    Serve(serve::Serve),
    /// Download images and keep them.
    #[command(after_help = help::ADD)]
    Add(add::Add),
    /// List images, newest first.
    #[command(after_help = help::LS)]
    Ls(ls::Ls),
    /// Tell all that is known of images.
    #[command(after_help = help::SHOW)]
    Show(show::Show),
    /// Write images' original bytes to files.
    #[command(after_help = help::GET)]
    Get(get::Get),
    /// Add and remove tags of images.
    #[command(after_help = help::TAG)]
    Tag(tag::Tag),
    /// Give an image another name.
    #[command(after_help = help::RENAME)]
    Rename(rename::Rename),
    /// Remove images. Others with the same content stay whole.
    #[command(after_help = help::RM)]
    Rm(rm::Rm),
    /// Try failed images again.
    #[command(after_help = help::RETRY)]
    Retry(retry::Retry),
    /// Count images and bytes.
    #[command(after_help = help::STATS)]
    Stats(stats::Stats),
    /// Check all that is stored, and repair it.
    #[command(after_help = help::VERIFY)]
    Verify(verify::Verify),
    /// Write all images to an archive.
    #[command(after_help = help::EXPORT)]
    Export(export::Export),
    /// Read images from archives.
    #[command(after_help = help::IMPORT)]
    Import(import::Import),
    /// What Burrow is told by flags, environment and file.
    #[command(after_help = help::CONFIG)]
    Config(config::Config),
    /// Print what a shell needs to complete `burrow`.
    #[command(after_help = help::COMPLETIONS)]
    Completions(completions::Completions),
    /// Print a manual page, or write all of them.
    #[command(after_help = help::MAN)]
    Man(man::Man),
    /// Print the versions of what is at work.
    Version(version::Version),
}

/// Exit code: it could not be understood.
const MISUNDERSTOOD: u8 = 2;
/// Exit code: it was interrupted, as shells say it.
const INTERRUPTED: u8 = 130;

/// How long work may take to come to an end when it is interrupted.
const GRACE: Duration = Duration::from_secs(5);

/// Does what was typed; [`help::EXIT_CODES`] says what comes back.
pub(crate) fn run() -> ExitCode {
    let (cli, parsed) = match parse::parse(std::env::args_os()) {
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
        let told = if let Verb::Serve(serve) = &cli.verb { Some(&serve.told) } else { None };
        let in_runtime = runtime.enter();
        let logs = cli.global.logs.start(told)?;
        drop(in_runtime);
        // These end in their own way when they are interrupted.
        let ends_itself = matches!(cli.verb, Verb::Serve(_) | Verb::Add(_));
        let done = runtime.block_on(async {
            tokio::select! {
                done = act(cli, &parsed) => done,
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

async fn act(cli: Cli, parsed: &Parsed) -> anyhow::Result<ExitCode> {
    let Cli { global, verb } = cli;
    match verb {
        Verb::Config(config) => config.run(parsed),
        Verb::Completions(completions) => completions.run(),
        Verb::Man(man) => man.run(),
        Verb::Version(_) => version::Version::run(&global.component),
        Verb::Serve(serve) => {
            serve.check(&global.component)?;
            serve.run(&global.open(Access::Alone).await?).await
        }
        Verb::Add(add) => {
            add.check()?;
            add.run(&global.open(Access::Long).await?).await
        }
        Verb::Import(import) => import.run(&global.open(Access::Long).await?).await,
        Verb::Ls(ls) => ls.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Show(show) => show.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Get(get) => get.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Tag(tag) => tag.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Rename(rename) => rename.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Rm(rm) => rm.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Retry(retry) => retry.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Stats(stats) => stats.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Verify(verify) => verify.run(&global.open(Access::Short).await?).await,
        Verb::Export(export) => export.run(&global.open(Access::Short).await?).await,
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

/// Whether whoever read our output has had enough.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests;
