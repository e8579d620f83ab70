//! Exit codes; [`crate::help::EXIT_CODES`] tells people of them.

/// Exit code: it could not be understood.
pub(crate) const USAGE: u8 = 2;
/// Exit code: it was interrupted, as shells say it.
pub(crate) const INTERRUPTED: u8 = 130;
