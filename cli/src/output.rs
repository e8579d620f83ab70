//! Printing: results to standard output, complaints, notes and progress to standard error.

use std::borrow::Cow;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use burrow_host::Status;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints a line of the result.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    drawn(&plain(text))
}

/// Prints a line of the result that has styles; they are left out where nobody wants them.
pub(crate) fn drawn(text: &str) -> std::io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Writes bytes to standard output as they are.
pub(crate) fn raw(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

/// Prints what went wrong.
pub(crate) fn complain(text: &str) {
    // If even this cannot be written, there is nobody left to tell.
    let _ = writeln!(anstream::stderr(), "{ERROR}burrow:{ERROR:#} {}", plain(text));
}

/// Prints what is good to know.
pub(crate) fn note(text: &str) {
    // As with complaints.
    let _ = writeln!(anstream::stderr(), "{}", plain(text));
}

/// Text without control characters: what others wrote must not move the cursor.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect::<String>().into()
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().si().to_string()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// How a status looks.
pub(crate) fn status_style(status: Status) -> Style {
    match status {
        Status::Ready => AnsiColor::Green.on_default(),
        Status::Failed => AnsiColor::Red.on_default(),
        Status::Pending | Status::Storing => AnsiColor::Yellow.on_default(),
    }
}

/// How wide the terminal is that standard output goes to; none if it goes elsewhere.
pub(crate) fn width() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| size.ws_col);
    Some(if columns == 0 { 80 } else { columns.into() })
}

/// A file that is written beside its place: it comes there whole, or not at all. A pipe or a device is written as it is.
#[derive(Debug)]
pub(crate) struct Part {
    /// None if it is written in its place.
    beside: Option<PathBuf>,
    place: PathBuf,
}

/// Files written beside their places so far.
static PARTS: AtomicU64 = AtomicU64::new(0);

impl Part {
    pub(crate) fn new(place: &Path) -> Self {
        let is_special = std::fs::metadata(place).is_ok_and(|metadata| !metadata.is_file());
        // Whatever the place's name, this one is short.
        let name = || format!(".burrow-{}-{}.part", std::process::id(), PARTS.fetch_add(1, Ordering::Relaxed));
        Self { beside: (!is_special).then(|| place.with_file_name(name())), place: place.into() }
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        self.beside.as_ref().unwrap_or(&self.place)
    }

    /// Whether it is a pipe, a device or the like.
    pub(crate) fn is_special(&self) -> bool {
        self.beside.is_none()
    }

    /// Puts it in its place.
    pub(crate) fn keep(mut self) -> std::io::Result<()> {
        self.beside.take().map_or(Ok(()), |beside| std::fs::rename(beside, &self.place))
    }
}

impl Drop for Part {
    /// Also when what wrote it was interrupted.
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // It may never have come to be.
            let _ = std::fs::remove_file(beside);
        }
    }
}

/// A line on the terminal that says how far it is; nothing where there is no terminal.
pub(crate) struct Progress {
    shown: Option<Instant>,
    is_terminal: bool,
}

/// How often the line changes.
const PACE: Duration = Duration::from_millis(100);

impl Progress {
    pub(crate) fn new() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Shows the line, if the last one has stood long enough.
    pub(crate) fn show(&mut self, text: impl Fn() -> String) {
        if self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= PACE) {
            // As with complaints.
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", text());
            self.shown = Some(Instant::now());
        }
    }

    /// Takes the line away.
    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() {
            // As with complaints.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Whether whoever read our output has had enough.
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
