//! `burrow completions`: prints the completion script for a shell.

use std::collections::BTreeSet;
use std::process::ExitCode;

use clap::{Arg, Command, ValueEnum};
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
        let flags = flags_of(&command, TAG);
        aot::generate(aot::Shell::from(self.shell), &mut command, "burrow", &mut script);
        let script = self.shell.with_tags(&String::from_utf8_lossy(&script), &flags);
        output::raw(script.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// How help names the values of flags that take a tag.
const TAG: &str = "TAG";

/// The long flags of all verbs whose values have this name.
fn flags_of(command: &Command, value: &str) -> BTreeSet<String> {
    let of_verb = command.get_subcommands().flat_map(|verb| flags_of(verb, value));
    let is_one = |arg: &&Arg| arg.get_value_names().is_some_and(|names| names.iter().any(|name| name == value));
    let own = command.get_arguments().filter(is_one).filter_map(Arg::get_long).map(str::to_owned);
    own.chain(of_verb).collect()
}

impl Shell {
    /// The script with the vault's tags as the values of these flags: it asks `burrow tags --complete` for them, with the
    /// words of the line, which may name the store.
    fn with_tags(self, script: &str, flags: &BTreeSet<String>) -> String {
        match self {
            Self::Bash => {
                let offered = flags.iter().fold(script.to_owned(), |script, flag| {
                    let files = |flag: &str| {
                        format!("                --{flag})\n                    COMPREPLY=($(compgen -f \"${{cur}}\"))")
                    };
                    script
                        .replace(&files(flag), &format!("                --{flag})\n                    _burrow_tags"))
                });
                format!("{BASH}\n{offered}")
            }
            Self::Zsh => {
                let (first, rest) = script.split_once('\n').unwrap_or((script, ""));
                // clap writes that an argument which may be repeated takes the rest of the line, flags included.
                let rest = rest.replace("\n'*::", "\n'*:");
                // The first line names the command.
                format!(
                    "{first}\n\n{ZSH}{}",
                    rest.replace(&format!(":{TAG}:_default"), &format!(":{TAG}:_burrow_tags"))
                )
            }
            Self::Fish => {
                let is_tag = |line: &str| flags.iter().any(|flag| line.contains(&format!(" -l {flag} ")));
                let line = |line: &str| {
                    let more = if is_tag(line) && line.ends_with(" -r") { " -f -a '(__burrow_tags)'" } else { "" };
                    format!("{line}{more}\n")
                };
                FISH.to_owned() + &script.lines().map(line).collect::<String>()
            }
        }
    }
}

const BASH: &str = r#"_burrow_tags() {
    local tag
    COMPREPLY=()
    while IFS= read -r tag; do
        COMPREPLY+=("$(printf '%q' "${tag}")")
    done < <(burrow tags --complete "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[@]:0:COMP_CWORD}" 2>/dev/null)
}
"#;

const ZSH: &str = r#"_burrow_tags() {
    local -a tags
    tags=("${(@f)$(burrow tags --complete "${(Q)PREFIX}" "${(@Q)${(z)LBUFFER}}" 2>/dev/null)}")
    (( ${#tags[1]} )) && compadd -a tags
}
"#;

const FISH: &str = r#"function __burrow_tags
    set -l now (commandline -ct)
    burrow tags --complete "$now[1]" (commandline -opc) 2>/dev/null
end
"#;
