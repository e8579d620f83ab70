//! Repacks ready images: makes their blobs smaller, with codecs that are too slow for the way in.
//!
//! An image is ready in the fast form first. Repacking reads the original, packs it, stores the new chunks beside the
//! old ones, reads them back, unpacks them and compares the SHA-256. Then one write of the manifest switches all images
//! that share the blob. Readers of the old chunks have an hour to finish.
//!
//! A codec may kill its instance. So each attempt is recorded before it begins, and a blob that killed two is left as it
//! is by that version of the codec.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, ImageId, Sha256Hex, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::record::{
    Attempt, Codec, Content, ImageRecord, Manifest, Needs, Repacked, Repacking, State, StoredForm, Writes,
};
use burrow_model::status::Status;
use futures::{StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use super::Vault;
use super::read::{AT_ONCE, MAX_SCAN, check_limit};
use super::search::Filter;
use crate::codec::pays;
use crate::codec::whole::{self, Limits};
use crate::compression::Compression;
use crate::ports::Ports;
use crate::store::LEASE;
use crate::store::blob::Form;

/// After this many instances died of repacking one blob, no other tries.
const TRIES: u32 = 2;

/// Images looked at before a bounded search looks at the time again.
const PAGE: usize = 64;

/// The outcome of repacking an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its blob is smaller now: bytes stored before and after.
    Smaller {
        /// Bytes stored before.
        before: u64,
        /// Bytes stored now.
        after: u64,
    },
    /// It stays as it is, for this reason: one sentence for people.
    Kept(String),
    /// Another instance repacks it, or died of it a short while ago.
    Busy,
}

/// One page of images that can be repacked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repackable {
    /// Their ids. Several may share a blob.
    pub images: Vec<ImageId>,
    /// The feed number after which the next page begins.
    pub next: u64,
    /// Whether no image is left to look at now.
    pub is_last: bool,
}

/// What [`Vault::repack_for`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepackedSome {
    /// Blobs that are smaller now.
    pub repacked: u32,
    /// Blobs that stay as they are.
    pub kept: u32,
    /// Blobs that another instance repacks.
    pub busy: u32,
    /// Bytes that were saved.
    pub saved_bytes: u64,
    /// Whether the last image there is was looked at; the next call begins with the first.
    pub is_done: bool,
}

/// Whether to repack a blob.
enum Due {
    Now(Codec),
    No(Outcome),
}

/// Why a blob stays as it is.
struct Kept {
    why: String,
    needs: Option<Needs>,
}

impl Kept {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), needs: None }
    }
}

/// An attempt that begins.
struct Begun {
    ended: u32,
    with: (Codec, u32),
    died: u32,
    lease: Lease,
    form: Option<StoredForm>,
}

impl Begun {
    /// What is recorded of it while it writes these chunks.
    fn writing(&self, writes: Option<Writes>) -> Repacking {
        let &Self { ended, with, died, lease, form } = self;
        Repacking { ended, with, last: Attempt::Begun { lease, died, writes }, form }
    }
}

/// A blob, and its form before.
struct Old<'a> {
    image: ImageId,
    content: &'a Content,
    manifest: &'a Manifest,
}

impl Old<'_> {
    fn blob(&self) -> BlobId {
        self.content.blob
    }
}

impl<P: Ports> Vault<P> {
    /// Repacks the blob of a ready image, if the setting `compression` has a codec for its type and no earlier attempt
    /// says that it does not help.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::NotReady`]; [`Error::Removed`] if it was removed meanwhile; [`Error::Busy`] if this
    /// instance has no memory to spare; [`Error::Corrupt`] or [`Error::Newer`] if its content cannot be read;
    /// [`Error::Store`].
    pub async fn repack(&self, id: ImageId) -> Result<Outcome, Error> {
        let record = self.store.image(id).await?.ok_or(Error::NotFound)?;
        let content = record.content()?;
        let known = self.store.repacking(content.blob).await?;
        let codec = match self.due(content, known.as_ref()) {
            Due::Now(codec) => codec,
            Due::No(outcome) => return Ok(outcome),
        };
        let ended = known.as_ref().map_or(0, |known| known.ended);
        if !self.store.claim_repacking(content.blob, ended).await? {
            return Ok(Outcome::Busy);
        }
        // Read after the claim: no other instance switches it now.
        let manifest = self.store.open_blob(id, content).await?.manifest();
        let old = Old { image: id, content, manifest: &manifest };
        let with = (codec, whole::version(codec));
        let mut died = 0;
        if let Some(Repacking { with: before, last: last @ Attempt::Begun { lease, died: earlier, .. }, .. }) = &known {
            self.store.clear_attempt(old.blob(), &manifest, last).await?;
            // An attempt of another generation ended with its process, which says nothing of the codec.
            let is_fatal = lease.generation == self.settings.host.generation;
            died = if *before == with { earlier + u32::from(is_fatal) } else { 0 };
        }
        let stored_before = manifest.stored_size();
        let attempt = async {
            let done = manifest.repacked.as_ref().is_some_and(|how| (manifest.codec, how.codec_version) == with);
            if done {
                // An earlier attempt died after the switch, or its record is lost.
                return Ok(Ok(manifest.clone()));
            }
            if died >= TRIES {
                return Ok(Err(Kept::because(format!("{} failed on it {died} times", codec.as_str()))));
            }
            let begun = Begun { ended, with, died, lease: self.new_lease(LEASE), form: manifest.form() };
            self.attempt_repacking(&old, &begun).await
        };
        let ended = ended + 1;
        let (form, last, outcome) = match attempt.await {
            Ok(Ok(after)) => {
                let outcome = Outcome::Smaller { before: stored_before, after: after.stored_size() };
                (after.form(), Attempt::Packed, Ok(outcome))
            }
            Ok(Err(Kept { why, needs })) => {
                (manifest.form(), Attempt::Kept { why: why.clone(), needs }, Ok(Outcome::Kept(why)))
            }
            Err(error @ (Error::Corrupt(_) | Error::Newer(_))) => {
                (manifest.form(), Attempt::Kept { why: error.to_string(), needs: None }, Err(error))
            }
            // Nothing was tried, so the next attempt may follow at once.
            Err(error @ Error::Busy(_)) => {
                (manifest.form(), Attempt::Kept { why: error.to_string(), needs: Some(Needs::Memory(0)) }, Err(error))
            }
            // The next attempt clears away what this one left.
            Err(error) => return Err(error),
        };
        self.store.save_repacking(old.blob(), &Repacking { ended, with, last, form }).await?;
        outcome
    }

    /// Whether to repack a blob, as far as its record of repacking says.
    fn due(&self, content: &Content, known: Option<&Repacking>) -> Due {
        let kept = |why: String| Due::No(Outcome::Kept(why));
        let compression = self.settings.compression;
        let Some(codec) = compression.codec_for(&content.media_type) else {
            return kept(format!("compression = {} has no codec for {}", compression.as_str(), content.media_type));
        };
        let now = (codec, whole::version(codec));
        let Some(Repacking { with, last, .. }) = known else { return Due::Now(codec) };
        match last {
            Attempt::Begun { lease, .. } if lease.is_held(self.ports.now(), self.settings.host.generation, LEASE) => {
                Due::No(Outcome::Busy)
            }
            Attempt::Begun { .. } => Due::Now(codec),
            _ if *with != now => Due::Now(codec),
            Attempt::Packed => kept(format!("it is packed with {}", codec.as_str())),
            Attempt::Kept { why, needs } => {
                let is_allowed = match needs {
                    Some(Needs::Memory(bytes)) => *bytes <= self.settings.codec_memory,
                    Some(Needs::Unpacking(ms)) => {
                        compression.unpack_limit().is_none_or(|limit| u128::from(*ms) <= limit.as_millis())
                    }
                    None => false,
                };
                if is_allowed { Due::Now(codec) } else { kept(why.clone()) }
            }
        }
    }

    /// Packs, stores, checks and switches. Returns the new manifest, or why the blob stays as it is.
    async fn attempt_repacking(&self, old: &Old<'_>, begun: &Begun) -> Result<Result<Manifest, Kept>, Error> {
        let (blob, limits, with) = (old.blob(), Limits { memory: self.settings.codec_memory }, begun.with);
        // No codec takes less than the original, its packed form and a copy of either.
        if 3 * old.manifest.size > limits.memory {
            let needs = Some(Needs::Memory(3 * old.manifest.size));
            return Ok(Err(Kept {
                why: format!("it has {} bytes, too many to repack here", old.manifest.size),
                needs,
            }));
        }
        let original = self.original_to_pack(old).await?;
        // If packing kills this instance, this record says so.
        self.store.save_repacking(blob, &begun.writing(None)).await?;
        let memory = self.store.memory_to_pack().await?;
        let pause = async || self.ports.yield_now().await;
        let packed = match whole::pack(with.0, &original, limits, &pause).await {
            Ok(packed) => packed,
            Err(refused) => return Ok(Err(Kept { why: refused.why, needs: refused.needs })),
        };
        drop(original);
        drop(memory);
        let stored: usize = packed.packed.iter().map(Vec::len).sum();
        let before = usize::try_from(old.manifest.stored_size()).unwrap_or(usize::MAX);
        if !pays(before, stored) {
            return Ok(Err(Kept::because(format!("{} would save less than 2 %", with.0.as_str()))));
        }
        let chunks: Vec<(u32, u64)> = packed.packed.iter().map(|piece| (len32(piece.len()), xxh3_64(piece))).collect();
        let place = BlobId::new(self.ports.now(), &self.ports.ten_bytes());
        let replaces = (old.manifest.place(blob), len32(old.manifest.chunks.len()));
        let count = len32(chunks.len());
        self.store.save_repacking(blob, &begun.writing(Some(Writes { place, chunks: count, replaces }))).await?;
        for (n, piece) in (0..).zip(packed.packed) {
            self.store.put_chunk(place, n, piece).await?;
        }
        let stored_before = old.manifest.repacked.as_ref().map_or(before as u64, |how| how.stored_before);
        let (codec, codec_version) = with;
        let how = Repacked { place, codec_version, memory: packed.memory, unpack_ms: 0, stored_before };
        let mut after = Manifest { codec, chunks, repacked: Some(how), ..old.manifest.clone() };
        let refused = match self.check_unpacking(old, &mut after).await {
            Ok(Ok(())) if !begun.lease.is_mine(self.ports.now(), self.settings.host.generation, LEASE) => {
                Err(Error::Held(Status::Ready))
            }
            Ok(Ok(())) if self.store.switch(blob, old.manifest, &after).await? => return Ok(Ok(after)),
            Ok(Ok(())) => Err(Error::Removed),
            Ok(Err(kept)) => Ok(Err(kept)),
            Err(error @ Error::Busy(_)) => Err(error),
            Err(error) => return Err(error),
        };
        self.store.delete_chunks(place, count).await?;
        refused
    }

    /// Reads an original, and checks its SHA-256.
    async fn original_to_pack(&self, old: &Old<'_>) -> Result<Vec<u8>, Error> {
        let mut original = Vec::with_capacity(usize::try_from(old.manifest.size).unwrap_or_default());
        let mut reader = self.store.open_blob(old.image, old.content).await?.read(Form::Original, 0..old.manifest.size);
        let mut sha256 = Sha256::new();
        while let Some(piece) = reader.next().await? {
            sha256.update(&piece);
            original.extend_from_slice(&piece);
            self.ports.yield_now().await;
        }
        if Sha256Hex::from_digest(&sha256.finalize()) == old.manifest.sha256 {
            return Ok(original);
        }
        Err(Error::Corrupt(format!("the content of image {}: its SHA-256 differs from the manifest's", old.image)))
    }

    /// Reads the stored packed form back, unpacks it, compares it with the original's SHA-256, and notes how long that
    /// took.
    async fn check_unpacking(&self, old: &Old<'_>, after: &mut Manifest) -> Result<Result<(), Kept>, Error> {
        let began = self.ports.now();
        match self.store.blob_of_manifest(old.image, old.blob(), after.clone()).verify().await {
            Ok(_) => {}
            Err(Error::Corrupt(_)) => {
                return Ok(Err(Kept::because(format!("{} does not give it back exactly", after.codec.as_str()))));
            }
            Err(error) => return Err(error),
        }
        let took = self.ports.now().saturating_sub(began);
        if let Some(how) = &mut after.repacked {
            how.unpack_ms = took;
        }
        let limit = self.settings.compression.unpack_limit();
        if let Some(limit) = limit.filter(|limit| u128::from(took) > limit.as_millis()) {
            let why = format!("unpacking it takes {took} ms, and {} are allowed", limit.as_millis());
            return Ok(Err(Kept { why, needs: Some(Needs::Unpacking(took)) }));
        }
        Ok(Ok(()))
    }

    /// Lists images that can be repacked, in the order in which they were accepted: those after feed number `after` that
    /// meet the filter. A page may have fewer images than `limit`, or none, and not be the last.
    pub async fn repackable(&self, filter: &Filter, after: Option<u64>, limit: usize) -> Result<Repackable, Error> {
        check_limit(limit)?;
        let newest = self.store.count(Vaultwide::Feed).await?;
        let before = after.unwrap_or(0).min(newest);
        let look = async |seq| {
            let image = passing_over(self.store.feed(seq).await)?;
            let Some(image) = image.filter(|image| image.status() == Status::Ready && filter.lets_through(image))
            else {
                return Ok::<_, Error>((seq, None));
            };
            let content = image.content()?;
            // Most images have no codec: then there is nothing to read.
            if self.settings.compression.codec_for(&content.media_type).is_none() {
                return Ok((seq, None));
            }
            let known = self.store.repacking(content.blob).await?;
            Ok((seq, matches!(self.due(content, known.as_ref()), Due::Now(_)).then_some(image.id)))
        };
        let looked = futures::stream::iter((before + 1..=newest).take(MAX_SCAN)).map(look).buffered(AT_ONCE);
        let mut looked = std::pin::pin!(looked);
        let (mut images, mut next) = (Vec::new(), before);
        while images.len() < limit
            && let Some((seq, image)) = looked.try_next().await?
        {
            images.extend(image);
            next = seq;
        }
        Ok(Repackable { images, next, is_last: next >= newest })
    }

    /// Repacks images until this time has passed or none is left, one after the other. The last one may take longer. The
    /// next call goes on where this one ended.
    pub async fn repack_for(&self, time: Duration) -> Result<RepackedSome, Error> {
        let until = self.ports.now().saturating_add(u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
        let mut done = RepackedSome::default();
        let mut after = self.store.mark(Vaultwide::Searched).await?.unwrap_or(0);
        while !done.is_done && self.ports.now() < until {
            let page = self.repackable(&Filter::default(), Some(after), PAGE).await?;
            let mut images = page.images.into_iter();
            while self.ports.now() < until
                && let Some(id) = images.next()
            {
                self.repack_one(id, &mut done).await?;
            }
            if images.len() > 0 {
                // What is left of this page is found again.
                break;
            }
            (after, done.is_done) = (page.next, page.is_last);
            self.store.set_mark(Vaultwide::Searched, if page.is_last { 0 } else { page.next }).await?;
        }
        Ok(done)
    }

    async fn repack_one(&self, id: ImageId, done: &mut RepackedSome) -> Result<(), Error> {
        match self.repack(id).await {
            Ok(Outcome::Smaller { before, after }) => {
                done.repacked += 1;
                done.saved_bytes += before.saturating_sub(after);
            }
            Ok(Outcome::Kept(_)) | Err(Error::Corrupt(_) | Error::Newer(_)) => done.kept += 1,
            Ok(Outcome::Busy) | Err(Error::Busy(_) | Error::Held(_)) => done.busy += 1,
            Err(Error::NotFound | Error::Removed | Error::NotReady(_)) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// A record as readers see it: with the form in which its content is stored now.
    pub(super) async fn as_stored(&self, mut record: ImageRecord) -> Result<ImageRecord, Error> {
        if let State::Ready(content) = &mut record.state
            // Under no policy another type is repacked.
            && Compression::Small.codec_for(&content.media_type).is_some()
            && let Some(Repacking { form: Some(form), .. }) = self.store.repacking(content.blob).await?
        {
            (content.codec, content.stored_size) = (form.codec, form.stored_size);
        }
        Ok(record)
    }
}

fn len32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
