//! Rules of HTTP itself: conditions, ranges, negotiation, digests, preferences.

pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod digest;
pub(crate) mod negotiation;
pub(crate) mod prefer;
pub(crate) mod range;
