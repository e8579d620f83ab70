//! The configuration file: values of flags, for those who do not want to type them.
//!
//! A key is a flag's name with `_` for `-`; a flag of one verb stands in the table of that name. What can be set in the
//! environment can be set here: these are the flags that it makes sense to set once.

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
    /// Where it is; none if there is none.
    pub(crate) path: Option<PathBuf>,
    values: Vec<Value>,
}

/// A value of a flag.
#[derive(Debug)]
pub(crate) struct Value {
    /// Whose flag it is; none if it is every verb's.
    verb: Option<String>,
    id: String,
    pub(crate) line: usize,
    /// More than one only where a flag may be repeated.
    pub(crate) texts: Vec<String>,
}

/// Where the file is looked for unless one is named.
fn usual_path() -> Option<PathBuf> {
    let directory = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = directory("XDG_CONFIG_HOME").or_else(|| Some(directory("HOME")?.join(".config")))?;
    Some(config.join("burrow/config.toml"))
}

/// Whether a flag can be set in a file.
pub(crate) fn is_settable(arg: &Arg) -> bool {
    // A file does not name another.
    arg.get_env().is_some() && arg.get_id() != "config"
}

/// The flags of a verb, or of all of them, that can be set in a file.
pub(crate) fn settable(command: &Command) -> impl Iterator<Item = &Arg> {
    command.get_arguments().filter(|arg| is_settable(arg))
}

impl File {
    /// Reads the file that was named, which must be there, or the usual one, which need not.
    ///
    /// # Errors
    ///
    /// One line that says where what is wrong, never with a value: it may be a secret.
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

    /// What it says of a flag.
    pub(crate) fn get(&self, verb: Option<&str>, id: &str) -> Option<&Value> {
        self.values.iter().find(|value| value.verb.as_deref() == verb && value.id == id)
    }

    /// The command line with the file's values as defaults, so that flags and the environment come first.
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

/// A flag's name in a file.
pub(crate) fn key_of(arg: &Arg) -> Option<String> {
    arg.get_long().map(|long| long.replace('-', "_"))
}

/// A value as it would be typed, if the flag takes it.
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

/// Whether a flag takes this value.
///
/// # Errors
///
/// Why not, without the value: it may be a secret.
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
