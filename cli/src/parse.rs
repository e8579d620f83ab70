//! Parses arguments, environment and configuration file into a command.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, CommandFactory, FromArgMatches};

use crate::exit::USAGE;
use crate::file::File;
use crate::output;

/// The parsed arguments and configuration file.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) matches: ArgMatches,
    pub(crate) file: File,
    /// The command line's definition, without the file's values as defaults.
    pub(crate) command: Command,
}

/// Why the program does not run a verb.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The arguments are invalid, or ask for help or the version.
    Usage(Box<clap::Error>),
    /// The arguments or the configuration cannot be used, for this reason.
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

/// Parses the arguments, with the environment and the configuration file.
///
/// # Errors
///
/// The arguments or the configuration are invalid, or the arguments ask for help or the version.
pub(crate) fn parse<C: CommandFactory + FromArgMatches>(
    args: impl Iterator<Item = OsString>,
) -> Result<(C, Parsed), Refused> {
    let args: Vec<OsString> = args.collect();
    let command = C::command();
    // The first pass finds the file, which the arguments may name. The second has its values as defaults.
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
    /// Prints the error, or the help or version that was asked for. Returns the exit code.
    pub(crate) fn tell(&self) -> ExitCode {
        if let Self::Usage(error) = self
            && matches!(
                error.kind(),
                ErrorKind::DisplayHelp
                    | ErrorKind::DisplayVersion
                    | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            )
        {
            // Nobody may read the output any more.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(USAGE) } else { ExitCode::SUCCESS };
        }
        output::complain(&self.to_string());
        ExitCode::from(USAGE)
    }
}

/// Clap's error in one line, without colours and usage.
fn one_line(error: &clap::Error) -> String {
    let argument = error.get(ContextKind::InvalidArg);
    let source = std::error::Error::source(error);
    if let (Some(ContextValue::String(argument)), Some(source)) = (argument, source) {
        // The value may be a secret, so the error does not repeat it.
        return format!("{argument}: {source}");
    }
    let text = error.render().to_string();
    let text = text.split("\n\nUsage:").next().unwrap_or_default();
    let text = text.split("\n\nFor more information").next().unwrap_or_default();
    let text = text.strip_prefix("error: ").unwrap_or(text).replace("\n\n  tip: ", "; ");
    let words: Vec<&str> = text.split_whitespace().collect();
    format!("{}; --help says more", words.join(" "))
}
