//! Writing an archive.

use std::collections::HashSet;
use std::io::{Read, Write};

use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::entry::{ImageEntry, extension, sha256};
use super::{HEAD, Head, Known, SUMS, line};
use crate::{Burrow, Error, Filter, Image, VaultError};

/// What was written.
#[derive(Debug, Default)]
pub struct Exported {
    /// Images.
    pub images: u64,
    /// Contents.
    pub contents: u64,
    /// Bytes of contents.
    pub bytes: u64,
    /// Images that are damaged, with the reason: they are left out.
    pub damaged: Vec<(String, Error)>,
}

/// An entry on its way to the file.
struct Entry {
    name: String,
    /// Seconds since 1970.
    time: u64,
    size: u64,
    bytes: mpsc::Receiver<Bytes>,
}

/// Writes all images but those that `known` has, and calls `progress` after each. Every content is read and checked
/// before any of it is written, those that come next on all cores.
///
/// # Errors
///
/// Those of the store; [`Error::Archive`] if the file cannot be written. The file is cut short then, and says so.
pub async fn export(
    burrow: &Burrow,
    out: impl Write + Send + 'static,
    known: &Known,
    mut progress: impl FnMut(&Exported),
) -> Result<Exported, Error> {
    let (entries, receiver) = mpsc::channel(4);
    let writer = tokio::task::spawn_blocking(move || write_all(out, receiver));
    let exported = send_all(burrow, &entries, known, &mut progress).await;
    drop(entries);
    // If the writer failed, it knows better why.
    writer.await.map_err(|_| Error::Interrupted)??;
    exported
}

async fn send_all(
    burrow: &Burrow,
    entries: &mpsc::Sender<Entry>,
    known: &Known,
    progress: &mut impl FnMut(&Exported),
) -> Result<Exported, Error> {
    let (mut exported, mut sums, mut written) = (Exported::default(), String::new(), HashSet::new());
    let head = serde_json::to_vec(&Head::new()).map_err(|error| Error::Archive(error.to_string()))?;
    send_small(entries, HEAD.into(), 0, head, &mut sums).await?;
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let ids = futures::stream::iter(all_ids(burrow).await?);
    let mut images = std::pin::pin!(ids.map(async |id| checked(burrow, id).await).buffered(cores));
    while let Some(image) = images.next().await {
        let image = match image {
            Ok(image) => image,
            Err((_, Error::Vault(VaultError::NotFound))) => continue,
            Err((id, error @ Error::Vault(VaultError::Corrupt(_)))) => {
                exported.damaged.push((id, error));
                continue;
            }
            Err((_, error)) => return Err(error),
        };
        let mut json =
            serde_json::to_vec_pretty(&ImageEntry::new(&image)?).map_err(|error| Error::Archive(error.to_string()))?;
        json.push(b'\n');
        let (name, time) = (format!("images/{}.json", image.id), image.created / 1000);
        if !known.has(&line(&sha256(&json), &name)) {
            send_small(entries, name, time, json, &mut sums).await?;
            exported.images += 1;
        }
        if let Some(content) = &image.content {
            let name = format!("content/{}.{}", content.sha256, extension(&content.media_type));
            let sum = line(&content.sha256, &name);
            if !known.has(&sum) && written.insert(content.sha256.clone()) {
                send_content(burrow, entries, name, &image).await?;
                sums += &sum;
                sums.push('\n');
                exported.contents += 1;
                exported.bytes += content.size;
            }
        }
        progress(&exported);
    }
    send_small(entries, SUMS.into(), 0, std::mem::take(&mut sums).into_bytes(), &mut sums).await?;
    Ok(exported)
}

/// The ids of all images, in order.
async fn all_ids(burrow: &Burrow) -> Result<Vec<String>, Error> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = burrow.list(&Filter::default(), cursor, 1000).await?;
        ids.extend(page.images.into_iter().map(|image| image.id));
        cursor = page.next;
        if cursor.is_none() {
            ids.sort_unstable();
            ids.dedup();
            return Ok(ids);
        }
    }
}

/// Reads an image's record, and its content to the end.
async fn checked(burrow: &Burrow, id: String) -> Result<Image, (String, Error)> {
    let checked = async {
        let image = burrow.get(&id).await?;
        if image.content.is_some() {
            burrow.verify_content(&id).await?;
        }
        Ok(image)
    };
    checked.await.map_err(|error| (id, error))
}

async fn send_small(
    entries: &mpsc::Sender<Entry>,
    name: String,
    time: u64,
    bytes: Vec<u8>,
    sums: &mut String,
) -> Result<(), Error> {
    *sums += &line(&sha256(&bytes), &name);
    sums.push('\n');
    let (sender, receiver) = mpsc::channel(1);
    let entry = Entry { name, time, size: bytes.len() as u64, bytes: receiver };
    entries.send(entry).await.map_err(|_| Error::Interrupted)?;
    sender.send(bytes.into()).await.map_err(|_| Error::Interrupted)
}

async fn send_content(
    burrow: &Burrow,
    entries: &mpsc::Sender<Entry>,
    name: String,
    image: &Image,
) -> Result<(), Error> {
    let mut content = burrow.open(&image.id, None).await?;
    let size = image.content.as_ref().map_or(0, |content| content.size);
    let (sender, bytes) = mpsc::channel(4);
    let entry = Entry { name, time: image.created / 1000, size, bytes };
    entries.send(entry).await.map_err(|_| Error::Interrupted)?;
    while let Some(piece) = content.next().await? {
        sender.send(piece).await.map_err(|_| Error::Interrupted)?;
    }
    Ok(())
}

fn write_all(out: impl Write, mut entries: mpsc::Receiver<Entry>) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Archive(format!("cannot write the archive: {error}"));
    let mut tar = tar::Builder::new(out);
    while let Some(Entry { name, time, size, bytes }) = entries.blocking_recv() {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(time);
        let mut pieces = Pieces { bytes, piece: Bytes::new(), left: size };
        tar.append_data(&mut header, &name, &mut pieces).map_err(failed)?;
        if pieces.left > 0 {
            // What reads it says why.
            return Ok(());
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(failed)
}

/// A channel's pieces as one file.
struct Pieces {
    bytes: mpsc::Receiver<Bytes>,
    piece: Bytes,
    left: u64,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while self.piece.is_empty() {
            match self.bytes.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => return Ok(0),
            }
        }
        let len = self.piece.len().min(buffer.len());
        self.piece.copy_to_slice(buffer.get_mut(..len).unwrap_or_default());
        self.left = self.left.saturating_sub(len as u64);
        Ok(len)
    }
}
