//! The types of the vault's interface, generated from the WIT, with Rust's usual traits.

use std::fmt;

pub use crate::bindings::burrow::vault::types::{
    ByteRange, Error as VaultError, Image, Label, Packing, Source, Status,
};
pub use crate::bindings::exports::burrow::vault::maintenance::{
    Discovery, Fault, FaultKind, Repackable, Repacked, Restored, Smaller, Verified,
};
pub use crate::bindings::exports::burrow::vault::tags::{Renaming, TagCount, TagsPage};
pub use crate::bindings::exports::burrow::vault::vault::{
    Alike, Filter, Job, JobsPage, KnownLikeness, LikenessesPage, Numbers, Page, Resumed, Shown, SimilarImage,
    SmallPicture, Statistics, Sum,
};

impl Status {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Storing => "storing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FaultKind {
    /// The word used in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DamagedRecord => "damaged-record",
            Self::Newer => "newer",
            Self::DamagedContent => "damaged-content",
            Self::Unlisted => "unlisted",
            Self::HalfRemoved => "half-removed",
            Self::Stale => "stale",
            Self::Orphan => "orphan",
            Self::Condemned => "condemned",
            Self::WrongCount => "wrong-count",
            Self::UnknownKey => "unknown-key",
        }
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Default for Filter {
    /// Every image, newest first.
    fn default() -> Self {
        Self {
            tags: Vec::new(),
            status: None,
            words: None,
            host: None,
            media_type: None,
            since: None,
            until: None,
            oldest_first: false,
        }
    }
}

impl From<&str> for Source {
    /// A URL, found on no page that is known.
    fn from(url: &str) -> Self {
        Self { url: url.to_owned(), referrer: None }
    }
}

impl From<&String> for Source {
    /// A URL, found on no page that is known.
    fn from(url: &String) -> Self {
        url.as_str().into()
    }
}

impl Default for Label {
    /// No name, so that the vault takes one from the URL or the id; no tags.
    fn default() -> Self {
        Self { name: None, tags: Vec::new() }
    }
}
