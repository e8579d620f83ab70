//! `burrow config`: prints every setting and where its value comes from.

use std::any::TypeId;
use std::process::ExitCode;

use anstyle::Style;
use burrow_host::Proxy;
use burrow_host::kv::Location;
use clap::builder::Arg;
use clap::parser::ValueSource;

use crate::file;
use crate::output;
use crate::parse::Parsed;
use crate::parse::Refused;
use crate::settings::{Secret, default_of};
use crate::table::{Cell, Column, Table};

/// Show the configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct Config {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, clap::Subcommand)]
enum Act {
    /// Print every value and where it comes from. Secrets are not printed.
    Show,
}

impl Config {
    pub(crate) fn run(self, parsed: &Parsed) -> anyhow::Result<ExitCode> {
        let Act::Show = self.act;
        let file = parsed.file.path.as_ref().map_or_else(|| "none".into(), |path| path.display().to_string());
        let mut rows = vec![row("config", &file, parsed.file_origin())];
        let globals = file::settable(&parsed.command).map(|arg| (None, arg));
        let verbs = parsed.command.get_subcommands();
        let of_verbs = verbs.flat_map(|verb| file::settable(verb).map(move |arg| (Some(verb.get_name()), arg)));
        for (verb, arg) in globals.chain(of_verbs) {
            let key = file::key_of(arg).unwrap_or_default();
            let key = verb.map_or_else(|| key.clone(), |verb| format!("{verb}.{key}"));
            let (value, origin) = value(parsed, verb, arg)?;
            rows.push(row(&key, &value.map_or_else(|| "-".into(), |value| shown(arg, &value)), &origin));
        }
        let text = |title| Column { title, is_number: false, least: None, spare: 0 };
        let columns = [text("KEY"), Column { least: Some(20), ..text("VALUE") }, text("ORIGIN")];
        let mut table = Table::new(columns, output::width());
        table.fit(&rows);
        for line in table.titles().into_iter().chain(rows.iter().map(|row| table.row(row))) {
            output::drawn(&line)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn row(key: &str, value: &str, origin: &str) -> [Cell; 3] {
    [Cell::new(key), Cell::new(value), Cell::styled(origin, Style::new().dimmed())]
}

/// The value of a flag, if it has one, and where it comes from.
fn value(parsed: &Parsed, verb: Option<&str>, arg: &Arg) -> Result<(Option<String>, String), Refused> {
    let id = arg.get_id().as_str();
    // A flag of another verb than `config` cannot have been typed.
    if verb.is_none() && parsed.matches.value_source(id) == Some(ValueSource::CommandLine) {
        let typed = parsed.matches.get_raw(id).into_iter().flatten().map(|value| value.to_string_lossy().into_owned());
        let long = arg.get_long().unwrap_or_default();
        return Ok((Some(typed.collect::<Vec<_>>().join(", ")), format!("flag --{long}")));
    }
    if let Some((name, value)) = arg.get_env().and_then(|name| Some((name, std::env::var_os(name)?))) {
        let (name, value) = (name.to_string_lossy(), value.to_string_lossy());
        file::check(arg, &value).map_err(|what| Refused::Unusable(format!("{name}: {what}")))?;
        return Ok((Some(value.into_owned()), format!("environment variable {name}")));
    }
    if let Some(value) = parsed.file.get(verb, id) {
        return Ok((Some(value.texts.join(", ")), format!("file, line {}", value.line)));
    }
    let default = arg.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
    Ok((default.or_else(|| default_of(id).map(Into::into)), "default".into()))
}

/// A value for people, without secrets.
fn shown(arg: &Arg, value: &str) -> String {
    let parser = arg.get_value_parser().type_id();
    if parser == TypeId::of::<Secret>() {
        return "(secret)".into();
    }
    if parser == TypeId::of::<Location>() {
        // A location shows itself without its password, and so does a proxy.
        return value.parse().map_or_else(|_| "(unreadable)".into(), |location: Location| location.to_string());
    }
    if parser == TypeId::of::<Proxy>() {
        return value.parse().map_or_else(|_| "(unreadable)".into(), |proxy: Proxy| proxy.to_string());
    }
    value.to_owned()
}
