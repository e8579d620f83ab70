//! Finds images that look like another: those whose likenesses differ in few bits.

use std::cmp::Reverse;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::record::{ImageRecord, LogEntry, State};
use futures::{StreamExt as _, TryStreamExt as _};

use super::Vault;
use super::read::{AT_ONCE, MAX_SCAN, MAX_TEXT, check_limit, size_of_text};
use super::thumbnail::is_small;
use crate::ports::Ports;
use crate::store::index::Index;
use crate::terms::{self, LIKENESS, likeness_terms};

/// An image that looks like another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Similar {
    /// The image.
    pub image: ImageRecord,
    /// In how many of their 64 bits the likenesses differ.
    pub distance: u32,
}

/// The images that look like another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alike {
    /// The nearest first, and of equally near ones those accepted last.
    pub images: Vec<Similar>,
    /// Whether the image itself has no likeness: it cannot be drawn, or is too plain.
    pub is_incomparable: bool,
    /// Whether the vault has no index, so that nothing can be found.
    pub unindexed: bool,
}

/// What is known of an image's likeness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The image.
    pub id: ImageId,
    /// Its name.
    pub name: String,
    /// Whether its likeness was made.
    pub is_made: bool,
    /// The likeness; `None` if it was not made, or if the image is too plain.
    pub bits: Option<u64>,
}

/// One page of images and their likenesses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Likenesses {
    /// The ready images in the order in which they were accepted.
    pub images: Vec<Known>,
    /// The feed number after which the next page begins.
    pub next: u64,
    /// Whether no image is left to look at now.
    pub is_last: bool,
}

/// A JPEG that is its own thumbnail at this width is so small that a page may wait until it is drawn.
const OWN_THUMBNAIL: u32 = 320;

impl<P: Ports> Vault<P> {
    /// Finds ready images whose likenesses differ from that of `image` in at most [`terms::NEAR`] bits. Makes its
    /// likeness if that was not done before.
    ///
    /// It finds every image whose likeness was made, unless more than 1,000 images have to be compared. Of most images
    /// that is done with the first thumbnail.
    pub async fn similar(&self, image: &ImageRecord, limit: usize) -> Result<Alike, Error> {
        check_limit(limit)?;
        let Some(bits) = self.likeness(image).await? else {
            return Ok(Alike { is_incomparable: true, ..Alike::default() });
        };
        self.near(image, bits, limit).await
    }

    /// As [`Vault::similar`], but finds nothing if the likeness was not made before and making it takes long.
    pub async fn similar_at_once(&self, image: &ImageRecord, limit: usize) -> Result<Alike, Error> {
        let State::Ready(content) = &image.state else { return Ok(Alike::default()) };
        match self.store.likeness(content.blob).await? {
            Some(Some(bits)) => self.near(image, bits, limit).await,
            // Nothing else draws it.
            None if is_small(content, OWN_THUMBNAIL) => self.similar(image, limit).await,
            _ => Ok(Alike::default()),
        }
    }

    /// The images near a likeness, but for one.
    async fn near(&self, image: &ImageRecord, bits: u64, limit: usize) -> Result<Alike, Error> {
        let found = async {
            let Some(index) = self.store.index().await? else { return Ok(None) };
            index.having_any(&terms::near(bits)).await.map(Some)
        };
        let Some(found) = passing_over(found.await)? else {
            return Ok(Alike { unindexed: true, ..Alike::default() });
        };
        let mut found: Vec<(u64, usize)> = found.into_iter().collect();
        // Those with most in common first, in case there are too many.
        found.sort_unstable_by_key(|&(number, terms)| Reverse((terms, number)));
        found.truncate(MAX_SCAN);
        let compare = async |(number, _): (u64, usize)| {
            let seq = number & !LIKENESS;
            let Some(other) = passing_over(self.store.feed(seq).await)? else { return Ok(None) };
            let State::Ready(content) = &other.state else { return Ok(None) };
            let Some(Some(others)) = self.store.likeness(content.blob).await? else { return Ok(None) };
            let distance = (bits ^ others).count_ones();
            let is_near = other.id != image.id && distance <= terms::NEAR;
            Ok::<_, Error>(is_near.then_some((distance, Reverse(seq))))
        };
        let near = futures::stream::iter(found).map(compare).buffered(AT_ONCE);
        let mut near: Vec<(u32, Reverse<u64>)> = near.try_filter_map(async |it| Ok(it)).try_collect().await?;
        near.sort_unstable();
        let (mut images, mut text) = (Vec::new(), 0);
        for (distance, Reverse(seq)) in near {
            if images.len() == limit || text >= MAX_TEXT {
                break;
            }
            let Some(other) = passing_over(self.store.feed(seq).await)? else { continue };
            text += size_of_text(&other);
            images.push(Similar { image: self.as_stored(other).await?, distance });
        }
        Ok(Alike { images, ..Alike::default() })
    }

    /// Lists ready images and the likenesses that were made: those after feed number `after`, or all. Lets the index
    /// lead to each that has one: it may have come to a content that had one already.
    pub async fn likenesses(&self, after: Option<u64>, limit: usize) -> Result<Likenesses, Error> {
        check_limit(limit)?;
        let before = after.unwrap_or(0);
        let newest = self.store.count(Vaultwide::Feed).await?.max(before);
        let next = before.saturating_add(limit as u64).min(newest);
        let read = async |seq| {
            let Some(image) = passing_over(self.store.feed(seq).await)? else { return Ok(None) };
            let State::Ready(content) = &image.state else { return Ok(None) };
            let likeness = self.store.likeness(content.blob).await?;
            let (is_made, bits) = (likeness.is_some(), likeness.flatten());
            Ok::<_, Error>(Some((seq, Known { id: image.id, name: image.name, is_made, bits })))
        };
        let read = futures::stream::iter(before + 1..=next).map(read).buffered(AT_ONCE);
        let read: Vec<_> = read.try_filter_map(async |it| Ok(it)).try_collect().await?;
        let index = passing_over(self.store.index().await)?;
        let mut images = Vec::with_capacity(read.len());
        for (seq, known) in read {
            if let (Some(bits), Some(index)) = (known.bits, &index) {
                self.list_if_unlisted(index, known.id, seq, bits).await?;
            }
            images.push(known);
        }
        Ok(Likenesses { images, next, is_last: next >= newest })
    }

    /// Lets the index lead to an image by a likeness that its content has already: another image with that content may
    /// have been looked at, and not this one.
    pub(super) async fn list_shared_likeness(&self, image: &ImageRecord, bits: u64) -> Result<(), Error> {
        match passing_over(self.store.index().await)? {
            Some(index) => self.list_if_unlisted(&index, image.id, image.seq, bits).await,
            None => Ok(()),
        }
    }

    async fn list_if_unlisted(&self, index: &Index<P>, id: ImageId, seq: u64, bits: u64) -> Result<(), Error> {
        if index.leads_to(LIKENESS | seq, &likeness_terms(bits)).await? {
            return Ok(());
        }
        self.list_likeness(id, seq, bits).await
    }

    /// Lets the index lead to an image by its likeness. It may be done twice.
    pub(super) async fn list_likeness(&self, id: ImageId, seq: u64, bits: u64) -> Result<(), Error> {
        self.store.log(&terms::of_likeness(seq, bits)).await?;
        // A remover that came before has not seen this entry, or not seen the likeness.
        if self.store.is_removed(id).await? {
            self.store.log(&terms::gone(LIKENESS | seq)).await?;
        }
        Ok(())
    }

    /// Lets the index lead to an image that has become ready, if its content has a likeness already. The image is there
    /// in any case, so a failure is none of it: a later search finds the image.
    pub(super) async fn list_known_likeness(&self, image: &ImageRecord) {
        let State::Ready(content) = &image.state else { return };
        if let Ok(Some(Some(bits))) = self.store.likeness(content.blob).await {
            let _ = self.list_likeness(image.id, image.seq, bits).await;
        }
    }

    /// What the index has to be told when an image, or its content, is gone; `None` if it knows of no likeness.
    pub(super) async fn unlisted_likeness(&self, image: &ImageRecord) -> Result<Option<LogEntry>, Error> {
        let State::Ready(content) = &image.state else { return Ok(None) };
        let has_one = self.store.likeness(content.blob).await?.is_some();
        Ok(has_one.then(|| terms::gone(LIKENESS | image.seq)))
    }
}
