//! Reads an archive into a vault.

use std::collections::HashMap;
use std::io::Read;

use futures::StreamExt as _;
use tokio::sync::mpsc;

use super::entry::{ImageEntry, files, read_small, read_sums, sha256};
use super::{Head, Known, SUMS, broken, cut_short, foreign, line};
use crate::{Burrow, Error, Image, Restored, VaultError};

/// Bytes read at once.
const PIECE: usize = 256 * 1024;

/// Counts of what an import did.
#[derive(Debug, Default)]
pub struct Imported {
    /// Images restored from the archive.
    pub restored: u64,
    /// Images that the vault already had.
    pub present: u64,
    /// Bytes of contents stored.
    pub bytes: u64,
    /// Entries that could not be imported, each with the reason.
    pub failed: Vec<(String, Error)>,
}

/// An entry as the reader hands it over.
enum Entry {
    Image { name: String, json: Vec<u8> },
    Content { sha256: String, bytes: mpsc::Receiver<Vec<u8>> },
    Sums(String),
}

/// Restores all images of an archive, and calls `progress` after each. An image that the vault already has stays as it
/// is, unless the archive's is newer or the vault's is damaged. An import that was interrupted can be repeated safely.
///
/// `known`, if given, is what [`Known::add`] read from the same archive before; the import then refuses an image whose
/// entry was altered. Without it the import notices altered entries only at the end.
///
/// # Errors
///
/// Those of the store; [`Error::Archive`] if it is no archive, damaged or cut short. Images before the error stay
/// restored.
pub async fn import(
    burrow: &Burrow,
    archive: impl Read + Send + 'static,
    known: Option<&Known>,
    mut progress: impl FnMut(&Imported),
) -> Result<Imported, Error> {
    let (sender, mut entries) = mpsc::channel(4);
    let reader = tokio::task::spawn_blocking(move || read_all(archive, &sender));
    let mut imported = Imported::default();
    // `seen`: digests of the entries read. `waiting`: the image whose content must come next.
    let (mut seen, mut waiting, mut sums) = (HashMap::new(), None::<(String, Image)>, None);
    while let Some(entry) = entries.recv().await {
        match entry {
            Entry::Image { name, json } => {
                give_up(&mut imported, waiting.take());
                let sum = sha256(&json);
                if known.is_some_and(|known| !known.has(&line(&sum, &name))) {
                    imported.failed.push((name, altered()));
                    continue;
                }
                if seen.insert(name.clone(), sum).is_some() {
                    imported.failed.push((name, Error::Archive("it is in the archive twice; the first counts".into())));
                    continue;
                }
                let image = match ImageEntry::parse(&json) {
                    Ok(image) => image,
                    Err(error) => {
                        imported.failed.push((name, error));
                        continue;
                    }
                };
                match burrow.restore(image.clone(), None).await {
                    Ok(Restored::ContentNeeded) => waiting = Some((name, image)),
                    restored => count(&mut imported, name, restored)?,
                }
            }
            Entry::Content { sha256, bytes } => match waiting.take() {
                Some((name, image)) if image.content.as_ref().is_some_and(|content| content.sha256 == sha256) => {
                    let size = image.content.as_ref().map_or(0, |content| content.size);
                    let pieces = futures::stream::unfold(bytes, async |mut bytes| Some((bytes.recv().await?, bytes)));
                    let restored = burrow.restore(image, Some(pieces.boxed())).await;
                    imported.bytes += if restored.is_ok() { size } else { 0 };
                    count(&mut imported, name, restored)?;
                }
                other => give_up(&mut imported, other),
            },
            Entry::Sums(text) => sums = Some(text),
        }
        progress(&imported);
    }
    give_up(&mut imported, waiting);
    reader.await.map_err(|_| Error::Interrupted)??;
    check(&seen, &sums.ok_or_else(cut_short)?)?;
    Ok(imported)
}

fn give_up(imported: &mut Imported, image: Option<(String, Image)>) {
    if let Some((name, _)) = image {
        let error =
            Error::Archive("its content is neither here nor in the archive; import the earlier archive first".into());
        imported.failed.push((name, error));
    }
}

fn count(imported: &mut Imported, name: String, restored: Result<Restored, Error>) -> Result<(), Error> {
    match restored {
        Ok(Restored::Restored) => imported.restored += 1,
        Ok(Restored::Present) => imported.present += 1,
        Ok(Restored::ContentNeeded) => imported.failed.push((name, Error::Interrupted)),
        // The error of one image does not stop the others; that of the store or the component does.
        Err(error @ (Error::Component(_) | Error::Vault(VaultError::StoreFailed(_)))) => return Err(error),
        Err(error) => imported.failed.push((name, error)),
    }
    Ok(())
}

fn altered() -> Error {
    Error::Archive(format!("it is not what {SUMS} says, so it was altered or damaged"))
}

/// Checks the images against `SHA256SUMS`. Contents need no check here: their names are their digests.
fn check(seen: &HashMap<String, String>, sums: &str) -> Result<(), Error> {
    let sums: HashMap<&str, &str> =
        sums.lines().filter_map(|line| line.split_once("  ")).map(|(a, b)| (b, a)).collect();
    for (name, sum) in seen {
        if sums.get(name.as_str()) != Some(&sum.as_str()) {
            return Err(Error::Archive(format!("the archive is damaged: {name} is not what {SUMS} says")));
        }
    }
    Ok(())
}

fn read_all(archive: impl Read, entries: &mpsc::Sender<Entry>) -> Result<(), Error> {
    let mut archive = tar::Archive::new(archive);
    let mut ended = false;
    for (n, file) in files(&mut archive)?.enumerate() {
        let (name, mut entry) = file?;
        if ended {
            return Err(foreign(&format!("something follows its {SUMS}")));
        }
        if n == 0 {
            Head::check(&read_small(&mut entry)?)?;
            continue;
        }
        ended = name == SUMS;
        let next = if name == SUMS {
            Entry::Sums(read_sums(&mut entry)?)
        } else if name.starts_with("images/") {
            Entry::Image { json: read_small(&mut entry)?, name }
        } else if let Some(file) = name.strip_prefix("content/") {
            let sha256 = file.split('.').next().unwrap_or(file).to_owned();
            let (sender, bytes) = mpsc::channel(4);
            if entries.blocking_send(Entry::Content { sha256, bytes }).is_err() {
                return Ok(());
            }
            send_pieces(&mut entry, &sender)?;
            continue;
        } else {
            return Err(Error::Archive(format!("the archive has an entry that Burrow does not write: {name:?}")));
        };
        if entries.blocking_send(next).is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends a file piece by piece, until the receiver is dropped.
fn send_pieces(entry: &mut impl Read, sender: &mpsc::Sender<Vec<u8>>) -> Result<(), Error> {
    loop {
        let mut piece = Vec::with_capacity(PIECE);
        entry.take(PIECE as u64).read_to_end(&mut piece).map_err(|error| broken(&error))?;
        if piece.is_empty() || sender.blocking_send(piece).is_err() {
            return Ok(());
        }
    }
}
