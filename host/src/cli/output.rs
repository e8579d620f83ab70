//! Printing: results to standard output, complaints to standard error.

use std::io::Write as _;

/// Prints a line of the result.
pub(super) fn line(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints what went wrong.
pub(super) fn complain(text: &str) {
    // If even this cannot be written, there is nobody left to tell.
    let _ = writeln!(std::io::stderr(), "burrow: {text}");
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    bytesize::ByteSize(count).display().si().to_string()
}
