//! Writes an archive.

use std::collections::HashSet;
use std::io::{Read, Write};

use burrow_model::key::Family;
use bytes::{Buf as _, Bytes};
use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::entry::{ImageEntry, extension, sha256};
use super::{HEAD, Head, Known, SUMS, line};
use crate::{Burrow, ContentStream, Error, Filter, Image, VaultError};

/// The keys of image records.
const IMAGE: &str = Family::Image.prefix();

/// Counts of what an export wrote.
#[derive(Debug, Default)]
pub struct Exported {
    /// Images.
    pub images: u64,
    /// Contents.
    pub contents: u64,
    /// Bytes of contents.
    pub bytes: u64,
    /// Images that cannot be read, each with the reason. The archive lacks them.
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

/// Writes all images except those that `known` has, and calls `progress` after each. It reads and checks a content to
/// its end before it writes any of it, and checks the next contents meanwhile, as many at once as there are cores.
///
/// # Errors
///
/// Those of the store; [`Error::Write`] if the file cannot be written. The archive then lacks its last entry, by which
/// a reader sees that it is cut short.
pub async fn export(
    burrow: &Burrow,
    out: impl Write + Send + 'static,
    known: &Known,
    progress: impl FnMut(&Exported),
) -> Result<Exported, Error> {
    let (entries, receiver) = mpsc::channel(4);
    let writer = tokio::task::spawn_blocking(move || write_all(out, receiver));
    let run = Exporter { burrow, entries, known, sums: String::new(), written: HashSet::new() };
    let exported = run.run(progress).await;
    // If the writer failed, its error is the cause; the exporter only saw a closed channel.
    writer.await.map_err(|_| Error::Interrupted)??;
    exported
}

struct Exporter<'a> {
    burrow: &'a Burrow,
    entries: mpsc::Sender<Entry>,
    known: &'a Known,
    sums: String,
    /// Contents written so far, as lines of `SHA256SUMS`.
    written: HashSet<String>,
}

impl Exporter<'_> {
    async fn run(mut self, mut progress: impl FnMut(&Exported)) -> Result<Exported, Error> {
        let mut exported = Exported::default();
        let head = serde_json::to_vec(&Head::new()).map_err(|error| Error::Archive(error.to_string()))?;
        self.send_small(HEAD.into(), 0, head).await?;
        let (burrow, cores) = (self.burrow, std::thread::available_parallelism().map_or(1, std::num::NonZero::get));
        let ids = futures::stream::iter(all_ids(burrow, &mut exported.damaged).await?);
        let mut images = std::pin::pin!(ids.map(async |id| checked(burrow, id).await).buffered(cores));
        while let Some(image) = images.next().await {
            let written = match image {
                Ok(image) => self.image(&image, &mut exported).await.map_err(|error| (image.id, error)),
                Err(unreadable) => Err(unreadable),
            };
            match written {
                // It was removed meanwhile.
                Ok(()) | Err((_, Error::Vault(VaultError::NotFound))) => {}
                // A key whose suffix is no id counts as damaged, too.
                Err((
                    id,
                    error @ Error::Vault(VaultError::Corrupt(_) | VaultError::Newer(_) | VaultError::InvalidInput(_)),
                )) => {
                    exported.damaged.push((id, error));
                }
                Err((id, error @ Error::Archive(_))) => exported.damaged.push((id, error)),
                Err((_, error)) => return Err(error),
            }
            progress(&exported);
        }
        let sums = std::mem::take(&mut self.sums).into_bytes();
        self.send_small(SUMS.into(), 0, sums).await?;
        Ok(exported)
    }

    async fn image(&mut self, image: &Image, exported: &mut Exported) -> Result<(), Error> {
        let json = ImageEntry::new(image)?.to_json()?;
        let content = image.content.as_ref().map(|content| {
            let name = format!("content/{}.{}", content.sha256, extension(&content.media_type));
            (line(&content.sha256, &name), name, content.size)
        });
        let new = content.filter(|(sum, ..)| !self.known.has(sum) && !self.written.contains(sum));
        // Open before writing anything: another process may have removed the image just now.
        let opened = if new.is_some() { Some(self.burrow.open(&image.id, None).await?) } else { None };
        let (name, time) = (format!("images/{}.json", image.id), image.created / 1000);
        if !self.known.has(&line(&sha256(&json), &name)) {
            self.send_small(name, time, json).await?;
            exported.images += 1;
        }
        if let (Some((sum, name, size)), Some(content)) = (new, opened) {
            // From here on a failure leaves the archive cut short.
            self.send_content(name, time, size, content).await.map_err(|_| Error::Interrupted)?;
            self.sums += &sum;
            self.sums.push('\n');
            self.written.insert(sum);
            exported.contents += 1;
            exported.bytes += size;
        }
        Ok(())
    }

    async fn send_small(&mut self, name: String, time: u64, bytes: Vec<u8>) -> Result<(), Error> {
        self.sums += &line(&sha256(&bytes), &name);
        self.sums.push('\n');
        let (sender, receiver) = mpsc::channel(1);
        let entry = Entry { name, time, size: bytes.len() as u64, bytes: receiver };
        self.entries.send(entry).await.map_err(|_| Error::Interrupted)?;
        sender.send(bytes.into()).await.map_err(|_| Error::Interrupted)
    }

    async fn send_content(&self, name: String, time: u64, size: u64, mut content: ContentStream) -> Result<(), Error> {
        let (sender, bytes) = mpsc::channel(4);
        self.entries.send(Entry { name, time, size, bytes }).await.map_err(|_| Error::Interrupted)?;
        while let Some(piece) = content.next().await? {
            sender.send(piece).await.map_err(|_| Error::Interrupted)?;
        }
        Ok(())
    }
}

/// Returns the ids of all images, sorted. It takes them from the keys, because the vault's list omits images that
/// cannot be read. If the keys cannot be listed, it adds those of the vault's list.
async fn all_ids(burrow: &Burrow, damaged: &mut Vec<(String, Error)>) -> Result<Vec<String>, Error> {
    let mut ids = Vec::new();
    let mut keys = burrow.factory.kv.keys(IMAGE);
    while let Some(batch) = keys.next().await {
        match batch {
            Ok(batch) => ids.extend(batch.iter().filter_map(|key| key.strip_prefix(IMAGE).map(str::to_owned))),
            Err(error) => {
                damaged.push(("what cannot be listed".into(), error.into()));
                ids.extend(listed(burrow).await?);
            }
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

async fn listed(burrow: &Burrow) -> Result<Vec<String>, Error> {
    let (mut ids, mut cursor) = (Vec::new(), None);
    loop {
        let page = burrow.list(&Filter::default(), cursor, 1000).await?;
        ids.extend(page.images.into_iter().map(|image| image.id));
        cursor = page.next;
        if cursor.is_none() {
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

fn write_all(out: impl Write, mut entries: mpsc::Receiver<Entry>) -> Result<(), Error> {
    let mut tar = tar::Builder::new(out);
    while let Some(Entry { name, time, size, bytes }) = entries.blocking_recv() {
        let mut header = tar::Header::new_ustar();
        header.set_size(size);
        header.set_mode(0o644);
        header.set_mtime(time);
        let mut pieces = Pieces { bytes, piece: Bytes::new(), left: size };
        tar.append_data(&mut header, &name, &mut pieces).map_err(Error::Write)?;
        if pieces.left > 0 {
            // The sender stopped early, and its error says why.
            return Ok(());
        }
    }
    tar.into_inner().and_then(|mut out| out.flush()).map_err(Error::Write)
}

/// Reads the pieces of a channel as one file.
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
