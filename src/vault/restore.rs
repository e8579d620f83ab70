//! Putting back an image that another vault gave away: the same id, the same dates.

use url::Url;

use super::{Edit, Label, Vault};
use crate::error::Error;
use crate::key::{ImageId, Sha256Hex, Vaultwide};
use crate::ports::{ByteSource, Ports};
use crate::record::{Content, ImageRecord, State, Status};
use crate::sniff::{Sniffed, sniff};
use crate::store::blob::Form;

/// The latest time that is believed, in milliseconds since 1970: the end of the year 9999.
const MAX_TIME: u64 = 253_402_300_799_999;

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
    /// Puts an image back. Its content is needed only if no image here has the same.
    pub async fn restore(&self, archived: Archived, content: Option<&mut impl ByteSource>) -> Result<Restored, Error> {
        check(&archived)?;
        let here = self.store.image(archived.id).await?;
        if let Some(here) = &here {
            let other = match (&here.state, &archived.state) {
                (State::Ready(content), ArchivedState::Ready(sha256)) => content.sha256 != *sha256,
                _ => here.created != archived.created || here.source != archived.source,
            };
            if other {
                let reason = format!("{} is another image's here", archived.id);
                return Err(Error::Invalid { field: "id", reason });
            }
            if here.updated >= archived.updated {
                return Ok(Restored::Present);
            }
            if here.status() == Status::Ready {
                let edit = Edit::new(archived.label.name.as_deref(), Some(&archived.label.tags))?;
                self.edit(here.id, &edit, |_| Ok::<(), Error>(())).await?;
                return Ok(Restored::Restored);
            }
        } else if self.store.is_removed(archived.id).await? {
            let reason = format!("{} was removed here a short while ago; try again in two hours", archived.id);
            return Err(Error::Invalid { field: "id", reason });
        }
        let content = match &archived.state {
            ArchivedState::Ready(sha256) => match self.content(sha256, content).await? {
                Some(content) => Some(content),
                None => return Ok(Restored::ContentNeeded),
            },
            ArchivedState::Job | ArchivedState::Failed(_) => None,
        };
        match (here, content) {
            (Some(here), Some(content)) => self.finish(here, content).await,
            // What failed there may still be done here.
            (Some(_), None) => Ok(Restored::Present),
            (None, content) => self.restore_new(archived, content).await,
        }
    }

    async fn restore_new(&self, archived: Archived, content: Option<Content>) -> Result<Restored, Error> {
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
            Status::Failed => self.retry(here).await?,
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
}

fn check(archived: &Archived) -> Result<(), Error> {
    if archived.label.name.is_none() {
        return Err(Error::Invalid { field: "name", reason: "an image has a name, and this has none".into() });
    }
    if archived.created > MAX_TIME || archived.updated > MAX_TIME {
        return Err(Error::Invalid { field: "created", reason: "times end with the year 9999".into() });
    }
    if let Some(source) = &archived.source {
        let url = Url::parse(source).map_err(|error| Error::Invalid { field: "source", reason: error.to_string() })?;
        if !matches!(url.scheme(), "http" | "https") {
            let reason = format!("images come by http or https, not by {}", url.scheme());
            return Err(Error::Invalid { field: "source", reason });
        }
    }
    if archived.source.is_none() && archived.state == ArchivedState::Job {
        return Err(Error::Invalid { field: "source", reason: "a job needs one, and this has none".into() });
    }
    Ok(())
}
