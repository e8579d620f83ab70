//! Printing: results to standard output, complaints, notes and progress to standard error.

use std::borrow::Cow;
use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Prints a line of the result.
pub(super) fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", plain(text))?;
    out.flush()
}

/// Prints what went wrong.
pub(super) fn complain(text: &str) {
    note(&format!("burrow: {text}"));
}

/// Prints what is good to know.
pub(super) fn note(text: &str) {
    // If even this cannot be written, there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "{}", plain(text));
}

/// Text without control characters: what others wrote must not move the cursor.
fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect::<String>().into()
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().si().to_string()
}

/// Where a file is written before it is whole.
pub(super) fn part(path: &Path) -> PathBuf {
    let mut part = OsString::from(path);
    part.push(format!(".{}.part", std::process::id()));
    part.into()
}

/// A line on the terminal that says how far it is; nothing where there is no terminal.
pub(super) struct Progress {
    shown: Option<Instant>,
    is_terminal: bool,
}

/// How often the line changes.
const PACE: Duration = Duration::from_millis(100);

impl Progress {
    pub(super) fn new() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Shows the line, if the last one has stood long enough.
    pub(super) fn show(&mut self, text: impl Fn() -> String) {
        if self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= PACE) {
            // As with notes.
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", text());
            self.shown = Some(Instant::now());
        }
    }

    /// Takes the line away.
    pub(super) fn clear(&mut self) {
        if self.shown.take().is_some() {
            // As with notes.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
