//! The record of a blob's repacking: the attempts, and the form in which it is stored.

use serde::{Deserialize, Serialize};

use super::{Codec, Record};
use crate::key::BlobId;
use crate::lease::Lease;

/// What is known of a blob's repacking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repacking {
    /// How many attempts have ended.
    pub ended: u32,
    /// The codec that the last attempt tried last, and the version of its packed form.
    pub with: (Codec, u32),
    /// The last attempt.
    pub last: Attempt,
    /// If a limit forbade the codec that makes it smallest: what it would have to allow. Absent in older records.
    #[serde(default)]
    pub better: Option<Needs>,
    /// The form in which the blob is stored, once it is repacked.
    pub form: Option<StoredForm>,
}

/// An attempt to repack a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attempt {
    /// An instance is at it, or died of it.
    Begun {
        /// While it is held, the instance counts as alive.
        #[serde(flatten)]
        lease: Lease,
        /// How many instances began it before with the same codec, and did not end it.
        died: u32,
        /// The chunks that it writes, once that has begun.
        writes: Option<Writes>,
    },
    /// The blob was repacked.
    Packed,
    /// The blob stays as it is. No attempt with this codec and version follows.
    Kept {
        /// The reason: one sentence for people.
        why: String,
        /// If a limit was the reason: what it would have to allow. An attempt under such a limit may follow.
        needs: Option<Needs>,
    },
}

/// How a repacked blob is stored: a copy of what its manifest says, for those who show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredForm {
    /// The codec.
    pub codec: Codec,
    /// Bytes of the packed form.
    pub stored_size: u64,
    /// How long unpacking took when it was checked, in milliseconds.
    pub unpack_ms: u64,
}

/// What readers of an image are told of its blob's repacking. The image's record does not have it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// How long unpacking took when it was checked, in milliseconds, if the blob was repacked.
    pub unpack_ms: Option<u64>,
    /// Why the blob stays as it is, if that is known: one sentence for people.
    pub kept: Option<String>,
}

/// The chunks that an attempt writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Writes {
    /// The id under which they lie.
    pub place: BlobId,
    /// Their number.
    pub chunks: u32,
    /// The chunks that they replace: the id, and their number.
    pub replaces: (BlobId, u32),
}

/// What repacking a blob takes that a limit does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Needs {
    /// Bytes of memory.
    Memory(u64),
    /// Milliseconds to unpack it.
    Unpacking(u64),
}

impl Record for Repacking {
    const KIND: u8 = b'R';
    const WHAT: &'static str = "record of repacking";
}
