//! The configuration file: reads it, checks it, and makes its values defaults of flags.
//!
//! A key is a flag's name with `_` for `-`. The flags of a verb are in a table named after the verb. The file can set
//! every flag that has an environment variable, except `--config`.

use std::any::TypeId;
use std::num::{NonZeroU16, NonZeroU32, NonZeroU64, NonZeroUsize};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::builder::Arg;
use clap::{ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A configuration file, read and checked.
#[derive(Debug, Default)]
pub(crate) struct File {
    /// The file's path, or `None` if there is no file.
    pub(crate) path: Option<PathBuf>,
    values: Vec<Value>,
}

/// A flag's value in the file.
#[derive(Debug)]
pub(crate) struct Value {
    /// The verb that the flag belongs to, or `None` for a global flag.
    verb: Option<String>,
    id: String,
    pub(crate) line: usize,
    /// The values as text. Only a flag that may be repeated has more than one.
    pub(crate) texts: Vec<String>,
}

/// The file that is read if no file is named.
fn usual_path() -> Option<PathBuf> {
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = directory("XDG_CONFIG_HOME").or_else(|| Some(directory("HOME")?.join(".config")))?;
    Some(config.join("burrow/config.toml"))
}

/// Whether the configuration file can set a flag.
pub(crate) fn is_settable(arg: &Arg) -> bool {
    // A configuration file cannot name another one.
    arg.get_env().is_some() && arg.get_id() != "config"
}

/// The flags of `command` that the configuration file can set.
pub(crate) fn settable(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| is_settable(arg))
}

impl File {
    /// Reads the named file, which must exist, or the usual one, which may be missing.
    ///
    /// # Errors
    ///
    /// One line that names the file, the line, the key and what is wrong. It never repeats a value, which may be a
    /// secret.
    pub(crate) fn read(named: Option<&Path>, command: &Command) -> Result<Self, String> {
        let Some(path) = named.map(PathBuf::from).or_else(usual_path) else { return Ok(Self::default()) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if named.is_none() && error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
        };
        let values = parse(&text, command).map_err(|wrong| {
            let line = wrong.line.map_or_else(String::new, |line| format!(", line {line}"));
            format!("{}{line}: {}", path.display(), wrong.what)
        })?;
        Ok(Self { path: Some(path), values })
    }

    /// The file's value of a flag, if it sets one.
    pub(crate) fn get(&self, verb: Option<&str>, id: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.verb.as_deref() == verb && value.id == id)
    }

    /// The command with the file's values as defaults, so that flags and the environment override them.
    pub(crate) fn apply(&self, command: Command) -> Command {
        self.values.iter().fold(command, |command, value| {
            let set = |command: Command| command.mut_arg(&value.id, |arg| arg.default_values(value.texts.clone()));
            match &value.verb {
                None => set(command),
                Some(verb) => command.mut_subcommand(verb, set),
            }
        })
    }
}

/// What is wrong with a file.
struct Wrong {
    line: Option<usize>,
    what: String,
}

fn parse(text: &str, command: &Command) -> Result<Vec<Value>, Wrong> {
    let line = |span: Range<usize>| text.get(..span.start).map_or(0, |before| before.matches('\n').count()) + 1;
    let table = DeTable::parse(text)
        .map_err(|error| Wrong { line: error.span().map(line), what: error.message().replace('\n', ", ") })?;
    let mut values = Vec::new();
    for (key, value) in table.get_ref() {
        let wrong = |what: &str| Wrong { line: Some(line(key.span())), what: format!("{}: {what}", key.get_ref()) };
        let verb = command.find_subcommand(key.get_ref().as_ref()).filter(|verb| settable(verb).next().is_some());
        match (verb, value.get_ref()) {
            (None, DeValue::Table(_)) => {
                return Err(wrong("there is no such table; `burrow config show` has all keys"));
            }
            (None, _) => values.push(entry(None, command, key, value, &line)?),
            (Some(verb), DeValue::Table(table)) => {
                for (key, value) in table {
                    values.push(entry(Some(verb.get_name()), verb, key, value, &line)?);
                }
            }
            (Some(_), _) => return Err(wrong("a table is needed")),
        }
    }
    Ok(values)
}

fn entry(
    verb: Option<&str>,
    command: &Command,
    key: &Spanned<std::borrow::Cow<'_, str>>,
    value: &Spanned<DeValue<'_>>,
    line: &impl Fn(Range<usize>) -> usize,
) -> Result<Value, Wrong> {
    let name = verb.map_or_else(|| key.get_ref().to_string(), |verb| format!("{verb}.{}", key.get_ref()));
    let at = |span, what: &str| Wrong { line: Some(line(span)), what: format!("{name}: {what}") };
    let found = settable(command).find(|arg| key_of(arg).as_deref() == Some(key.get_ref()));
    let arg = found.ok_or_else(|| at(key.span(), "there is no such key; `burrow config show` has all"))?;
    let texts = match value.get_ref() {
        DeValue::Array(values) if matches!(arg.get_action(), ArgAction::Append) => {
            values.iter().map(|value| text(arg, value.get_ref()).map_err(|what| at(value.span(), &what))).collect()
        }
        one => text(arg, one).map(|text| vec![text]).map_err(|what| at(value.span(), &what)),
    }?;
    Ok(Value { verb: verb.map(Into::into), id: arg.get_id().to_string(), line: line(key.span()), texts })
}

/// A flag's key in the configuration file.
pub(crate) fn key_of(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

/// The value as a user would type it.
///
/// # Errors
///
/// Which type or value the flag needs, without the value.
fn text(arg: &Arg, value: &DeValue<'_>) -> Result<String, String> {
    let parser = arg.get_value_parser().type_id();
    let numbers = [
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
        TypeId::of::<NonZeroU16>(),
        TypeId::of::<NonZeroU32>(),
        TypeId::of::<NonZeroU64>(),
        TypeId::of::<NonZeroUsize>(),
    ];
    let text = match value {
        _ if parser == TypeId::of::<bool>() => {
            value.as_bool().map(|value| value.to_string()).ok_or("true or false is needed")
        }
        _ if numbers.iter().any(|number| parser == *number) => value
            .as_integer()
            .and_then(|integer| i128::from_str_radix(integer.as_str(), integer.radix()).ok())
            .map(|integer| integer.to_string())
            .ok_or("a whole number is needed"),
        _ => value.as_str().map(ToOwned::to_owned).ok_or("text in quotation marks is needed"),
    }?;
    check(arg, &text)?;
    Ok(text)
}

/// Checks that a flag accepts a value.
///
/// # Errors
///
/// The reason why it does not, without the value, which may be a secret.
pub(crate) fn check(arg: &Arg, value: &str) -> Result<(), String> {
    let words: Vec<_> = arg.get_possible_values().iter().map(|word| word.get_name().to_owned()).collect();
    let long = arg.get_long().unwrap_or_default();
    let alone = Command::new("check").no_binary_name(true).arg(arg.clone().env(None::<&str>).required(false));
    let Err(error) = alone.try_get_matches_from([format!("--{long}={value}")]) else { return Ok(()) };
    Err(match std::error::Error::source(&error) {
        Some(source) => source.to_string(),
        None if words.is_empty() => "it is set, but empty".into(),
        None => format!("one of {} is needed", words.join(", ")),
    })
}
