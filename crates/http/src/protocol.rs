//! Rules of HTTP itself: conditions, ranges, negotiation, digests, preferences, forms.

pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod digest;
pub(crate) mod multipart;
pub(crate) mod negotiation;
pub(crate) mod parameters;
pub(crate) mod prefer;
pub(crate) mod range;
