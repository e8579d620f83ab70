//! The record of tags that are being renamed, and of those that were a short while ago.

use serde::{Deserialize, Serialize};

use super::{Record, Versioned};
use crate::key::Job;

/// The renaming of a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRename {
    /// The old tag.
    pub from: String,
    /// The new one. Other images may have had it before.
    pub to: String,
    /// When it began, in milliseconds since 1970.
    pub begun: u64,
    /// When the last image had the new tag, in the same unit; `None` while it goes on.
    pub ended: Option<u64>,
    /// Every image up to this feed number was looked at.
    pub after: u64,
    /// Images that were changed.
    pub renamed: u64,
}

/// The tags that are being renamed or were a short while ago, in the order in which they were begun. Only the last can
/// be going on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TagRenames {
    /// How often the record was written: whoever owns the claim of a version writes the next one.
    pub version: u64,
    /// The renamings.
    pub renames: Vec<TagRename>,
}

impl TagRenames {
    /// The one that goes on.
    pub fn current(&self) -> Option<&TagRename> {
        self.renames.last().filter(|rename| rename.ended.is_none())
    }
}

impl Record for TagRenames {
    const KIND: u8 = b'J';
    const WHAT: &'static str = "record of renamed tags";
}

impl Versioned for TagRenames {
    const JOB: Job = Job::Tags;

    fn written(&mut self) -> &mut u64 {
        &mut self.version
    }
}
