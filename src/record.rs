//! What is stored beside chunks: records as JSON in a checked envelope.
//!
//! ```text
//! byte 0      kind: 'I' image, 'M' manifest, 'P' pointer, 'N' name, 'T' trash, 'K' idempotency key, 'W' preview, 'V' thumbnail
//! byte 1      version of that kind, now 1; others are refused, never guessed
//! bytes 2-9   XXH3-64, little-endian, of the key, a zero byte, and the JSON
//! bytes 10-   JSON
//! ```
//! The key is hashed too, so that a value that ended up under another key is noticed.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::Xxh3Default;

use crate::codec::Codec;
use crate::error::Error;
use crate::key::{BlobId, ImageId, Key, Sha256Hex};

const VERSION: u8 = 1;
const HEADER: usize = 10;

/// Something that is stored in an envelope.
pub trait Record: Serialize + DeserializeOwned {
    /// The envelope's kind byte.
    const KIND: u8;
    /// What to call it in an error.
    const WHAT: &'static str;
}

/// How far an image has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no worker has begun.
    Pending,
    /// A worker is at it.
    Storing,
    /// Stored whole.
    Ready,
    /// Given up.
    Failed,
}

impl Status {
    /// Reads the word used in JSON.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Storing, Self::Ready, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Storing => "storing",
            Self::Ready => "ready",
            Self::Failed => "failed",
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

/// Puts a record and the bytes that belong to it into one envelope: the JSON, a zero byte, which JSON never holds, and
/// the bytes.
pub fn encode_with<R: Record>(key: &Key, record: &R, bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let mut value = json_of(key, record)?;
    value.push(0);
    value.extend_from_slice(bytes);
    Ok(sealed(key, R::KIND, value))
}

/// Takes a record and its bytes out of their envelope.
pub fn decode_with<R: Record>(key: &Key, value: &[u8]) -> Result<(R, Vec<u8>), Error> {
    let content = opened::<R>(key, value)?;
    let end = content.iter().position(|&byte| byte == 0).ok_or_else(|| corrupt::<R>(key, "it has no bytes"))?;
    let (json, bytes) = content.split_at(end);
    let record = serde_json::from_slice(json).map_err(|error| corrupt::<R>(key, error))?;
    Ok((record, bytes.get(1..).unwrap_or_default().to_vec()))
}

/// Puts a record into its envelope, for storing under `key`.
pub fn encode<R: Record>(key: &Key, record: &R) -> Result<Vec<u8>, Error> {
    Ok(sealed(key, R::KIND, json_of(key, record)?))
}

/// Takes a record out of its envelope. Every damage is [`Error::Corrupt`] and names the key.
pub fn decode<R: Record>(key: &Key, value: &[u8]) -> Result<R, Error> {
    serde_json::from_slice(opened::<R>(key, value)?).map_err(|error| corrupt::<R>(key, error))
}

/// JSON, with room for the envelope's header.
fn json_of<R: Record>(key: &Key, record: &R) -> Result<Vec<u8>, Error> {
    let mut value = vec![0; HEADER];
    serde_json::to_writer(&mut value, record)
        .map_err(|error| Error::Corrupt(format!("{} {key} cannot be written: {error}", R::WHAT)))?;
    Ok(value)
}

/// Writes the header.
fn sealed(key: &Key, kind: u8, mut value: Vec<u8>) -> Vec<u8> {
    let sum = checksum(key, value.get(HEADER..).unwrap_or_default());
    value.splice(..HEADER, [kind, VERSION].into_iter().chain(sum.to_le_bytes()));
    value
}

/// Checks the header, and returns what follows it.
fn opened<'a, R: Record>(key: &Key, value: &'a [u8]) -> Result<&'a [u8], Error> {
    let Some((&[kind, version, ref sum @ ..], content)) = value.split_first_chunk::<HEADER>() else {
        return Err(corrupt::<R>(key, format_args!("only {} bytes long", value.len())));
    };
    if kind != R::KIND {
        return Err(corrupt::<R>(key, format_args!("kind byte {kind:#04x}, expected {:#04x}", R::KIND)));
    }
    // Before all else: another version may have another checksum.
    if version != VERSION {
        return Err(Error::Newer(format!("{} {key} has version {version}, and only {VERSION} is known here", R::WHAT)));
    }
    let stored = sum.iter().rev().fold(0, |sum, &byte| (sum << 8) | u64::from(byte));
    if stored == checksum(key, content) { Ok(content) } else { Err(corrupt::<R>(key, "checksum does not match")) }
}

fn corrupt<R: Record>(key: &Key, why: impl fmt::Display) -> Error {
    Error::Corrupt(format!("{} {key}: {why}", R::WHAT))
}

fn checksum(key: &Key, json: &[u8]) -> u64 {
    let mut hash = Xxh3Default::new();
    hash.update(key.as_str().as_bytes());
    hash.update(&[0]);
    hash.update(json);
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored() -> (Key, Vec<u8>) {
        let key = Key::trash(7);
        let record = Trash { after: 5, what: Rubbish::Blob(BlobId::new(1, &[2; 10])) };
        let value = encode(&key, &record).unwrap();
        assert_eq!(decode::<Trash>(&key, &value).unwrap(), record);
        (key, value)
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let (key, value) = stored();
        for bit in 0..value.len() * 8 {
            let mut damaged = value.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let error = decode::<Trash>(&key, &damaged).unwrap_err();
            let expected = matches!((bit / 8, error), (1, Error::Newer(_)) | (_, Error::Corrupt(_)));
            assert!(expected, "bit {bit}");
        }
    }

    #[test]
    fn truncation_and_a_foreign_key_are_noticed() {
        let (key, value) = stored();
        for len in 0..value.len() {
            assert!(decode::<Trash>(&key, &value[..len]).is_err(), "{len} bytes");
        }
        assert!(decode::<Trash>(&Key::trash(8), &value).is_err());
        assert!(decode::<Manifest>(&key, &value).is_err());
    }
}
