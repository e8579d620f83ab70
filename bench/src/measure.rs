//! The measures: what is measured, and in which order.

pub(crate) mod compression;
pub(crate) mod ingest;
pub(crate) mod lists;
pub(crate) mod memory;
pub(crate) mod packing;
pub(crate) mod search;
pub(crate) mod serving;
pub(crate) mod start;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::Bench;
use crate::server::{Launch, Server, Target};

/// What can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measure {
    /// Uploads of the corpus: speed, work, memory, disk, and answers meanwhile
    Ingest,
    /// Requests a second of images, in their forms
    Serving,
    /// Memory for one image of 1, 40 and 500 MB
    Memory,
    /// Many tiny images, and then lists and counts
    Lists,
    /// Searches in a vault with many names and tags
    Search,
    /// One core beside all, and beside Burrow's core without a sandbox
    Packing,
    /// From the start of the process to its first answer
    Start,
    /// How small repacking makes the corpus, and what it costs
    Compression,
}

impl Measure {
    /// Its name, as `--only` takes it.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    /// What it measures.
    pub(crate) fn about(self) -> String {
        let help = self.to_possible_value().and_then(|value| value.get_help().map(ToString::to_string));
        help.unwrap_or_default()
    }

    /// Takes it, and notes its figures.
    pub(crate) async fn take(self, bench: &mut Bench) -> Result<()> {
        match self {
            Self::Ingest => ingest::take(bench).await,
            Self::Serving => serving::take(bench).await,
            Self::Memory => memory::take(bench).await,
            Self::Lists => lists::take(bench).await,
            Self::Search => search::take(bench).await,
            Self::Packing => packing::take(bench).await,
            Self::Start => start::take(bench).await,
            Self::Compression => compression::take(bench).await,
        }
    }
}

impl Bench {
    /// The directory of a target's state.
    fn store(&self, target: Target) -> PathBuf {
        self.directory.join("stores").join(format!("{target:?}").to_lowercase())
    }

    /// Where the native host keeps the compiled component.
    fn cache(&self) -> PathBuf {
        self.directory.join("cache")
    }

    /// Empties a target's directory.
    fn clear(&self, target: Target) -> Result<PathBuf> {
        let directory = self.store(target);
        if directory.exists() {
            std::fs::remove_dir_all(&directory)?;
        }
        std::fs::create_dir_all(&directory)?;
        Ok(directory)
    }

    /// Starts a target over an empty directory.
    async fn start(&self, target: Target) -> Result<Server> {
        self.clear(target)?;
        self.launch(target).await
    }

    /// Starts a target over what is in its directory. Burrow repacks nothing by itself.
    async fn launch(&self, target: Target) -> Result<Server> {
        let (directory, cache) = (self.store(target), self.cache());
        let launch = Launch { target, directory: &directory, cache: &cache, flags: &["--repack", "never"] };
        Ok(Server::start(&self.programs, &self.home, launch).await?.0)
    }
}
