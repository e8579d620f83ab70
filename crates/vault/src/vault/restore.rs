//! Restores an image that another vault exported, with its id and dates.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Sha256Hex, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::record::{Content, ImageRecord, State, Told};
use burrow_model::status::Status;
use burrow_model::time::instant;

use super::measure::sniffed;
use super::{Edit, Label, Vault, Worker};
use crate::policy::OriginPolicy;
use crate::ports::{ByteSource, Ports};
use crate::referrer::Referrer;
use crate::sniff::Sniffed;
use crate::terms;

/// How often a claim is tried while another caller has it, and the wait in between: together longer than a claim lasts.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_secs(1);

/// The longest reason of a failure that is accepted, in bytes.
const MAX_ERROR: usize = 4096;

/// An image as another vault described it. Whatever can be determined from the bytes is not taken from here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its id.
    pub id: ImageId,
    /// Its name and tags.
    pub label: Label,
    /// The URL that it came from.
    pub source: Option<String>,
    /// The page on which that URL was found.
    pub referrer: Option<Referrer>,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When its record last changed, in the same unit.
    pub updated: u64,
    /// How many times a worker had begun it.
    pub attempts: u32,
    /// Its status.
    pub state: ArchivedState,
}

/// The status of an archived image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchivedState {
    /// It was an unfinished job.
    Job,
    /// It had failed, for this reason.
    Failed(String),
    /// It was ready, with content of this SHA-256.
    Ready(Sha256Hex),
}

/// The result of restoring an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// The image is now here as it was in the other vault.
    Restored,
    /// The image was already here, and is not older than the archived one.
    Present,
    /// Nothing was done: no image here has this content, so the caller must pass it.
    ContentNeeded,
}

impl<P: Ports> Vault<P> {
    /// Restores an image. Its content is needed only if no image here has the same content undamaged.
    pub async fn restore(&self, archived: Archived, content: Option<&mut impl ByteSource>) -> Result<Restored, Error> {
        Self::check(&archived)?;
        // A record that cannot be read counts as absent, and is written again.
        let Some(here) = passing_over(self.store.image(archived.id).await)? else {
            if self.store.is_removed(archived.id).await? {
                let reason = format!("{} was removed here a short while ago; try again in two hours", archived.id);
                return Err(Error::Invalid { field: "id", reason });
            }
            let content = match &archived.state {
                ArchivedState::Ready(sha256) => match self.content(sha256, content).await? {
                    None => return Ok(Restored::ContentNeeded),
                    found => found,
                },
                ArchivedState::Job | ArchivedState::Failed(_) => None,
            };
            return self.restore_new(archived, content).await;
        };
        match (&here.state, &archived.state) {
            (State::Ready(known), ArchivedState::Ready(sha256)) if known.sha256 == *sha256 => {
                self.restore_ready(here, archived, content).await
            }
            (State::Ready(_), ArchivedState::Job | ArchivedState::Failed(_)) if here.created == archived.created => {
                Ok(Restored::Present)
            }
            (State::Ready(_), _) => Err(another(&archived)),
            _ if here.created != archived.created || here.source != archived.source => Err(another(&archived)),
            // The other vault finished the job that this one has not.
            (_, ArchivedState::Ready(sha256)) => match self.content(sha256, content).await? {
                Some(content) => self.finish(here, content).await,
                None => Ok(Restored::ContentNeeded),
            },
            // A job that failed in the other vault may still succeed here.
            _ => Ok(Restored::Present),
        }
    }

    /// Replaces the content of an image if it is damaged here, and gives the image the archived label if that is newer.
    async fn restore_ready(
        &self,
        here: ImageRecord,
        archived: Archived,
        given: Option<&mut impl ByteSource>,
    ) -> Result<Restored, Error> {
        let Content { blob, sha256, .. } = here.content()?;
        let mut restored = Restored::Present;
        if self.store.sound_manifest(*blob).await?.is_none() {
            let Some(content) = self.content(sha256, given).await? else { return Ok(Restored::ContentNeeded) };
            let mended = ImageRecord { state: State::Ready(content), ..here.clone() };
            if !self.store.claim_job(&here).await? {
                self.store.leave(mended.content()?.blob).await?;
                return Err(Error::Changed);
            }
            self.store.log(&terms::change(Some(&here), &mended)).await?;
            if let Some(entry) = self.unlisted_likeness(&here).await? {
                self.store.log(&entry).await?;
            }
            self.commit(&mended).await?;
            self.list_known_likeness(&mended).await;
            self.store.leave(*blob).await?;
            restored = Restored::Restored;
        }
        if here.updated < archived.updated {
            let edit = Edit::new(archived.label.name.as_deref(), Some(&archived.label.tags))?;
            self.edit(here.id, &edit, |_| Ok::<(), Error>(())).await?;
            restored = Restored::Restored;
        }
        Ok(restored)
    }

    async fn restore_new(&self, archived: Archived, content: Option<Content>) -> Result<Restored, Error> {
        let mut tries = 0;
        while !self.store.claim_restoring(archived.id).await? {
            let is_here = passing_over(self.store.image(archived.id).await)?.is_some();
            // A caller that claimed it and died did so longer ago than a claim lasts.
            if is_here || tries == TRIES {
                if let Some(content) = content {
                    self.store.leave(content.blob).await?;
                }
                return if is_here { Ok(Restored::Present) } else { Err(Error::Changed) };
            }
            tries += 1;
            self.ports.sleep(PAUSE).await;
        }
        let Archived { id, label, source, referrer, created, updated, attempts, state } = archived;
        let state = match (content, state) {
            (Some(content), _) => State::Ready(content),
            (None, ArchivedState::Failed(error)) => State::Failed { error },
            // The next resume does it.
            (None, _) => State::Pending { lease: Lease::NOBODY },
        };
        let name = label.name.unwrap_or_default();
        let since = self.ports.now();
        let seq = self.store.next_seq().await?;
        let (tags, restored) = (self.renamed(label.tags, since).await?, Some(self.ports.now()));
        let referrer = referrer.map(|referrer| referrer.as_str().to_owned());
        let record = ImageRecord { id, seq, name, tags, source, referrer, created, updated, restored, attempts, state };
        match record.state {
            State::Ready(_) => self.publish(&record).await?,
            State::Failed { .. } => self.count(Vaultwide::Failed).await?,
            State::Pending { .. } | State::Storing { .. } => self.count(Vaultwide::Pending).await?,
        }
        if let Some(source) = &record.source
            && passing_over(self.store.image_from(source).await)?.is_none()
        {
            self.store.hint_source(&record).await?;
        }
        self.store.list_image(None, &record).await?;
        self.list_known_likeness(&record).await;
        self.catch_up(record, since).await?;
        Ok(Restored::Restored)
    }

    async fn count(&self, counter: Vaultwide) -> Result<(), Error> {
        self.store.add(counter, 1).await.map(drop)
    }

    /// Makes a job of this vault ready with content from the other one.
    async fn finish(&self, here: ImageRecord, content: Content) -> Result<Restored, Error> {
        let blob = content.blob;
        let held = match here.status() {
            Status::Failed => self.retry(here, None, Worker::Recorder).await?,
            _ => self.take_over(here, None).await?,
        };
        let Some(record) = held else {
            self.store.leave(blob).await?;
            return Err(Error::Changed);
        };
        self.complete(record, content).await?;
        Ok(Restored::Restored)
    }

    /// The content of this digest: made of `given`, or shared with an image that has it.
    async fn content(&self, sha256: &Sha256Hex, given: Option<&mut impl ByteSource>) -> Result<Option<Content>, Error> {
        let Some(source) = given else { return self.share_known(sha256).await };
        let packed = self.pack_content(source).await?;
        if packed.sha256() != sha256 {
            let seen = packed.sha256().clone();
            self.discard(&packed).await?;
            return Err(Error::Digest(format!("the content's SHA-256 is {seen}, not {sha256} as the image says")));
        }
        self.share_or_complete(packed).await.map(Some)
    }

    async fn share_known(&self, sha256: &Sha256Hex) -> Result<Option<Content>, Error> {
        let Some(blob) = self.store.blob_of(sha256).await? else { return Ok(None) };
        let manifest = self.store.sound_manifest(blob).await?;
        let Some(manifest) = manifest.filter(|manifest| manifest.sha256 == *sha256) else { return Ok(None) };
        if !self.store.share(blob).await? {
            return Ok(None);
        }
        // As if it had come before the blob was repacked: what that saves is counted apart.
        let before = manifest.repacked.as_ref().filter(|how| !how.counted.is_empty()).map(|how| how.stored_before);
        let stored_size = before.unwrap_or_else(|| manifest.stored_size());
        let (size, codec) = (manifest.size, manifest.codec);
        let content = |media_type: &str, appearance| {
            let (sha256, media_type) = (sha256.clone(), media_type.to_owned());
            Content { blob, sha256, size, stored_size, codec, media_type, appearance, repacking: Told::default() }
        };
        match sniffed(self.store.blob(blob, manifest.clone())).await {
            Ok(Some(Sniffed { media_type, appearance, .. })) => Ok(Some(content(media_type, appearance))),
            // Then this blob is of no use, and the caller must pass the content.
            Ok(None) | Err(Error::Corrupt(_)) => self.store.leave(blob).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// Checks what an archive says of an image, as strictly as what users say.
    fn check(archived: &Archived) -> Result<(), Error> {
        let invalid = |field, reason: &str| Err(Error::Invalid { field, reason: reason.to_owned() });
        if archived.label.name.is_none() {
            return invalid("name", "an image has a name, and this has none");
        }
        // The clock of the other vault may have been wrong, and these times are only shown. But no clock shows such a
        // time.
        if instant(archived.created.max(archived.updated)).is_none() {
            return invalid("updated", "it lies after the year 9999");
        }
        if let ArchivedState::Failed(reason) = &archived.state
            && reason.len() > MAX_ERROR
        {
            return invalid("error", "a reason is one sentence");
        }
        match &archived.source {
            // Whether Burrow may fetch the URL is checked when it fetches it. The other vault may have been allowed to.
            Some(source) => OriginPolicy { allow_private_network: true, ..Default::default() }.parse(source).map(drop),
            None if archived.referrer.is_some() => invalid("referrer", "it goes with a URL, and there is none"),
            None if archived.state == ArchivedState::Job => invalid("source", "a job needs one, and this has none"),
            None => Ok(()),
        }
    }
}

fn another(archived: &Archived) -> Error {
    Error::Invalid { field: "id", reason: format!("{} is the id of another image here", archived.id) }
}
