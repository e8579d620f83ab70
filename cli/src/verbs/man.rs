//! `burrow man`: prints a manual page, or writes all of them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man as Page;

use crate::output;
use crate::parse::Refused;

/// Print a manual page, or write all of them.
#[derive(Debug, clap::Args)]
pub(crate) struct Man {
    /// The verb to print the page of [default: burrow itself].
    verb: Option<String>,

    /// Write the pages of burrow and of every verb into this directory.
    #[arg(long, value_name = "DIRECTORY", conflicts_with = "verb")]
    dir: Option<PathBuf>,
}

impl Man {
    pub(crate) fn run(self, command: Command) -> anyhow::Result<ExitCode> {
        let mut command = command.disable_help_subcommand(true);
        if let Some(directory) = &self.dir {
            let written =
                std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(command, directory));
            written.with_context(|| format!("cannot write to {}", directory.display()))?;
            return Ok(ExitCode::SUCCESS);
        }
        command.build();
        let command = match &self.verb {
            None => command,
            Some(verb) => page_of(&command, verb)?,
        };
        let mut page = Vec::new();
        Page::new(command).render(&mut page)?;
        output::raw(&page)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn page_of(command: &Command, verb: &str) -> Result<Command, Refused> {
    command.find_subcommand(verb).cloned().ok_or_else(|| Refused::Unusable(format!("there is no verb {verb}")))
}
