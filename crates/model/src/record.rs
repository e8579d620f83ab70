//! The records that are stored in envelopes: images, manifests, pointers, trash, the index.

mod delivery;
mod object;
mod preview;
mod renaming;
mod repacking;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::appearance::Appearance;
use crate::error::Error;
use crate::key::{BlobId, ImageId, Job, SegmentId, Sha256Hex};
use crate::lease::Lease;
use crate::status::Status;

pub use delivery::{Deliveries, Delivery};
pub use object::{Object, ObjectStore};
pub use preview::{Likeness, Picture, Preview};
pub use renaming::{TagRename, TagRenames};
pub use repacking::{Attempt, Needs, Repacking, StoredForm, Told, Writes};

/// Something that is stored in an envelope.
pub trait Record: Serialize + DeserializeOwned {
    /// The envelope's kind byte.
    const KIND: u8;
    /// Its name in errors.
    const WHAT: &'static str;
    /// The newest version that this program reads. It reads every earlier one, too.
    const NEWEST: u8 = 1;

    /// The version to write: the first one that can hold this record, so that earlier programs read what they know.
    fn version(&self) -> u8 {
        1
    }
}

/// The record of a job of the whole vault. Whoever owns the claim of a version writes the next one.
pub trait Versioned: Record + Default + Clone {
    /// Whose record it is.
    const JOB: Job;

    /// How often it was written.
    fn written(&mut self) -> &mut u64;
}

/// How a blob's chunks were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codec {
    /// The bytes as they are.
    Raw,
    /// Raw deflate (RFC 1951) that ends on a full flush.
    Deflate,
    /// Lepton, for JPEG. It packs the original as a whole, not chunk by chunk, as do those below.
    Lepton,
    /// The deflate of PNG undone, and the pixels under the coder of `burrow-pixels` at its best; BMP, too.
    Pixels,
    /// The same with that coder's fast models.
    PixelsFast,
    /// LZMA, for what no other codec understands.
    Lzma,
}

impl Codec {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Deflate => "deflate",
            Self::Lepton => "lepton",
            Self::Pixels => "pixels",
            Self::PixelsFast => "pixels-fast",
            Self::Lzma => "lzma",
        }
    }

    /// Whether it packs the original as a whole, so that a part of it can be read only by unpacking all before it.
    pub fn is_whole(self) -> bool {
        match self {
            Self::Raw | Self::Deflate => false,
            Self::Lepton | Self::Pixels | Self::PixelsFast | Self::Lzma => true,
        }
    }
}

/// One image, or the job that is to download it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Its id.
    pub id: ImageId,
    /// Its feed number.
    pub seq: u64,
    /// Its name.
    pub name: String,
    /// Its tags, without repeats.
    pub tags: Vec<String>,
    /// The URL that it came from; `None` if the bytes were given.
    pub source: Option<String>,
    /// The page on which that URL was found: origins are told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub referrer: Option<String>,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When this record was written, in the same unit.
    pub updated: u64,
    /// When it was restored here, if it came from another vault; `created` and `updated` are then that vault's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<u64>,
    /// How many times a worker has begun it.
    pub attempts: u32,
    /// Its status, and what is known in that status.
    pub state: State,
}

/// The status of an image, with what is known in that status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// Accepted.
    Pending {
        /// The lease of the process that accepted it and is expected to begin; nobody's if any worker may begin.
        #[serde(flatten)]
        lease: Lease,
    },
    /// A worker is downloading, packing and storing it.
    Storing {
        /// The worker's lease.
        #[serde(flatten)]
        lease: Lease,
        /// How far it has come.
        #[serde(flatten)]
        progress: Progress,
    },
    /// Stored completely.
    Ready(Content),
    /// The job was given up.
    Failed {
        /// The reason: one sentence for people.
        error: String,
    },
}

/// How far a download has come; nothing before it has taken a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes that came; `None` before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received: Option<u64>,
    /// Bytes that the origin announced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected: Option<u64>,
}

/// What is known of a ready image's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The blob that holds the packed bytes.
    pub blob: BlobId,
    /// SHA-256 of the original.
    pub sha256: Sha256Hex,
    /// Bytes of the original.
    pub size: u64,
    /// Bytes of the packed form when the record was written. Repacking makes it smaller, and leaves the record as it is.
    pub stored_size: u64,
    /// How it was packed when the record was written.
    pub codec: Codec,
    /// Media type, detected from the bytes.
    pub media_type: String,
    /// How it is shown.
    #[serde(flatten)]
    pub appearance: Appearance,
    /// What is told of its repacking.
    #[serde(skip)]
    pub repacking: Told,
}

impl ImageRecord {
    /// A time by which its feed number had been taken in this vault: when the record last changed, or was restored
    /// here.
    pub fn numbered(&self) -> u64 {
        self.updated.max(self.restored.unwrap_or(0))
    }

    /// Its status.
    pub fn status(&self) -> Status {
        match self.state {
            State::Pending { .. } => Status::Pending,
            State::Storing { .. } => Status::Storing,
            State::Ready(_) => Status::Ready,
            State::Failed { .. } => Status::Failed,
        }
    }

    /// The lease of its worker, if it is an unfinished job.
    pub fn lease(&self) -> Option<Lease> {
        match self.state {
            State::Pending { lease } | State::Storing { lease, .. } => Some(lease),
            State::Ready(_) | State::Failed { .. } => None,
        }
    }

    /// How far the download of an unfinished job has come.
    pub fn progress(&self) -> Progress {
        match self.state {
            State::Storing { progress, .. } => progress,
            State::Pending { .. } | State::Ready(_) | State::Failed { .. } => Progress::default(),
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Failed { error } => Some(error),
            _ => None,
        }
    }

    /// Its content.
    ///
    /// # Errors
    ///
    /// [`Error::NotReady`] if it is not ready.
    pub fn content(&self) -> Result<&Content, Error> {
        match &self.state {
            State::Ready(content) => Ok(content),
            _ => Err(Error::NotReady(self.status())),
        }
    }
}

impl Record for ImageRecord {
    const KIND: u8 = b'I';
    const WHAT: &'static str = "image record";
    const NEWEST: u8 = 2;

    /// 2 since codecs pack a whole blob.
    fn version(&self) -> u8 {
        if self.content().is_ok_and(|content| content.codec.is_whole()) { 2 } else { 1 }
    }
}

/// What a blob's chunks hold. With a codec for blocks, chunk `n` holds the original bytes from `n * BLOCK`; with one for
/// the whole, the packed bytes from there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// How every chunk was packed.
    pub codec: Codec,
    /// Bytes of the original.
    pub size: u64,
    /// SHA-256 of the original.
    pub sha256: Sha256Hex,
    /// CRC-32 (ISO-HDLC, as in gzip) of the original.
    pub crc32: u32,
    /// The packed length of each chunk in bytes, and its XXH3-64.
    pub chunks: Vec<(u32, u64)>,
    /// If the blob was repacked: where its chunks are, and what unpacking takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repacked: Option<Repacked>,
}

/// The form into which a blob was repacked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repacked {
    /// The id under which the chunks lie. It is not that of the blob: under that lay the chunks before.
    pub place: BlobId,
    /// The version of the codec's packed form.
    pub codec_version: u32,
    /// Memory that unpacking takes, in bytes, with the packed form and the original.
    pub memory: u64,
    /// How long unpacking took when it was checked, in milliseconds.
    pub unpack_ms: u64,
    /// Bytes of the packed form before the first repacking.
    pub stored_before: u64,
    /// The terms of the index under which the saved bytes are counted: so they can be counted out again when the blob
    /// goes. Blobs that an earlier version repacked have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub counted: Vec<String>,
}

impl Manifest {
    /// The id under which the chunks lie, if this is the manifest of `blob`.
    pub fn place(&self, blob: BlobId) -> BlobId {
        self.repacked.as_ref().map_or(blob, |repacked| repacked.place)
    }

    /// The form in which it is stored, if the blob was repacked.
    pub fn form(&self) -> Option<StoredForm> {
        let unpack_ms = self.repacked.as_ref()?.unpack_ms;
        Some(StoredForm { codec: self.codec, stored_size: self.stored_size(), unpack_ms })
    }

    /// Bytes that repacking saves.
    pub fn saved(&self) -> u64 {
        self.repacked.as_ref().map_or(0, |repacked| repacked.stored_before.saturating_sub(self.stored_size()))
    }

    /// Bytes of the packed form.
    pub fn stored_size(&self) -> u64 {
        self.chunks.iter().map(|(len, _)| u64::from(*len)).sum()
    }
}

impl Record for Manifest {
    const KIND: u8 = b'M';
    const WHAT: &'static str = "manifest";
    const NEWEST: u8 = 2;

    /// 2 since blobs are repacked.
    fn version(&self) -> u8 {
        if self.repacked.is_some() { 2 } else { 1 }
    }
}

/// The blob of a digest, the image of a feed number or a URL, or the value of a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pointer {
    /// A blob.
    Blob(BlobId),
    /// An image.
    Image(ImageId),
    /// The number of a feed or trash entry, or a time in milliseconds since 1970.
    Number(u64),
}

impl Record for Pointer {
    const KIND: u8 = b'P';
    const WHAT: &'static str = "pointer";
}

/// An image that was given a name. It may have another name by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Namesake {
    /// The image's feed number.
    pub seq: u64,
    /// Its id.
    pub id: ImageId,
}

impl Record for Namesake {
    const KIND: u8 = b'N';
    const WHAT: &'static str = "name";
}

/// Something to delete, and the earliest time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trash {
    /// The earliest time, in milliseconds since 1970: until then a reader that opened it earlier may still read it.
    pub after: u64,
    /// What to delete.
    pub what: Rubbish,
}

/// What can be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rubbish {
    /// A blob that no image uses: its manifest, chunks, thumbnails and counters.
    Blob(BlobId),
    /// The claims to remove an image that is gone.
    Removal(ImageId),
    /// A claim to take over, retry, change or restore an image: the image, the time of its record, and the term. The
    /// claim on the next term goes with it.
    Takeover(ImageId, u64, u64),
    /// The record of an idempotency key, given by its SHA-256, and the claims to answer it in a term and its
    /// neighbours.
    Answer(Sha256Hex, u64),
    /// The chunks of a blob that was repacked, as they were before: the id under which they lie, and their number.
    Chunks(BlobId, u32),
    /// A claim to repack a blob: the blob, the number of attempts that had ended, and the term. The claim on the next
    /// term goes with it.
    Repacking(BlobId, u32, u64),
    /// A claim to write the record of a job of the whole vault: the job, the version before, and the term. The claim on
    /// the next term goes with it.
    Job(Job, u64, u64),
    /// The entries of a range of the index's log that a segment has.
    Log(u64),
    /// A segment of the index that a higher one has: its level, its first range, and its id.
    Segment(u32, u64, SegmentId),
    /// A claim to build a segment of the index: its level, its first range, and the term. The claim on the next term
    /// goes with it.
    Building(u32, u64, u64),
}

impl Record for Trash {
    const KIND: u8 = b'T';
    const WHAT: &'static str = "trash entry";
    const NEWEST: u8 = 2;

    /// 2 since blobs are repacked, images indexed, and jobs of the whole vault.
    fn version(&self) -> u8 {
        match self.what {
            Rubbish::Blob(_) | Rubbish::Removal(_) | Rubbish::Takeover(..) | Rubbish::Answer(..) => 1,
            Rubbish::Chunks(..)
            | Rubbish::Repacking(..)
            | Rubbish::Job(..)
            | Rubbish::Log(_)
            | Rubbish::Segment(..)
            | Rubbish::Building(..) => 2,
        }
    }
}

/// The images that a request with an idempotency key makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// The hash of the request: a different request with the same key is refused.
    pub fingerprint: Sha256Hex,
    /// The ids of the images.
    pub images: Vec<ImageId>,
    /// Whether all of them exist. If not, the process that answers is making them, or died.
    pub done: bool,
    /// The lease of the process that makes them.
    #[serde(flatten)]
    pub lease: Lease,
    /// Until this time, in the same unit, the key is remembered.
    pub until: u64,
}

impl Record for Answered {
    const KIND: u8 = b'K';
    const WHAT: &'static str = "idempotency key";
}

/// A change in what an image is found by: an entry of the index's log. Of several entries with one feed number, the
/// last counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEntry {
    /// The image's feed number; `None` if only counts change.
    pub seq: Option<u64>,
    /// The terms by which the image is found, sorted, at least; `None` if no image has this number any more.
    pub terms: Option<Vec<String>>,
    /// What is added to counts: for each, images, bytes of originals, packed bytes.
    pub counts: Vec<(String, Counts)>,
}

/// Counts of a term: images, bytes of their originals, packed bytes.
pub type Counts = [i64; 3];

impl Record for LogEntry {
    const KIND: u8 = b'E';
    const WHAT: &'static str = "log entry";
}

/// A segment of the index: what a range of the log says, sorted by term, in pages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its id, which its pages' keys have.
    pub id: SegmentId,
    /// For each page, the term of its first run, and the lowest feed number in that run.
    pub pages: Vec<(String, u64)>,
}

impl Record for Segment {
    const KIND: u8 = b'S';
    const WHAT: &'static str = "segment";
}

/// A page of a segment; its runs follow the record in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Postings {
    /// The number of runs.
    pub runs: u32,
}

impl Record for Postings {
    const KIND: u8 = b'Q';
    const WHAT: &'static str = "page of postings";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_of_earlier_versions_are_read_and_written_alike() {
        let image = r#"{"id":"0192f5a3-7c1e-7b52-9d41-3f2a6c8e0b17","seq":7,"name":"a","tags":[],"source":"http://a.example/","created":1,"updated":2,"attempts":1,"state":{"status":"failed","error":"x"}}"#;
        let read: ImageRecord = serde_json::from_str(image).unwrap();
        assert_eq!((read.referrer.as_deref(), read.restored), (None, None));
        assert_eq!(serde_json::to_string(&read).unwrap(), image);
        for preview in [r#"{"drawn":{"placeholder":"abc"}}"#, r#"{"begun":{"since":5,"died":1}}"#, r#"{"none":"x"}"#] {
            let read: Preview = serde_json::from_str(preview).unwrap();
            assert_eq!(read.likeness(), None);
            assert_eq!(serde_json::to_string(&read).unwrap(), preview);
        }
        let likeness = r#"{"drawn":{"placeholder":"abc","likeness":{"version":1,"bits":18446744073709551615}}}"#;
        let read: Preview = serde_json::from_str(likeness).unwrap();
        assert_eq!(read.likeness(), Some(Likeness { version: 1, bits: Some(u64::MAX) }));
        assert_eq!(serde_json::to_string(&read).unwrap(), likeness);
    }
}
