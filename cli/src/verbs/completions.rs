//! `burrow completions`: prints the completion script for a shell.

use std::process::ExitCode;

use clap::{Command, ValueEnum};
use clap_complete::aot;

use crate::output;

/// Print the completion script for a shell.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    shell: Shell,
}

/// The shells that are tested.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl From<Shell> for aot::Shell {
    fn from(shell: Shell) -> Self {
        match shell {
            Shell::Bash => Self::Bash,
            Shell::Zsh => Self::Zsh,
            Shell::Fish => Self::Fish,
        }
    }
}

impl Completions {
    pub(crate) fn run(self, mut command: Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        aot::generate(aot::Shell::from(self.shell), &mut command, "burrow", &mut script);
        output::raw(&script)?;
        Ok(ExitCode::SUCCESS)
    }
}
