//! Stores the thumbnails of blobs, and previews: whether they can be drawn, and placeholders.
//!
//! They are drawn from the blob alone, so they may be lost, written twice or drawn again at any time.

use burrow_model::envelope;
use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, Key};
use burrow_model::record::{Picture, Preview};

use super::Store;
use crate::ports::Ports;
use crate::thumbnail::likeness::VERSION;
use crate::thumbnail::{Thumbnail, WIDTHS};

impl<P: Ports> Store<P> {
    /// Returns the preview of a blob. A damaged one is `None`.
    pub async fn preview(&self, blob: BlobId) -> Result<Option<Preview>, Error> {
        passing_over(self.load(&Key::preview(blob)).await)
    }

    /// Returns the likeness of a blob, if one was made that can be compared; in it, `None` says that the picture is too
    /// plain.
    pub async fn likeness(&self, blob: BlobId) -> Result<Option<Option<u64>>, Error> {
        let likeness = self.preview(blob).await?.and_then(|preview| preview.likeness());
        Ok(likeness.filter(|likeness| likeness.version == VERSION).map(|likeness| likeness.bits))
    }

    /// Writes the preview of a blob.
    pub async fn save_preview(&self, blob: BlobId, preview: &Preview) -> Result<(), Error> {
        self.save(&Key::preview(blob), preview).await
    }

    /// Returns a thumbnail and its bytes. A damaged one is `None`.
    pub async fn thumbnail(&self, blob: BlobId, width: u32) -> Result<Option<(Picture, Vec<u8>)>, Error> {
        let key = Key::thumbnail(blob, width);
        match self.ports.get(&key).await? {
            Some(value) => passing_over(envelope::decode_with(&key, &value).map(Some)),
            None => Ok(None),
        }
    }

    /// Stores a thumbnail.
    pub async fn save_thumbnail(&self, blob: BlobId, width: u32, drawn: &Thumbnail) -> Result<(), Error> {
        let key = Key::thumbnail(blob, width);
        let picture = Picture { media_type: drawn.media_type.into(), size: (drawn.width, drawn.height) };
        let value = envelope::encode_with(&key, &picture, &drawn.bytes)?;
        Ok(self.ports.set(&key, value).await?)
    }

    /// Deletes the thumbnails and the preview of a blob.
    pub(super) async fn delete_thumbnails(&self, blob: BlobId) -> Result<(), Error> {
        for width in WIDTHS {
            self.ports.delete(&Key::thumbnail(blob, width)).await?;
        }
        Ok(self.ports.delete(&Key::preview(blob)).await?)
    }
}
