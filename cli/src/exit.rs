//! Exit codes. [`crate::help::EXIT_CODES`] is their table in the help.

/// Exit code: invalid arguments or configuration.
pub(crate) const USAGE: u8 = 2;
/// Exit code: interrupted. Shells report 128 plus the number of the signal, here SIGINT.
pub(crate) const INTERRUPTED: u8 = 130;
