//! What is stored beside chunks. The envelope around it is [`crate::envelope`]'s.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::key::{BlobId, ImageId, Sha256Hex};
use crate::status::Status;

/// Something that is stored in an envelope.
pub trait Record: Serialize + DeserializeOwned {
    /// The envelope's kind byte.
    const KIND: u8;
    /// What to call it in an error.
    const WHAT: &'static str;
}

/// How a blob's chunks were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Codec {
    /// The bytes as they are.
    Raw,
    /// Raw deflate (RFC 1951), ended by a full flush.
    Deflate,
}

impl Codec {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Deflate => "deflate",
        }
    }
}

/// One image, or the job that will make it one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Its id.
    pub id: ImageId,
    /// Its number in the feed.
    pub seq: u64,
    /// Its name.
    pub name: String,
    /// Its tags, without repeats.
    pub tags: Vec<String>,
    /// The URL it came from; none if the bytes were given.
    pub source: Option<String>,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When this record was written.
    pub updated: u64,
    /// When it was, if it came from another vault and has the dates that it had there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<u64>,
    /// Times a worker has begun it.
    pub attempts: u32,
    /// How far it has come.
    pub state: State,
}

/// How far an image has come, with what is known then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// Accepted.
    Pending {
        /// Until this time the accepting instance is about to begin; after it anybody may.
        lease: u64,
    },
    /// A worker is at it.
    Storing {
        /// Until this time the worker is taken to be alive.
        lease: u64,
    },
    /// Stored whole.
    Ready(Content),
    /// Given up.
    Failed {
        /// Why: one sentence for people.
        error: String,
    },
}

/// What is known of a ready image's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Where the packed bytes are.
    pub blob: BlobId,
    /// SHA-256 of the original.
    pub sha256: Sha256Hex,
    /// Bytes of the original.
    pub size: u64,
    /// Bytes of the packed form.
    pub stored_size: u64,
    /// How it was packed.
    pub codec: Codec,
    /// Media type found by looking.
    pub media_type: String,
    /// Width and height in pixels, if the format states them.
    pub dimensions: Option<(u32, u32)>,
}

impl ImageRecord {
    /// A time at which its number of the feed was taken already, and at which it last changed here.
    pub fn numbered(&self) -> u64 {
        self.updated.max(self.restored.unwrap_or(0))
    }

    /// Its status alone.
    pub fn status(&self) -> Status {
        match self.state {
            State::Pending { .. } => Status::Pending,
            State::Storing { .. } => Status::Storing,
            State::Ready(_) => Status::Ready,
            State::Failed { .. } => Status::Failed,
        }
    }

    /// If it is a job not done: until when somebody is taken to be at it; 0 if nobody began.
    pub fn held_until(&self) -> Option<u64> {
        match self.state {
            State::Pending { lease } | State::Storing { lease } => Some(lease),
            State::Ready(_) | State::Failed { .. } => None,
        }
    }

    /// Why it failed, if it did.
    pub fn failure(&self) -> Option<&str> {
        match &self.state {
            State::Failed { error } => Some(error),
            _ => None,
        }
    }

    /// Its content, if it is ready.
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
}

/// How a blob is cut into chunks. Chunk `n` holds the original bytes from `n * BLOCK`.
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
    /// Each chunk's packed length in bytes and XXH3-64.
    pub chunks: Vec<(u32, u64)>,
}

impl Manifest {
    /// Bytes of the packed form.
    pub fn stored_size(&self) -> u64 {
        self.chunks.iter().map(|(len, _)| u64::from(*len)).sum()
    }
}

impl Record for Manifest {
    const KIND: u8 = b'M';
    const WHAT: &'static str = "manifest";
}

/// A key's answer to "which one": the blob of a digest, the image of a feed number, a mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pointer {
    /// To a blob.
    Blob(BlobId),
    /// To an image.
    Image(ImageId),
    /// A number: of a feed or trash entry, or a time in milliseconds since 1970.
    Number(u64),
}

impl Record for Pointer {
    const KIND: u8 = b'P';
    const WHAT: &'static str = "pointer";
}

/// An image that came to bear a name. It need not bear it still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Namesake {
    /// The image's number in the feed.
    pub seq: u64,
    /// Its id.
    pub id: ImageId,
}

impl Record for Namesake {
    const KIND: u8 = b'N';
    const WHAT: &'static str = "name";
}

/// Something that may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trash {
    /// Not before this time, in milliseconds since 1970: who opened it before may still be reading.
    pub after: u64,
    /// What.
    pub what: Rubbish,
}

/// What may be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rubbish {
    /// A blob that no image uses: its manifest, chunks and counters.
    Blob(BlobId),
    /// The claims on an image that is gone.
    Removal(ImageId),
    /// The claim on a job, as it was written at a time, in one window of time.
    Takeover(ImageId, u64, u64),
    /// What is remembered of an idempotency key, given by its SHA-256, and the claim on it in one window of time.
    Answer(Sha256Hex, u64),
}

impl Record for Trash {
    const KIND: u8 = b'T';
    const WHAT: &'static str = "trash entry";
}

/// What a request with an idempotency key made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// What the request was.
    pub fingerprint: Sha256Hex,
    /// The images.
    pub images: Vec<ImageId>,
    /// Whether they were made; if not, whoever was to make them is at it or dead.
    pub done: bool,
    /// Until this time, in milliseconds since 1970, whoever makes them is taken to be alive.
    pub lease: u64,
    /// Until this time it is remembered.
    pub until: u64,
}

impl Record for Answered {
    const KIND: u8 = b'K';
    const WHAT: &'static str = "idempotency key";
}

/// What is known of the small pictures of a blob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preview {
    /// Somebody is about to draw one.
    Begun {
        /// Since when, in milliseconds since 1970; [`Preview::NOBODY`] if they have ended.
        since: u64,
        /// How many began before and are known to have died of it.
        died: u32,
    },
    /// One was drawn.
    Drawn {
        /// What to show until it is there: a `ThumbHash` in base64.
        placeholder: String,
    },
    /// None can be drawn, for that reason.
    None(String),
}

impl Preview {
    /// Since when somebody is about to draw one, if nobody is.
    pub const NOBODY: u64 = 0;
}

impl Record for Preview {
    const KIND: u8 = b'W';
    const WHAT: &'static str = "preview";
}

/// What is stored of a small picture; its bytes follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its media type.
    pub media_type: String,
    /// Its size in pixels.
    pub size: (u32, u32),
}

impl Record for Picture {
    const KIND: u8 = b'V';
    const WHAT: &'static str = "thumbnail";
}
