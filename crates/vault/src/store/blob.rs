//! Blobs: packed content in chunks, under a manifest that is written last.

use std::ops::Range;
use std::rc::Rc;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, ImageId, Key};
use burrow_model::record::Codec;
use burrow_model::record::{Content, Manifest};
use xxhash_rust::xxh3::xxh3_64;

use super::Store;
use super::unpacking::Unpacking;
use crate::codec::gzip::{HEADER, LAST_BLOCK, trailer};
use crate::codec::{self, block_count, block_len};
use crate::ports::Ports;

impl<P: Ports> Store<P> {
    /// Stores a chunk. It need not be durable before the manifest is.
    pub async fn put_chunk(&self, blob: BlobId, n: u32, chunk: Vec<u8>) -> Result<(), Error> {
        Ok(self.ports.set(&Key::chunk(blob, n), chunk).await?)
    }

    /// Writes a blob's manifest, which completes the blob.
    pub async fn save_manifest(&self, blob: BlobId, manifest: &Manifest) -> Result<(), Error> {
        self.save(&Key::manifest(blob), manifest).await
    }

    /// Deletes the first `chunks` chunks of a blob that was never completed, or that no image uses.
    pub async fn delete_chunks(&self, blob: BlobId, chunks: u32) -> Result<(), Error> {
        for n in 0..chunks {
            self.ports.delete(&Key::chunk(blob, n)).await?;
        }
        Ok(())
    }

    pub(crate) async fn manifest(&self, blob: BlobId) -> Result<Option<Manifest>, Error> {
        self.load(&Key::manifest(blob)).await
    }

    /// Returns a blob's manifest, if it and all its chunks are undamaged: an image may come to share the blob.
    pub async fn sound_manifest(&self, blob: BlobId) -> Result<Option<Manifest>, Error> {
        let Some(manifest) = passing_over(self.manifest(blob).await)? else { return Ok(None) };
        let place = manifest.place(blob);
        for (n, &(len, sum)) in (0..).zip(&manifest.chunks) {
            let chunk = self.ports.get(&Key::chunk(place, n)).await?;
            if !chunk.is_some_and(|chunk| is_sound(&chunk, len, sum)) {
                return Ok(None);
            }
        }
        Ok(Some(manifest))
    }

    pub(super) async fn delete_manifest(&self, blob: BlobId) -> Result<(), Error> {
        Ok(self.ports.delete(&Key::manifest(blob)).await?)
    }

    /// Opens a blob whose manifest is not stored yet, or was read before.
    pub(crate) fn blob(&self, id: BlobId, manifest: Manifest) -> Blob<P> {
        self.blob_of_manifest(ImageId::new(0, &[0; 10]), id, manifest)
    }

    /// Opens the content of a ready image.
    pub async fn open_blob(&self, image: ImageId, content: &Content) -> Result<Blob<P>, Error> {
        let (blob, key) = (content.blob, Key::manifest(content.blob));
        let corrupt = |why: &str| damaged(image, &format!("manifest {key} {why}"));
        let manifest = self.manifest(blob).await.map_err(|error| of_image(image, error))?;
        let manifest = manifest.ok_or_else(|| corrupt("is missing"))?;
        let chunks = u32::try_from(manifest.chunks.len()).ok();
        let cut = if manifest.codec.is_whole() { manifest.stored_size() } else { content.size };
        if manifest.size != content.size || manifest.sha256 != content.sha256 || chunks != block_count(cut) {
            return Err(corrupt("is of other content"));
        }
        Ok(self.blob_of_manifest(image, blob, manifest))
    }

    /// Opens a blob as a manifest describes it, stored or not.
    pub fn blob_of_manifest(&self, image: ImageId, blob: BlobId, manifest: Manifest) -> Blob<P> {
        let place = manifest.place(blob);
        Blob { store: self.clone(), image, place, manifest: Rc::new(manifest) }
    }
}

/// Whether a chunk has the length and checksum that its manifest states.
fn is_sound(chunk: &[u8], len: u32, sum: u64) -> bool {
    chunk.len() == len as usize && xxh3_64(chunk) == sum
}

fn damaged(image: ImageId, why: &str) -> Error {
    Error::Corrupt(format!("the content of image {image}: {why}"))
}

/// Adds the image to an error about its content.
fn of_image(image: ImageId, error: Error) -> Error {
    match error {
        Error::Corrupt(why) => damaged(image, &why),
        Error::Newer(why) => Error::Newer(format!("the content of image {image}: {why}")),
        error => error,
    }
}

/// A form in which a blob can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The original bytes.
    Original,
    /// The gzip stream around the packed bytes; only a blob packed as deflate has it.
    Gzip,
}

/// An open blob. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Blob<P> {
    pub(super) store: Store<P>,
    /// The image through which it was opened.
    image: ImageId,
    /// The id under which its chunks lie.
    place: BlobId,
    pub(super) manifest: Rc<Manifest>,
}

impl<P: Ports> Blob<P> {
    /// Whether the blob has this form.
    pub fn has(&self, form: Form) -> bool {
        form == Form::Original || self.manifest.codec == Codec::Deflate
    }

    /// How it is packed now. The record of its image says how it was packed when the image was added.
    pub fn codec(&self) -> Codec {
        self.manifest.codec
    }

    /// Its manifest.
    pub fn manifest(&self) -> Manifest {
        Manifest::clone(&self.manifest)
    }

    /// CRC-32 of the original, as in gzip and ZIP.
    pub fn crc32(&self) -> u32 {
        self.manifest.crc32
    }

    /// The size of a form in bytes.
    pub fn size(&self, form: Form) -> u64 {
        match form {
            Form::Original => self.manifest.size,
            Form::Gzip => HEADER.len() as u64 + self.manifest.stored_size() + END as u64,
        }
    }

    /// Reads the bytes of `range`, which must lie inside the form. It reads only the chunks that the range touches.
    pub fn read(&self, form: Form, range: Range<u64>) -> BlobReader<P> {
        BlobReader { blob: self.clone(), form, range, next: 0, position: 0, unpacking: None }
    }

    pub(super) fn corrupt(&self, why: &str) -> Error {
        damaged(self.image, why)
    }

    /// Adds the image to an error about its content.
    pub(super) fn named(&self, error: Error) -> Error {
        of_image(self.image, error)
    }

    pub(super) async fn chunk(&self, n: u32) -> Result<Vec<u8>, Error> {
        let key = Key::chunk(self.place, n);
        let corrupt = |why: &str| self.corrupt(&format!("chunk {key} {why}"));
        let &(len, sum) = self.manifest.chunks.get(n as usize).ok_or_else(|| corrupt("is not in its manifest"))?;
        match self.store.ports.get(&key).await? {
            Some(chunk) if is_sound(&chunk, len, sum) => Ok(chunk),
            Some(_) => Err(corrupt("does not match its checksum")),
            None if self.store.ports.get(&Key::object(self.place)).await?.is_some() => {
                Err(corrupt("is not in its object, or this host reads no objects (--blobs)"))
            }
            None => Err(corrupt("is missing")),
        }
    }
}

/// Length of what follows the chunks in the gzip form.
const END: usize = LAST_BLOCK.len() + 8;

/// Reads a blob segment by segment, and checks each chunk before it returns the chunk. The segments of the original are
/// its blocks; those of the gzip form are its header, the chunks, and its end. A blob that is packed as a whole is
/// unpacked from its start, wherever the range begins.
#[derive(Debug)]
pub struct BlobReader<P> {
    blob: Blob<P>,
    form: Form,
    range: Range<u64>,
    /// The next segment, and where it begins.
    next: u32,
    position: u64,
    /// The unpacking of a blob that is packed as a whole, once it has begun.
    unpacking: Option<Unpacking>,
}

impl<P: Ports> BlobReader<P> {
    /// Bytes not yet read.
    pub fn remaining(&self) -> u64 {
        self.range.end.saturating_sub(self.range.start)
    }

    /// Returns the next bytes, at most [`BLOCK`](crate::codec::BLOCK) of the original or one chunk; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.remaining() == 0 {
            return Ok(None);
        }
        let is_whole = self.blob.manifest.codec.is_whole();
        // Skips segments that end before the range begins.
        let mut end = self.position + self.segment_len();
        while end <= self.range.start && !is_whole {
            (self.next, self.position) = (self.next + 1, end);
            end += self.segment_len();
        }
        let mut bytes = if is_whole { self.unpacked().await? } else { self.segment().await? };
        let end = self.position + bytes.len() as u64;
        bytes.truncate(usize::try_from(self.range.end - self.position).unwrap_or(usize::MAX));
        let skip = usize::try_from(self.range.start - self.position).unwrap_or(usize::MAX);
        bytes.drain(..skip.min(bytes.len()));
        (self.next, self.position) = (self.next + 1, end);
        self.range.start += bytes.len() as u64;
        if self.remaining() == 0 {
            self.unpacking = None;
        }
        Ok(Some(bytes))
    }

    /// Unpacks up to the first piece that reaches into the range.
    async fn unpacked(&mut self) -> Result<Vec<u8>, Error> {
        let unpacking = match &mut self.unpacking {
            Some(unpacking) => unpacking,
            none => none.insert(Unpacking::begin(&self.blob).await?),
        };
        loop {
            let piece = unpacking.next().await.map_err(|error| self.blob.named(error))?;
            let piece = piece.ok_or_else(|| self.blob.corrupt("it unpacks to too few bytes"))?;
            let end = self.position + piece.len() as u64;
            if end > self.range.start {
                return Ok(piece);
            }
            self.position = end;
        }
    }

    /// The length of the next segment. Past the end it is large, so that the search for the start of the range ends.
    fn segment_len(&self) -> u64 {
        let manifest = &self.blob.manifest;
        let len = match (self.form, self.next) {
            (Form::Original, n) => block_len(manifest.size, n) as u64,
            (Form::Gzip, 0) => HEADER.len() as u64,
            (Form::Gzip, n) => manifest.chunks.get(n as usize - 1).map_or(END as u64, |(len, _)| u64::from(*len)),
        };
        if len == 0 { u64::from(u32::MAX) } else { len }
    }

    async fn segment(&self) -> Result<Vec<u8>, Error> {
        let Blob { manifest, .. } = &self.blob;
        match (self.form, self.next) {
            (Form::Original, n) => {
                let unpacked = codec::unpack(manifest.codec, self.blob.chunk(n).await?, block_len(manifest.size, n));
                unpacked.map_err(|error| self.blob.named(error))
            }
            (Form::Gzip, 0) => Ok(HEADER.into()),
            (Form::Gzip, n) if n as usize <= manifest.chunks.len() => self.blob.chunk(n - 1).await,
            (Form::Gzip, _) => Ok([&LAST_BLOCK[..], &trailer(manifest.crc32, manifest.size)].concat()),
        }
    }
}
