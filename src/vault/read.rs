//! Reading: records, content, pages, counts.

use std::ops::Range;

use super::Vault;
use crate::error::{Error, passing_over};
use crate::key::{ImageId, Vaultwide};
use crate::ports::Ports;
use crate::record::ImageRecord;
use crate::store::blob::BlobReader;

/// The most images on one page.
pub(super) const MAX_PAGE: usize = 1000;

/// Feed entries looked at for one page: where most images of a stretch were removed, a page may hold fewer than asked.
const MAX_SCAN: usize = 10_000;

/// One page of images, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The images.
    pub images: Vec<ImageRecord>,
    /// The cursor of the next page, if there is one.
    pub next: Option<u64>,
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
    /// Bytes of packed forms, shared ones counted once.
    pub stored_bytes: u64,
    /// When an image last became ready, in milliseconds since 1970.
    pub last_uploaded: Option<u64>,
}

impl<P: Ports> Vault<P> {
    /// Returns an image's record.
    pub async fn get(&self, id: ImageId) -> Result<ImageRecord, Error> {
        self.store.image(id).await?.ok_or(Error::NotFound)
    }

    /// Returns the newest ready image of that name.
    pub async fn get_by_name(&self, name: &str) -> Result<ImageRecord, Error> {
        self.store.image_named(name).await?.ok_or(Error::NotFound)
    }

    /// Opens the bytes `range` (inside the content) of a ready image.
    pub async fn open(&self, image: &ImageRecord, range: Range<u64>) -> Result<BlobReader<P>, Error> {
        self.store.open_blob(image.content()?, range).await
    }

    /// Lists images, newest first, from those accepted as number `before - 1` (or the newest) on.
    pub async fn list(&self, before: Option<u64>, limit: usize) -> Result<Page, Error> {
        if !(1..=MAX_PAGE).contains(&limit) {
            let reason = format!("1 to {MAX_PAGE} are listed at once, not {limit}");
            return Err(Error::Invalid { field: "limit", reason });
        }
        let newest = self.store.count(Vaultwide::Feed).await?;
        let mut seq = before.map_or(newest, |before| before.saturating_sub(1).min(newest));
        let mut images = Vec::new();
        for _ in 0..MAX_SCAN {
            if seq == 0 || images.len() == limit {
                break;
            }
            images.extend(passing_over(self.store.feed(seq).await)?);
            seq -= 1;
        }
        Ok(Page { images, next: (seq > 0).then_some(seq + 1) })
    }

    /// Counts.
    pub async fn statistics(&self) -> Result<Statistics, Error> {
        Ok(Statistics {
            images: self.store.count(Vaultwide::Ready).await?,
            pending: self.store.count(Vaultwide::Pending).await?,
            failed: self.store.count(Vaultwide::Failed).await?,
            original_bytes: self.store.count(Vaultwide::OriginalBytes).await?,
            stored_bytes: self.store.count(Vaultwide::StoredBytes).await?,
            last_uploaded: self.store.mark(Vaultwide::LastUploaded).await?,
        })
    }
}
