//! `burrow tags`: lists tags, and renames them.

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use burrow_host::{Burrow, Renaming, TagCount};
use clap::Subcommand;
use serde::Serialize;

use crate::command::Cli;
use crate::json;
use crate::open::Access;
use crate::output::{self, Progress};
use crate::parse;

/// List tags with the numbers of their images, or rename one.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Tags {
    #[command(subcommand)]
    action: Option<Action>,

    /// Only tags that begin with this text.
    prefix: Option<String>,

    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,

    /// For the completions of shells: prints tags that begin with the first text. The other texts are the words of the
    /// command line, which may name the store.
    #[arg(long, hide = true, num_args = 0.., allow_hyphen_values = true)]
    complete: Option<Vec<OsString>>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Rename a tag on every image, or merge it into another.
    Rename(Rename),
}

/// Rename a tag on every image that has it, and on those that come in meanwhile. If other images have the new tag
/// already, both become one. If it is interrupted, the same command goes on, and so does a server.
#[derive(Debug, clap::Args)]
#[command(after_help = crate::help::TAGS_RENAME)]
struct Rename {
    /// The old tag.
    old: String,
    /// The new tag.
    new: String,
}

/// Tags of one page.
const PAGE: u32 = 1000;

/// The time after which the progress is shown.
const STEP: Duration = Duration::from_secs(2);

/// The longest time that a shell waits for tags.
const PATIENCE: Duration = Duration::from_secs(2);

/// Flags that say which store is meant.
const STORE: [&str; 4] = ["--store", "--blobs", "--config", "--component"];

#[derive(Serialize)]
struct Line<'a> {
    tag: &'a str,
    images: u64,
}

impl Tags {
    /// The words of the command line whose tags a shell asks for.
    pub(crate) fn words(&self) -> Option<&[OsString]> {
        self.complete.as_deref()
    }

    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        if let Some(Action::Rename(rename)) = self.action {
            return rename.run(burrow).await;
        }
        let mut after = None;
        loop {
            let page = burrow.list_tags(self.prefix.as_deref().unwrap_or_default(), after, PAGE).await?;
            if page.unindexed {
                anyhow::bail!(
                    "this vault is older than its index, so its tags are not known; verify --repair makes it"
                );
            }
            for TagCount { tag, images } in &page.tags {
                if self.json {
                    json::line(&Line { tag, images: *images })?;
                } else {
                    output::line(&format!("{images:>9}  {tag}"))?;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

impl Rename {
    async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let (mut progress, mut before) = (Progress::new(), None);
        loop {
            let Renaming { renamed, waiting, done } = burrow.rename_tag(&self.old, &self.new, STEP).await?;
            progress.show(|| format!("{renamed} images renamed"));
            // What is left are jobs.
            let is_stuck = waiting > 0 && before == Some(renamed);
            before = Some(renamed);
            if done || is_stuck {
                progress.clear();
                output::line(&format!("{renamed} images have the tag {} now", self.new))?;
                if !done {
                    output::note(&format!(
                        "{waiting} more are jobs, and get it when they have ended; the same command goes on then, and so \
                         does a server"
                    ));
                }
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

/// Prints the tags that a shell offers, one a line. What fails is passed over: a shell must not show it.
pub(crate) async fn offer(words: &[OsString]) -> ExitCode {
    let prefix = words.first().map(|prefix| prefix.to_string_lossy().into_owned()).unwrap_or_default();
    let arguments = store_of(words.get(1..).unwrap_or_default());
    let tags = async {
        let (cli, _) = parse::parse::<Cli>(arguments.into_iter()).map_err(anyhow::Error::from)?;
        let opened = cli.global.open(Access::Short).await?;
        Ok::<_, anyhow::Error>(opened.burrow.list_tags(&prefix, None, PAGE).await?.tags)
    };
    if let Ok(Ok(tags)) = tokio::time::timeout(PATIENCE, tags).await {
        // The shell may not read to the end.
        let _ = tags.iter().try_for_each(|TagCount { tag, .. }| output::line(tag));
    }
    ExitCode::SUCCESS
}

/// A command over the store that the words of a command line name.
fn store_of(words: &[OsString]) -> Vec<OsString> {
    let mut arguments = vec![OsString::from("burrow")];
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let text = word.to_string_lossy();
        if STORE.contains(&text.as_ref()) {
            let Some(value) = words.next() else { break };
            arguments.extend([word.clone(), value.clone()]);
        } else if STORE.iter().any(|flag| text.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))) {
            arguments.push(word.clone());
        }
    }
    arguments.push("tags".into());
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_that_of_the_line() {
        let line = |text: &str| {
            let words: Vec<OsString> = text.split(' ').map(Into::into).collect();
            store_of(&words).iter().map(|word| word.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(line("burrow --store /a ls --status=ready --tag"), "burrow --store /a tags");
        assert_eq!(line("burrow ls --store=redis://x -n 3"), "burrow --store=redis://x tags");
        assert_eq!(line("burrow ls --stores x --store"), "burrow tags");
    }
}
