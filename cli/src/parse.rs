//! From what was typed, the environment and the configuration file to what is to be done.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::exit::USAGE;
use crate::file::File;
use crate::output;

/// What is to be done, and how that is known.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) matches: ArgMatches,
    pub(crate) file: File,
    /// All that can be typed, without what the file says.
    pub(crate) command: Command,
}

/// Why nothing can be done.
#[derive(Debug)]
pub(crate) enum Refused {
    /// It was not understood; or help was asked for.
    Usage(Box<clap::Error>),
    /// What was typed or configured cannot be used.
    Unusable(String),
}

impl std::error::Error for Refused {}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Usage(error) => f.write_str(&one_line(error)),
            Self::Unusable(what) => f.write_str(what),
        }
    }
}

impl From<clap::Error> for Refused {
    fn from(error: clap::Error) -> Self {
        Self::Usage(error.into())
    }
}

/// Understands what was typed.
pub(crate) fn parse<C: CommandFactory + FromArgMatches>(
    args: impl Iterator<Item = OsString>,
) -> Result<(C, Parsed), Refused> {
    let args: Vec<OsString> = args.collect();
    let command = C::command();
    // Once without the file, for it may be named there.
    let matches = command.clone().try_get_matches_from(&args)?;
    let named = matches.get_one::<PathBuf>("config");
    let file = File::read(named.map(PathBuf::as_path), &command).map_err(Refused::Unusable)?;
    let matches = file.apply(command.clone()).try_get_matches_from(&args)?;
    let cli = C::from_arg_matches(&matches)?;
    Ok((cli, Parsed { matches, file, command }))
}

impl Parsed {
    /// How the configuration file was found.
    pub(crate) fn file_origin(&self) -> &'static str {
        match self.matches.value_source("config") {
            Some(ValueSource::CommandLine) => "flag --config",
            Some(ValueSource::EnvVariable) => "environment variable BURROW_CONFIG",
            _ => "default",
        }
    }
}

impl Refused {
    /// Says why, or gives the help that was asked for.
    pub(crate) fn tell(&self) -> ExitCode {
        if let Self::Usage(error) = self
            && matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            )
        {
            // Whoever reads it may have had enough.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
        output::complain(&self.to_string());
        ExitCode::from(USAGE)
    }
}

/// What clap says in several lines, with colours and with how everything is used.
fn one_line(error: &clap::Error) -> String {
    let argument = error.get(ContextKind::InvalidArg);
    let source = std::error::Error::source(error);
    if let (Some(ContextValue::String(argument)), Some(source)) = (argument, source) {
        // The value may be a secret, so only what is wrong with it is told.
        return format!("{argument}: {source}");
    }
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text).replace("\n\n  tip: ", "; ");
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{}; --help says more", words.join(" "))
}
