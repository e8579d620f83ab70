//! Putting back an image that another vault gave away: the same id, the same dates.

use std::time::Duration;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Sha256Hex, Vaultwide};
use burrow_model::record::{Content, ImageRecord, State};
use burrow_model::status::Status;

use super::{Edit, Label, Vault, Worker};
use crate::policy::OriginPolicy;
use crate::ports::{ByteSource, Ports};
use crate::sniff::{Sniffed, sniff};
use crate::store::blob::Form;

/// How far ahead another machine's clock may be, in milliseconds.
const A_DAY: u64 = 24 * 60 * 60 * 1000;

/// How often a claim is asked for while somebody else has it, and the wait between: longer than a claim lasts.
const TRIES: u32 = 15;
const PAUSE: Duration = Duration::from_secs(1);

/// Bytes of a reason, at most: what failed says it in a sentence.
const MAX_ERROR: usize = 4096;

/// An image as another vault described it. Nothing of it is believed that can be found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archived {
    /// Its id.
    pub id: ImageId,
    /// Its name and tags.
    pub label: Label,
    /// The URL it came from.
    pub source: Option<String>,
    /// When it was accepted, in milliseconds since 1970.
    pub created: u64,
    /// When its record last changed.
    pub updated: u64,
    /// Times a worker had begun it.
    pub attempts: u32,
    /// How far it had come.
    pub state: ArchivedState,
}

/// How far it had come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArchivedState {
    /// It was a job not done.
    Job,
    /// It had failed, for this reason.
    Failed(String),
    /// It was ready, with content of this SHA-256.
    Ready(Sha256Hex),
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// It is here now, as it was there.
    Restored,
    /// It was here already, and is as new as the archived one.
    Present,
    /// Nothing was done: its content is not here, so it must be given.
    ContentNeeded,
}

impl<P: Ports> Vault<P> {
    /// Puts an image back. Its content is needed only if no image here has the same, undamaged.
    pub async fn restore(&self, archived: Archived, content: Option<&mut impl ByteSource>) -> Result<Restored, Error> {
        self.check(&archived)?;
        // A record that cannot be read is written anew.
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
            // What is not done here, but was there, is done.
            (_, ArchivedState::Ready(sha256)) => match self.content(sha256, content).await? {
                Some(content) => self.finish(here, content).await,
                None => Ok(Restored::ContentNeeded),
            },
            // What failed there may still be done here.
            _ => Ok(Restored::Present),
        }
    }

    /// Mends an image whose content is damaged here, and gives it the archived label, if that is newer.
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
            self.commit(&mended).await?;
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
            // Whoever claimed it and died did so longer ago.
            if is_here || tries == TRIES {
                if let Some(content) = content {
                    self.store.leave(content.blob).await?;
                }
                return if is_here { Ok(Restored::Present) } else { Err(Error::Changed) };
            }
            tries += 1;
            self.ports.sleep(PAUSE).await;
        }
        let Archived { id, label, source, created, updated, attempts, state } = archived;
        let state = match (content, state) {
            (Some(content), _) => State::Ready(content),
            (None, ArchivedState::Failed(error)) => State::Failed { error },
            // Whoever resumes does it.
            (None, _) => State::Pending { lease: 0 },
        };
        let name = label.name.unwrap_or_default();
        let seq = self.store.next_seq().await?;
        let (tags, restored) = (label.tags, Some(self.ports.now()));
        let record = ImageRecord { id, seq, name, tags, source, created, updated, restored, attempts, state };
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
        self.store.list_image(&record).await?;
        Ok(Restored::Restored)
    }

    async fn count(&self, counter: Vaultwide) -> Result<(), Error> {
        self.store.add(counter, 1).await.map(drop)
    }

    /// Makes a job that is here ready with content that was found elsewhere.
    async fn finish(&self, here: ImageRecord, content: Content) -> Result<Restored, Error> {
        let blob = content.blob;
        let held = match here.status() {
            Status::Failed => self.retry(here, Worker::Recorder).await?,
            _ => self.take_over(here, 0).await?,
        };
        let Some(record) = held else {
            self.store.leave(blob).await?;
            return Err(Error::Changed);
        };
        self.complete(record, content).await?;
        Ok(Restored::Restored)
    }

    /// The content of that digest: made of `given`, or shared with an image that has it.
    async fn content(&self, sha256: &Sha256Hex, given: Option<&mut impl ByteSource>) -> Result<Option<Content>, Error> {
        let Some(source) = given else { return self.share_known(sha256).await };
        let packed = self.pack(source).await?;
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
        let (size, stored_size, codec) = (manifest.size, manifest.stored_size(), manifest.codec);
        let content = |media_type: &str, dimensions| {
            let (sha256, media_type) = (sha256.clone(), media_type.to_owned());
            Content { blob, sha256, size, stored_size, codec, media_type, dimensions }
        };
        match self.look(&content("", None)).await {
            Ok(Some(Sniffed { media_type, dimensions })) => Ok(Some(content(media_type, dimensions))),
            // Then it cannot be used, and is given anew.
            Ok(None) | Err(Error::Corrupt(_)) => self.store.leave(blob).await.map(|()| None),
            Err(error) => Err(error),
        }
    }

    /// Finds out from the first bytes what it is.
    async fn look(&self, content: &Content) -> Result<Option<Sniffed>, Error> {
        let nobody = ImageId::new(0, &[0; 10]);
        let blob = self.store.open_blob(nobody, content).await?;
        let start = blob.read(Form::Original, 0..blob.size(Form::Original)).next().await?;
        Ok(start.and_then(|start| sniff(&start)))
    }

    /// Checks what is said of an image, as what users say is checked.
    fn check(&self, archived: &Archived) -> Result<(), Error> {
        let invalid = |field, reason: &str| Err(Error::Invalid { field, reason: reason.to_owned() });
        if archived.label.name.is_none() {
            return invalid("name", "an image has a name, and this has none");
        }
        if archived.created.max(archived.updated) > self.now().saturating_add(A_DAY) {
            return invalid("updated", "its time has not come yet");
        }
        if let ArchivedState::Failed(reason) = &archived.state
            && reason.len() > MAX_ERROR
        {
            return invalid("error", "a reason is one sentence");
        }
        match &archived.source {
            // Whether it may be asked is looked at when it is; there it may have been.
            Some(source) => OriginPolicy { allow_private_network: true, ..Default::default() }.parse(source).map(drop),
            None if archived.state == ArchivedState::Job => invalid("source", "a job needs one, and this has none"),
            None => Ok(()),
        }
    }
}

fn another(archived: &Archived) -> Error {
    Error::Invalid { field: "id", reason: format!("{} is another image's here", archived.id) }
}
