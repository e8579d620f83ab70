//! Reads records, content, pages of images and counts.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Vaultwide};
use burrow_model::record::{Content, ImageRecord};

use super::Vault;
use crate::policy;
use crate::ports::Ports;
use crate::store::blob::Blob;

/// The highest number of images on a page.
pub const MAX_PAGE: usize = 1000;

/// Feed entries read for one page. So a page may have fewer images than asked for, if the filter excludes many or many
/// were removed.
pub(super) const MAX_SCAN: usize = 1000;

/// A page ends once the text of its images reaches this many bytes, so that its memory is bounded.
pub(super) const MAX_TEXT: usize = 512 * 1024;

/// Feed entries read at once.
pub(super) const AT_ONCE: usize = 8;

/// One page of images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The images.
    pub images: Vec<ImageRecord>,
    /// The cursor of the next page; `None` on the last page.
    pub next: Option<u64>,
    /// Whether the vault has no index, so that only the next images of the feed were looked at.
    pub unindexed: bool,
}

/// Counts over the whole vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Ready images.
    pub images: u64,
    /// Pending and storing images.
    pub pending: u64,
    /// Failed images.
    pub failed: u64,
    /// Bytes of the originals of ready images.
    pub original_bytes: u64,
    /// Packed bytes; content that several images share counts once.
    pub stored_bytes: u64,
    /// Contents that were repacked.
    pub repacked: u64,
    /// Bytes that repacking saves.
    pub saved_bytes: u64,
    /// When an image last became ready, in milliseconds since 1970.
    pub last_uploaded: Option<u64>,
}

impl<P: Ports> Vault<P> {
    /// Returns an image's record.
    pub async fn get(&self, id: ImageId) -> Result<ImageRecord, Error> {
        self.as_stored(self.find(id).await?).await
    }

    /// Returns an image's record as it was written: `codec` and `stored_size` may be those before repacking.
    pub async fn find(&self, id: ImageId) -> Result<ImageRecord, Error> {
        self.store.image(id).await?.ok_or(Error::NotFound)
    }

    /// Returns the newest ready image of that name.
    pub async fn get_by_name(&self, name: &str) -> Result<ImageRecord, Error> {
        self.as_stored(self.store.image_named(name, |_| true).await?.ok_or(Error::NotFound)?).await
    }

    /// Returns the newest ready image of that name whose content has this SHA-256. It looks only at the newest entries
    /// of the name.
    pub async fn get_by_content(&self, name: &str, sha256: &str) -> Result<ImageRecord, Error> {
        let is_it = |content: &Content| content.sha256.as_str() == sha256;
        self.as_stored(self.store.image_named(name, is_it).await?.ok_or(Error::NotFound)?).await
    }

    /// Returns the image last recorded for that URL. It may miss one: the pointer is a hint.
    pub async fn get_by_source(&self, url: &str) -> Result<ImageRecord, Error> {
        self.as_stored(self.store.image_from(policy::parse("url", url)?.as_str()).await?.ok_or(Error::NotFound)?).await
    }

    /// Opens the content of a ready image.
    pub async fn open(&self, image: &ImageRecord) -> Result<Blob<P>, Error> {
        self.store.open_blob(image.id, image.content()?).await
    }

    /// Returns counts over the whole vault.
    pub async fn statistics(&self) -> Result<Statistics, Error> {
        Ok(Statistics {
            images: self.store.count(Vaultwide::Ready).await?,
            pending: self.store.count(Vaultwide::Pending).await?,
            failed: self.store.count(Vaultwide::Failed).await?,
            original_bytes: self.store.count(Vaultwide::OriginalBytes).await?,
            stored_bytes: self.store.count(Vaultwide::StoredBytes).await?,
            repacked: self.store.count(Vaultwide::Repacked).await?,
            saved_bytes: self.store.count(Vaultwide::SavedBytes).await?,
            last_uploaded: self.store.mark(Vaultwide::LastUploaded).await?,
        })
    }
}

/// Checks the number of images asked for on one page.
pub(super) fn check_limit(limit: usize) -> Result<(), Error> {
    if (1..=MAX_PAGE).contains(&limit) {
        return Ok(());
    }
    let reason = format!("it must be from 1 to {MAX_PAGE}, not {limit}");
    Err(Error::Invalid { field: "limit", reason })
}

/// About how many bytes an image takes on a page.
pub(super) fn size_of_text(image: &ImageRecord) -> usize {
    const REST: usize = 600;
    let error = image.failure().map_or(0, str::len);
    REST + error
        + image.name.len()
        + image.source.as_ref().map_or(0, String::len)
        + image.referrer.as_ref().map_or(0, String::len)
        + image.tags.iter().map(String::len).sum::<usize>()
}
