//! Repacks ready images: makes their blobs smaller, with codecs that are too slow for the way in.
//!
//! An image is ready in the fast form first. Repacking reads the original, packs it, stores the new chunks beside the
//! old ones, reads them back, unpacks them and compares the SHA-256. Then one write of the manifest switches all images
//! that share the blob. Readers of the old chunks have an hour to finish.
//!
//! A codec may kill its instance. So each attempt is recorded before it begins, and a blob that killed two is left as it
//! is by that version of the codec.

mod attempt;
mod left;

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::record::{Attempt, Codec, Content, ImageRecord, Needs, Repacking, State};
use burrow_model::status::Status;
use futures::{StreamExt as _, TryStreamExt as _};

use self::attempt::{Kept, Old, Tried};
pub use self::left::Left;
use super::Vault;
use super::read::{AT_ONCE, MAX_SCAN, check_limit};
use super::search::Filter;
use crate::codec::whole;
use crate::compression::{Choice, Compression, MIN_STORED};
use crate::ports::Ports;
use crate::store::LEASE;

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
    /// With the first of these that limits allow.
    Now(&'static [Choice]),
    No(Outcome),
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
        let choices = match self.due(content, known.as_ref()) {
            Due::Now(choices) => choices,
            Due::No(outcome) => return Ok(outcome),
        };
        let ended = known.as_ref().map_or(0, |known| known.ended);
        if !self.store.claim_repacking(content.blob, ended).await? {
            return Ok(Outcome::Busy);
        }
        // Read after the claim: no other instance switches it now.
        let manifest = self.store.open_blob(id, content).await?.manifest();
        let old = Old { image: &record, content, manifest: &manifest };
        let mut died = None;
        if let Some(Repacking { with, last: last @ Attempt::Begun { lease, died: earlier, .. }, .. }) = &known {
            self.store.clear_attempt(old.blob(), &manifest, last).await?;
            // An attempt of another generation ended with its process, which says nothing of the codec.
            let is_fatal = lease.generation == self.settings.host.generation;
            died = Some((*with, earlier + u32::from(is_fatal)));
        }
        let Tried { with, better, outcome } = Box::pin(self.try_in_turn(&old, ended, died, choices)).await;
        let ended = ended + 1;
        let (form, last, outcome) = match outcome {
            Ok(Ok(after)) => {
                let outcome = Outcome::Smaller { before: manifest.stored_size(), after: after.stored_size() };
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
        self.store.save_repacking(old.blob(), &Repacking { ended, with, last, better, form }).await?;
        outcome
    }

    /// Whether to repack a blob, as far as its record of repacking says.
    fn due(&self, content: &Content, known: Option<&Repacking>) -> Due {
        let kept = |why: String| Due::No(Outcome::Kept(why));
        let compression = self.settings.compression;
        let choices = compression.choices(&content.media_type);
        let Some((first, _)) = choices.split_first() else {
            return kept(format!("compression = {} has no codec for {}", compression.as_str(), content.media_type));
        };
        if content.stored_size < MIN_STORED {
            let stored = content.stored_size;
            return kept(format!("it is stored in {stored} bytes, and nothing under {MIN_STORED} is repacked"));
        }
        let Some(Repacking { with, last, better, .. }) = known else { return Due::Now(choices) };
        let is_allowed = |needs: &Option<Needs>, choice: &Choice| match needs {
            Some(Needs::Memory(bytes)) => *bytes <= self.settings.codec_memory,
            Some(Needs::Unpacking(ms)) => u128::from(*ms) <= choice.unpack_limit.as_millis(),
            None => false,
        };
        let tried = choices.iter().position(|choice| *with == form_of(choice.codec)).and_then(|at| choices.get(at..));
        match (last, tried) {
            (Attempt::Begun { lease, .. }, _)
                if lease.is_held(self.ports.now(), self.settings.host.generation, LEASE) =>
            {
                Due::No(Outcome::Busy)
            }
            (_, None | Some([])) => Due::Now(choices),
            (Attempt::Begun { .. }, Some(tried)) => Due::Now(tried),
            (_, Some(_)) if is_allowed(better, first) => Due::Now(choices),
            (Attempt::Packed, _) => kept(format!("it is packed with {}", with.0.as_str())),
            (Attempt::Kept { needs, .. }, Some(tried @ [choice, ..])) if is_allowed(needs, choice) => Due::Now(tried),
            (Attempt::Kept { why, .. }, _) => kept(why.clone()),
        }
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
            // Of many images the type tells: then there is nothing to read.
            if self.settings.compression.choices(&content.media_type).is_empty() {
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

    /// Why a blob like this is never repacked, if its type or size is the reason.
    pub fn never_repacked(&self, content: &Content) -> Option<String> {
        match self.due(content, None) {
            Due::No(Outcome::Kept(why)) => Some(why),
            _ => None,
        }
    }

    /// A record as readers see it: with the form in which its content is stored now.
    pub(super) async fn as_stored(&self, mut record: ImageRecord) -> Result<ImageRecord, Error> {
        if let State::Ready(content) = &mut record.state {
            // Under no policy another type is repacked.
            let known = match Compression::Small.choices(&content.media_type) {
                [] => None,
                _ => self.store.repacking(content.blob).await?,
            };
            if let Some(form) = known.as_ref().and_then(|known| known.form) {
                (content.codec, content.stored_size) = (form.codec, form.stored_size);
                content.repacking.unpack_ms = Some(form.unpack_ms);
            } else if known.is_some()
                && let Due::No(Outcome::Kept(why)) = self.due(content, known.as_ref())
            {
                content.repacking.kept = Some(why);
            }
        }
        Ok(record)
    }
}

/// A codec, and the version of its packed form that is made here.
fn form_of(codec: Codec) -> (Codec, u32) {
    (codec, whole::version(codec))
}
