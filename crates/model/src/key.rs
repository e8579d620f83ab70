//! Keys of the store: at most 200 bytes of `[a-z0-9:._-]`, which every store takes.
//!
//! docs/storage-format.md has the form and the value of each key; [`Family`] says when a write to it must be durable,
//! and [`Kind`] parses a key.

mod family;
mod kind;

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

pub use family::{Durability, Family};
pub use kind::Kind;

/// One key of the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key(String);

/// An image's id: a `UUIDv7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct ImageId(Uuid);

/// A blob's id: a `UUIDv7`. Each packing has a new one, so no two writers ever write the same chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct BlobId(Uuid);

/// The id of a segment of the index: a `UUIDv7`. Each building has a new one, so no two builders write the same page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct SegmentId(Uuid);

impl ImageId {
    /// Makes an id from the time in milliseconds since 1970 and ten random bytes (RFC 9562 section 5.7).
    pub fn new(now: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now, random).into_uuid())
    }

    /// Parses the hyphenated form; `None` for any other form and any other UUID version.
    pub fn parse(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let id = Self(uuid);
        (uuid.get_version_num() == 7 && text.eq_ignore_ascii_case(&id.to_string())).then_some(id)
    }
}

impl BlobId {
    /// Makes an id; see [`ImageId::new`].
    pub fn new(now: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now, random).into_uuid())
    }

    /// Parses the form of `Display`, 32 lower-case hexadecimal digits; `None` for any other form.
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(Uuid::try_parse(text).ok()?);
        (id.to_string() == text).then_some(id)
    }

    /// The id as a number, in the order of ids.
    pub fn to_u128(self) -> u128 {
        self.0.as_u128()
    }

    /// The id of a number from [`BlobId::to_u128`].
    pub fn from_u128(number: u128) -> Self {
        Self(Uuid::from_u128(number))
    }
}

impl SegmentId {
    /// Makes an id; see [`ImageId::new`].
    pub fn new(now: u64, random: &[u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now, random).into_uuid())
    }
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl fmt::Display for BlobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

impl fmt::Display for SegmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// A job of the whole vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    /// Renames tags.
    Tags,
    /// Tells the webhook of images.
    Webhook,
}

impl Job {
    /// Every job.
    pub const ALL: [Self; 2] = [Self::Tags, Self::Webhook];

    /// Its word in keys.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::Webhook => "webhook",
        }
    }
}

/// A counter or mark of the whole vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vaultwide {
    /// Counter: the highest feed number given out.
    Feed,
    /// Counter: the highest trash number given out.
    Trash,
    /// Counter: ready images.
    Ready,
    /// Counter: pending and storing images.
    Pending,
    /// Counter: failed images.
    Failed,
    /// Counter: bytes of the originals of ready images.
    OriginalBytes,
    /// Counter: packed bytes; content that several images share counts once.
    StoredBytes,
    /// Mark: when an image last became ready.
    LastUploaded,
    /// Mark: every image up to this feed number is ready, failed or removed.
    Settled,
    /// Mark: every trash entry up to this number is deleted.
    Emptied,
    /// Counter: how often a process opened a store that only one process at a time can open.
    Generation,
    /// Counter: repacked blobs.
    Repacked,
    /// Counter: bytes that repacking saves.
    SavedBytes,
    /// Mark: the search for blobs to repack goes on after this feed number.
    Searched,
    /// Counter: the highest number given out in the log of the index.
    Log,
    /// Mark: the index has every image. It begins after this number of the log.
    Indexed,
}

impl Vaultwide {
    /// Every counter and mark.
    pub const ALL: [Self; 16] = [
        Self::Feed,
        Self::Trash,
        Self::Ready,
        Self::Pending,
        Self::Failed,
        Self::OriginalBytes,
        Self::StoredBytes,
        Self::LastUploaded,
        Self::Settled,
        Self::Emptied,
        Self::Generation,
        Self::Repacked,
        Self::SavedBytes,
        Self::Searched,
        Self::Log,
        Self::Indexed,
    ];
}

impl Key {
    fn of(family: Family, rest: impl fmt::Display) -> Self {
        Self(format!("{}{rest}", family.prefix()))
    }

    /// The key's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `b1:i:{image}`.
    pub fn image(id: ImageId) -> Self {
        Self::of(Family::Image, id)
    }

    /// `b1:m:{blob}`.
    pub fn manifest(blob: BlobId) -> Self {
        Self::of(Family::Manifest, blob)
    }

    /// `b1:c:{blob}:{n}`.
    pub fn chunk(blob: BlobId, n: u32) -> Self {
        Self::of(Family::Chunk, format_args!("{blob}:{n}"))
    }

    /// `b1:b:{blob}`.
    pub fn object(blob: BlobId) -> Self {
        Self::of(Family::Object, blob)
    }

    /// `b1:b:store`.
    pub fn object_store() -> Self {
        Self::of(Family::Object, "store")
    }

    /// `b1:d:{sha256}`.
    pub fn digest(sha256: &Sha256Hex) -> Self {
        Self::of(Family::Digest, sha256)
    }

    /// `b1:u:{blob}`.
    pub fn sharers(blob: BlobId) -> Self {
        Self::of(Family::Sharing, blob)
    }

    /// `b1:u:{blob}:end`.
    pub fn sharing_ended(blob: BlobId) -> Self {
        Self::of(Family::Sharing, format_args!("{blob}:end"))
    }

    /// `b1:n:{sha256 of name}`.
    pub fn name(name: &Sha256Hex) -> Self {
        Self::of(Family::Name, name)
    }

    /// `b1:n:{sha256 of name}:{n}`.
    pub fn namesake(name: &Sha256Hex, n: u64) -> Self {
        Self::of(Family::Name, format_args!("{name}:{n}"))
    }

    /// `b1:f:{seq}`.
    pub fn feed(seq: u64) -> Self {
        Self::of(Family::Feed, seq)
    }

    /// `b1:o:{sha256 of URL}`.
    pub fn source(url: &Sha256Hex) -> Self {
        Self::of(Family::Source, url)
    }

    /// `b1:p:{blob}`.
    pub fn preview(blob: BlobId) -> Self {
        Self::of(Family::Preview, blob)
    }

    /// `b1:v:{blob}:{width}`.
    pub fn thumbnail(blob: BlobId, width: u32) -> Self {
        Self::of(Family::Thumbnail, format_args!("{blob}:{width}"))
    }

    /// `b1:a:{image}:{updated}:{term}`.
    pub fn takeover(id: ImageId, updated: u64, term: u64) -> Self {
        Self::of(Family::Takeover, format_args!("{id}:{updated}:{term}"))
    }

    /// `b1:r:{blob}`.
    pub fn repacking(blob: BlobId) -> Self {
        Self::of(Family::Repacking, blob)
    }

    /// `b1:r:{blob}:{ended}:{term}`.
    pub fn repacking_claim(blob: BlobId, ended: u32, term: u64) -> Self {
        Self::of(Family::Repacking, format_args!("{blob}:{ended}:{term}"))
    }

    /// `b1:j:{job}`.
    pub fn job(job: Job) -> Self {
        Self::of(Family::Job, job.as_str())
    }

    /// `b1:j:{job}:{version}:{term}`.
    pub fn job_claim(job: Job, version: u64, term: u64) -> Self {
        Self::of(Family::Job, format_args!("{}:{version}:{term}", job.as_str()))
    }

    /// `b1:k:{sha256 of key}`.
    pub fn answered(key: &Sha256Hex) -> Self {
        Self::of(Family::Idempotency, key)
    }

    /// `b1:k:{sha256 of key}:{term}`.
    pub fn answering(key: &Sha256Hex, term: u64) -> Self {
        Self::of(Family::Idempotency, format_args!("{key}:{term}"))
    }

    /// `b1:x:{image}`.
    pub fn removal(id: ImageId) -> Self {
        Self::of(Family::Removal, id)
    }

    /// `b1:x:{image}:left`.
    pub fn blob_left(id: ImageId) -> Self {
        Self::of(Family::Removal, format_args!("{id}:left"))
    }

    /// `b1:t:{seq}`.
    pub fn trash(seq: u64) -> Self {
        Self::of(Family::Trash, seq)
    }

    /// `b1:e:{n}`.
    pub fn log(n: u64) -> Self {
        Self::of(Family::Log, n)
    }

    /// `b1:e:{range}:done`.
    pub fn logged(range: u64) -> Self {
        Self::of(Family::Log, format_args!("{range}:done"))
    }

    /// `b1:g:{level}:{range}`.
    pub fn segment(level: u32, first: u64) -> Self {
        Self::of(Family::Segment, format_args!("{level}:{first}"))
    }

    /// `b1:g:{level}:{range}:{window}`.
    pub fn building(level: u32, first: u64, window: u64) -> Self {
        Self::of(Family::Segment, format_args!("{level}:{first}:{window}"))
    }

    /// `b1:g:{segment}:{n}`.
    pub fn postings(segment: SegmentId, n: u32) -> Self {
        Self::of(Family::Segment, format_args!("{segment}:{n}"))
    }

    /// `b1:s:{counter}`.
    pub fn vaultwide(what: Vaultwide) -> Self {
        let name = match what {
            Vaultwide::Feed => "feed",
            Vaultwide::Trash => "trash",
            Vaultwide::Ready => "ready",
            Vaultwide::Pending => "pending",
            Vaultwide::Failed => "failed",
            Vaultwide::OriginalBytes => "original-bytes",
            Vaultwide::StoredBytes => "stored-bytes",
            Vaultwide::LastUploaded => "last-uploaded",
            Vaultwide::Settled => "settled",
            Vaultwide::Emptied => "emptied",
            Vaultwide::Generation => "generation",
            Vaultwide::Repacked => "repacked",
            Vaultwide::SavedBytes => "saved-bytes",
            Vaultwide::Searched => "searched",
            Vaultwide::Log => "log",
            Vaultwide::Indexed => "indexed",
        };
        Self::of(Family::Vaultwide, name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A SHA-256 as 64 lower-case hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// Hashes the bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self::from_digest(&Sha256::digest(bytes))
    }

    /// Parses the digits; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == 64 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// Makes it from a finished digest.
    pub fn from_digest(digest: &[u8]) -> Self {
        use std::fmt::Write as _;
        let mut text = String::with_capacity(2 * digest.len());
        for byte in digest {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The 32 bytes that the digits stand for; fewer if the stored digits are damaged.
    pub fn bytes(&self) -> Vec<u8> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
        let pairs = self.0.as_bytes().chunks_exact(2);
        pairs.map(|pair| pair.iter().fold(0, |byte, &hex| (byte << 4) | digit(hex))).collect()
    }

    /// The digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
