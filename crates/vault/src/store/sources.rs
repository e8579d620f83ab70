//! Sources: the pointer from a URL to the image last recorded for it.
//!
//! A source is a hint: it counts only if the image exists and came from that URL, and a missing source does no harm.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::record::{ImageRecord, Pointer};

use super::Store;
use crate::ports::Ports;

impl<P: Ports> Store<P> {
    /// Makes the URL of an image lead to it.
    pub async fn hint_source(&self, record: &ImageRecord) -> Result<(), Error> {
        match &record.source {
            Some(source) => self.save(&source_key(source), &Pointer::Image(record.id)).await,
            None => Ok(()),
        }
    }

    /// Returns the image that a URL leads to.
    pub async fn image_from(&self, source: &str) -> Result<Option<ImageRecord>, Error> {
        let Some(id) = self.hinted(source).await? else { return Ok(None) };
        Ok(self.image(id).await?.filter(|record| record.source.as_deref() == Some(source)))
    }

    /// Deletes the source of an image that is removed, if it leads to that image. A source that another process writes
    /// at the same time may be deleted, too.
    pub(super) async fn forget_source(&self, record: &ImageRecord) -> Result<(), Error> {
        if let Some(source) = &record.source
            && self.hinted(source).await? == Some(record.id)
        {
            self.ports.delete(&source_key(source)).await?;
        }
        Ok(())
    }

    async fn hinted(&self, source: &str) -> Result<Option<ImageId>, Error> {
        match passing_over(self.load(&source_key(source)).await)? {
            Some(Pointer::Image(id)) => Ok(Some(id)),
            _ => Ok(None),
        }
    }
}

fn source_key(source: &str) -> Key {
    Key::source(&Sha256Hex::of(source.as_bytes()))
}
