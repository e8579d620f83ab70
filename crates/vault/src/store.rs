//! Typed access to the key-value store. Every key and value of the vault is written and read here.
//!
//! Only the vault's operations write through it. docs/storage-format.md has the layout and the order of writes.

pub mod blob;
mod claims;
pub mod index;
mod jobs;
mod names;
mod repacking;
mod sharing;
mod sources;
mod thumbnails;
mod trash;
mod unpacking;
pub mod verify;

pub use claims::LEASE;
pub use trash::REMEMBERED;

use burrow_model::envelope;
use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, ImageId, Key, Sha256Hex, Vaultwide};
use burrow_model::record::{ImageRecord, Pointer, Record};

use crate::ports::Ports;
use crate::terms;

use index::Shape;

/// Typed access to the key-value store.
#[derive(Clone, Debug)]
pub struct Store<P> {
    ports: P,
    generation: Option<u64>,
    shape: Shape,
}

impl<P: Ports> Store<P> {
    /// Opens the store behind the ports, in this [generation](crate::vault::HostFacts), with an index of this shape.
    pub fn new(ports: P, generation: Option<u64>, shape: Shape) -> Self {
        Self { ports, generation, shape }
    }

    async fn load<R: Record>(&self, key: &Key) -> Result<Option<R>, Error> {
        match self.ports.get(key).await? {
            Some(value) => envelope::decode(key, &value).map(Some),
            None => Ok(None),
        }
    }

    async fn save<R: Record>(&self, key: &Key, record: &R) -> Result<(), Error> {
        Ok(self.ports.set(key, envelope::encode(key, record)?).await?)
    }

    /// Returns an image's record.
    pub async fn image(&self, id: ImageId) -> Result<Option<ImageRecord>, Error> {
        self.load(&Key::image(id)).await
    }

    /// Writes an image's record. It is durable when this returns, as far as the store promises it.
    pub async fn save_image(&self, record: &ImageRecord) -> Result<(), Error> {
        self.save(&Key::image(record.id), record).await
    }

    /// Deletes an image's record.
    pub async fn delete_image(&self, id: ImageId) -> Result<(), Error> {
        Ok(self.ports.delete(&Key::image(id)).await?)
    }

    /// Takes the next feed number.
    pub async fn next_seq(&self) -> Result<u64, Error> {
        let seq = self.add(Vaultwide::Feed, 1).await?;
        if seq == 1 {
            // All images of this vault will be in the log.
            self.begin_index(0).await?;
        }
        Ok(seq)
    }

    /// Writes the entries of log and feed and the record of an image that gets a feed number; `before` is its record
    /// before, if it has one. All are durable when this returns, as far as the store promises it.
    pub async fn list_image(&self, before: Option<&ImageRecord>, record: &ImageRecord) -> Result<(), Error> {
        let (key, entry) = (Key::feed(record.seq), Pointer::Image(record.id));
        self.log(&terms::change(before, record)).await?;
        // The entry is written first: an image whose record a reader finds must be listed. An entry that leads to no
        // record is skipped.
        self.save(&key, &entry).await?;
        self.save_image(record).await
    }

    /// Deletes the feed entry of a number.
    pub async fn leave_feed(&self, seq: u64) -> Result<(), Error> {
        Ok(self.ports.delete(&Key::feed(seq)).await?)
    }

    /// Deletes an image's feed entry, name entries, source and record. It may be done twice.
    pub async fn take_out(&self, record: &ImageRecord) -> Result<(), Error> {
        self.leave_feed(record.seq).await?;
        self.leave_name(record).await?;
        self.forget_source(record).await?;
        self.delete_image(record.id).await
    }

    /// Returns the image with feed number `seq`, if the feed leads to it.
    pub async fn feed(&self, seq: u64) -> Result<Option<ImageRecord>, Error> {
        match self.load(&Key::feed(seq)).await? {
            // An image that was retried is listed under its new number.
            Some(Pointer::Image(id)) => Ok(self.image(id).await?.filter(|image| image.seq == seq)),
            _ => Ok(None),
        }
    }

    /// Returns the blob that the digest leads to, if any.
    pub async fn blob_of(&self, sha256: &Sha256Hex) -> Result<Option<BlobId>, Error> {
        match passing_over(self.load(&Key::digest(sha256)).await)? {
            Some(Pointer::Blob(blob)) => Ok(Some(blob)),
            _ => Ok(None),
        }
    }

    /// Makes the digest of a content lead to its blob.
    pub async fn remember_blob(&self, sha256: &Sha256Hex, blob: BlobId) -> Result<(), Error> {
        self.save(&Key::digest(sha256), &Pointer::Blob(blob)).await
    }

    /// Adds to a counter and returns the sum. A sum below 0 is drift after a crash, and is returned as 0.
    pub async fn add(&self, counter: Vaultwide, delta: i64) -> Result<u64, Error> {
        let sum = self.ports.increment(&Key::vaultwide(counter), delta).await?;
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// Reads a counter.
    pub async fn count(&self, counter: Vaultwide) -> Result<u64, Error> {
        // Adding 0 is the only way to read a counter that every provider supports.
        self.add(counter, 0).await
    }

    /// Reads a mark. A damaged one is `None`: the sweep then begins at the first number.
    pub async fn mark(&self, mark: Vaultwide) -> Result<Option<u64>, Error> {
        match passing_over(self.load(&Key::vaultwide(mark)).await)? {
            Some(Pointer::Number(number)) => Ok(Some(number)),
            _ => Ok(None),
        }
    }

    /// Sets a mark.
    pub async fn set_mark(&self, mark: Vaultwide, number: u64) -> Result<(), Error> {
        self.save(&Key::vaultwide(mark), &Pointer::Number(number)).await
    }
}
