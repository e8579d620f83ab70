//! Accepts a job: drafts a new image, and records it as pending.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Sha256Hex, Vaultwide};
use burrow_model::record::{ImageRecord, State};
use url::Url;

use super::{Label, Packed, Vault, Worker};
use crate::ports::Ports;
use crate::referrer::Referrer;

/// A new image whose URL, name and tags are checked. Nothing of it is stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    id: ImageId,
    label: Label,
    source: Option<Url>,
    referrer: Option<Referrer>,
}

impl Draft {
    /// The id that the image will have.
    pub fn id(&self) -> ImageId {
        self.id
    }

    /// The same draft with another id: the one that an earlier, dead process planned for this request.
    #[must_use]
    pub fn with_id(self, id: ImageId) -> Self {
        Self { id, ..self }
    }

    /// The same draft of an image that was found on this page.
    #[must_use]
    pub fn found_on(self, referrer: Option<Referrer>) -> Self {
        Self { referrer, ..self }
    }

    /// A hash of the draft, and of the bytes if they were given. [`Vault::once`] takes requests of equal fingerprints
    /// for the same request.
    pub fn fingerprint(&self, packed: Option<&Packed>) -> Sha256Hex {
        let Label { name, tags } = &self.label;
        let what = (self.source.as_ref().map(Url::as_str), packed.map(|packed| packed.sha256().as_str()), name, tags);
        let text = match &self.referrer {
            // As before there were referrers, so that a request is known again that was sent before an upgrade.
            None => format!("{what:?}"),
            Some(referrer) => format!("{what:?} {referrer:?}"),
        };
        Sha256Hex::of(text.as_bytes())
    }
}

impl<P: Ports> Vault<P> {
    /// Refuses a body whose stated length exceeds the limit, before any of it is read.
    pub fn check_size(&self, seen: u64) -> Result<(), Error> {
        let allowed = self.settings.max_image_bytes;
        if seen > allowed { Err(Error::Limit { limit: "max_image_bytes", allowed, seen }) } else { Ok(()) }
    }

    /// Drafts an image that is to be downloaded.
    pub fn draft_job(&self, url: &str, label: Label) -> Result<Draft, Error> {
        let source = Some(self.settings.downloads.origins.parse(url)?);
        Ok(Draft { source, ..self.draft(label) })
    }

    /// Drafts an image whose bytes are given.
    pub fn draft(&self, label: Label) -> Draft {
        let id = ImageId::new(self.ports.now(), &self.ports.ten_bytes());
        Draft { id, label, source: None, referrer: None }
    }

    /// Records a job, so that it is done even if this process dies.
    pub async fn accept(&self, draft: Draft, worker: Worker) -> Result<ImageRecord, Error> {
        self.check_images().await?;
        self.check_jobs().await?;
        let lease = self.lease_for(worker);
        let mut record = self.new_record(draft, State::Pending { lease }).await?;
        record.tags = self.renamed(record.tags, record.created).await?;
        self.store.add(Vaultwide::Pending, 1).await?;
        // Written before the feed entry: a caller that finds the image there and removes it then also finds the source.
        self.store.hint_source(&record).await?;
        self.store.list_image(None, &record).await?;
        Ok(record)
    }

    /// Makes the record of a new image. It takes a feed number, but does not store the record.
    pub(super) async fn new_record(&self, draft: Draft, state: State) -> Result<ImageRecord, Error> {
        let Draft { id, label, source, referrer } = draft;
        let now = self.ports.now();
        Ok(ImageRecord {
            id,
            seq: self.store.next_seq().await?,
            name: label.name_or_default(source.as_ref(), id),
            tags: label.tags,
            source: source.map(|source| source.to_string()),
            referrer: referrer.map(|referrer| referrer.as_str().to_owned()),
            created: now,
            updated: now,
            restored: None,
            attempts: 0,
            state,
        })
    }
}
