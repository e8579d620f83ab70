//! The command line: its verbs and flags, and the dispatch to the verb that was typed.

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::help;
use crate::open::{Access, Global};
use crate::parse::Parsed;
use crate::verbs::{
    add, completions, config, explain, export, get, import, ls, man, rename, repack, retry, rm, serve, show, similar,
    stats, tag, tags, verify, version,
};

/// Keeps images: download, store, make smaller without loss, and give the same bytes back.
#[derive(Debug, Parser)]
#[command(name = "burrow", version, max_term_width = 100, after_help = help::EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Serve images over HTTP, and finish jobs that an earlier run left.
    #[command(after_help = help::SERVE)]
    Serve(serve::Serve),
    /// Download images, or read files and directories, and store them.
    #[command(after_help = help::ADD)]
    Add(add::Add),
    /// List images, newest first.
    #[command(after_help = help::LS)]
    Ls(ls::Ls),
    /// Print everything that is known of images.
    #[command(after_help = help::SHOW)]
    Show(show::Show),
    /// Find images that look like another one, or all pairs that look alike.
    #[command(after_help = help::SIMILAR)]
    Similar(similar::Similar),
    /// Write images' original bytes to files.
    #[command(after_help = help::GET)]
    Get(get::Get),
    /// Add and remove tags of images.
    #[command(after_help = help::TAG)]
    Tag(tag::Tag),
    /// List tags with the numbers of their images, or rename one.
    #[command(after_help = help::TAGS)]
    Tags(tags::Tags),
    /// Give an image another name.
    #[command(after_help = help::RENAME)]
    Rename(rename::Rename),
    /// Remove images. Other images with the same content keep it.
    #[command(after_help = help::RM)]
    Rm(rm::Rm),
    /// Try failed images again.
    #[command(after_help = help::RETRY)]
    Retry(retry::Retry),
    /// Make images smaller, without loss.
    #[command(after_help = help::REPACK)]
    Repack(repack::Repack),
    /// Say what each compression policy would make of files.
    #[command(after_help = help::EXPLAIN)]
    Explain(explain::Explain),
    /// Count images and bytes.
    #[command(after_help = help::STATS)]
    Stats(stats::Stats),
    /// Check everything that is stored; --repair mends indexes and counters.
    #[command(after_help = help::VERIFY)]
    Verify(verify::Verify),
    /// Write all images to an archive.
    #[command(after_help = help::EXPORT)]
    Export(export::Export),
    /// Read images from archives.
    #[command(after_help = help::IMPORT)]
    Import(import::Import),
    /// Show the configuration.
    #[command(after_help = help::CONFIG)]
    Config(config::Config),
    /// Print the completion script for a shell.
    #[command(after_help = help::COMPLETIONS)]
    Completions(completions::Completions),
    /// Print a manual page, or write all of them.
    #[command(after_help = help::MAN)]
    Man(man::Man),
    /// Print the versions of program, component, wasmtime and compiler.
    Version(version::Version),
}

/// Runs the verb that was typed. Returns one of [`help::EXIT_CODES`].
pub(crate) async fn act(cli: Cli, parsed: &Parsed) -> anyhow::Result<ExitCode> {
    let Cli { global, verb } = cli;
    match verb {
        Verb::Config(config) => config.run(parsed),
        Verb::Completions(completions) => completions.run(Cli::command()),
        Verb::Man(man) => man.run(Cli::command()),
        Verb::Version(_) => version::Version::run(&global.component),
        Verb::Serve(serve) => {
            serve.check(&global.component)?;
            serve.run(&global.open(Access::Alone).await?).await
        }
        Verb::Add(add) => {
            add.check()?;
            add.run(&global.open(Access::Filling).await?).await
        }
        Verb::Import(import) => import.run(&global.open(Access::Filling).await?).await,
        Verb::Ls(ls) => ls.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Show(show) => show.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Similar(similar) => {
            let opened = global.open(similar.access()).await?;
            similar.run(&opened.burrow).await
        }
        Verb::Get(get) => get.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Tag(tag) => tag.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Tags(tags) => match tags.words() {
            Some(words) => Ok(tags::offer(words).await),
            None => tags.run(&global.open(Access::Short).await?.burrow).await,
        },
        Verb::Rename(rename) => rename.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Rm(rm) => rm.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Retry(retry) => Box::pin(retry.run(&global.open(Access::Long).await?.burrow)).await,
        Verb::Repack(repack) => repack.run(&global.open(Access::Long).await?.burrow).await,
        Verb::Explain(explain) => explain.run(&global).await,
        Verb::Stats(stats) => stats.run(&global.open(Access::Short).await?.burrow).await,
        Verb::Verify(verify) => verify.run(&global.open(Access::Short).await?).await,
        Verb::Export(export) => export.run(&global.open(Access::Long).await?).await,
    }
}

#[cfg(test)]
mod tests;
