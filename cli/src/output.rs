//! Printing: results to standard output; errors, notes and progress to standard error.

use std::borrow::Cow;
use std::fs::File;
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use burrow_host::Status;
use tempfile::TempPath;

const ERROR: Style = AnsiColor::Red.on_default().bold();

/// Prints a line of the result. Escapes control characters.
pub(crate) fn line(text: &str) -> std::io::Result<()> {
    drawn(&plain(text))
}

/// Prints a line of the result as it is. Leaves out its styles unless `--color` or the terminal wants them.
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

/// Prints an error.
pub(crate) fn complain(text: &str) {
    // If standard error cannot be written, the error cannot be reported anywhere.
    let _ = writeln!(anstream::stderr(), "{ERROR}burrow:{ERROR:#} {}", plain(text));
}

/// Prints a note.
pub(crate) fn note(text: &str) {
    // As in `complain`.
    let _ = writeln!(anstream::stderr(), "{}", plain(text));
}

/// Notes that a proxy which the environment names is not used.
pub(crate) fn note_proxies() {
    const NAMES: [&str; 6] = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|proxy| !proxy.is_empty());
    if let Some(name) = NAMES.iter().find(is_set) {
        note(&format!("note: {name} is set, but origins are asked directly; --outbound-proxy names a proxy to Burrow"));
    }
}

/// Escapes control characters: text from outside must not move the terminal's cursor.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escape).collect::<String>().into()
}

/// A number of bytes in a unit for people, such as `1.2 MB`.
pub(crate) fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().si().to_string()
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// The colour of a status.
pub(crate) fn status_style(status: Status) -> Style {
    match status {
        Status::Ready => AnsiColor::Green.on_default(),
        Status::Failed => AnsiColor::Red.on_default(),
        Status::Pending | Status::Storing => AnsiColor::Yellow.on_default(),
    }
}

/// The terminal's width in characters, or `None` if standard output is no terminal.
pub(crate) fn width() -> Option<usize> {
    let out = std::io::stdout();
    if !out.is_terminal() {
        return None;
    }
    let columns = rustix::termios::tcgetwinsize(&out).map_or(0, |size| size.ws_col);
    Some(if columns == 0 { 80 } else { columns.into() })
}

/// An output file. It is written under a temporary name in the same directory and renamed when it is complete, so that
/// its place never holds half a file. A pipe or a device is written directly.
#[derive(Debug)]
pub(crate) struct Part {
    /// The temporary file, which is removed unless it is kept; `None` if the output is written directly.
    beside: Option<TempPath>,
    place: PathBuf,
}

impl Part {
    /// Creates the temporary file, or opens the pipe or device. The name is random and the file is new: in a directory
    /// that others write to, nobody can plant a link in its place.
    pub(crate) fn create(place: &Path) -> std::io::Result<(Self, File)> {
        if std::fs::metadata(place).is_ok_and(|metadata| !metadata.is_file()) {
            let file = File::options().write(true).open(place)?;
            return Ok((Self { beside: None, place: place.into() }, file));
        }
        let directory = place.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // The umask applies, as for any new file.
        let mode = std::fs::Permissions::from_mode(0o666);
        let file =
            tempfile::Builder::new().prefix(".burrow-").suffix(".part").permissions(mode).tempfile_in(directory)?;
        let (file, beside) = file.into_parts();
        Ok((Self { beside: Some(beside), place: place.into() }, file))
    }

    /// Whether the output is no regular file: a pipe, a device or a directory.
    pub(crate) fn is_special(&self) -> bool {
        self.beside.is_none()
    }

    /// Renames the temporary file to its place. It replaces a file that is there.
    pub(crate) fn keep(self) -> std::io::Result<()> {
        let Self { beside, place } = self;
        beside.map_or(Ok(()), |beside| beside.persist(place)).map_err(|refused| refused.error)
    }

    /// Renames the temporary file to its place.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](std::io::ErrorKind::AlreadyExists) if there is a file or a link already.
    pub(crate) fn keep_new(self) -> std::io::Result<()> {
        let Self { beside, place } = self;
        beside.map_or(Ok(()), |beside| beside.persist_noclobber(place)).map_err(|refused| refused.error)
    }
}

/// A line of progress on standard error, if that is a terminal.
pub(crate) struct Progress {
    shown: Option<Instant>,
    is_terminal: bool,
}

/// Shortest time between two changes of the line.
const PACE: Duration = Duration::from_millis(100);

impl Progress {
    pub(crate) fn new() -> Self {
        Self { shown: None, is_terminal: std::io::stderr().is_terminal() }
    }

    /// Replaces the line, unless it has changed within [`PACE`].
    pub(crate) fn show(&mut self, text: impl Fn() -> String) {
        if self.is_terminal && self.shown.is_none_or(|shown| shown.elapsed() >= PACE) {
            // As in `complain`.
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", text());
            self.shown = Some(Instant::now());
        }
    }

    /// Erases the line.
    pub(crate) fn clear(&mut self) {
        if self.shown.take().is_some() {
            // As in `complain`.
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

/// Whether the error is that nobody reads our output any more (`burrow ls | head`).
pub(crate) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<std::io::Error>());
    causes.any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
