//! Repacking: claims to repack a blob, what is known of it, and the switch to the new form.
//!
//! A repacked blob keeps its id, its sharers and its thumbnails. Only its manifest changes, in one write: it leads to
//! chunks under another id, and all images that share the blob are read from there from then on.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, Key, Vaultwide};
use burrow_model::record::{Attempt, Manifest, Repacking, Rubbish, Writes};

use super::{LEASE, Store};
use crate::ports::Ports;
use crate::terms;

impl<P: Ports> Store<P> {
    /// Returns what is known of a blob's repacking. A damaged record is `None`.
    pub async fn repacking(&self, blob: BlobId) -> Result<Option<Repacking>, Error> {
        passing_over(self.load(&Key::repacking(blob)).await)
    }

    /// Records what is known of a blob's repacking.
    pub async fn save_repacking(&self, blob: BlobId, repacking: &Repacking) -> Result<(), Error> {
        self.save(&Key::repacking(blob), repacking).await
    }

    /// Claims to repack a blob of which this many attempts have ended. If the owner dies, there is a new
    /// claim two terms later.
    pub async fn claim_repacking(&self, blob: BlobId, ended: u32) -> Result<bool, Error> {
        let term = self.term(LEASE);
        if self.ports.increment(&Key::repacking_claim(blob, ended, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Repacking(blob, ended, term)).await?;
        // The owner claims the next term, too: a claim made at the end of a term must hold when the next one begins.
        Ok(self.ports.increment(&Key::repacking_claim(blob, ended, term + 1), 1).await? == 1)
    }

    /// Replaces a blob's manifest, whose new chunks are stored. Returns false, with nothing changed, if the blob's last
    /// image is gone or going.
    ///
    /// While it does so it counts as an image that shares the blob: so nobody discards the blob in between, and whoever
    /// discards it later finds the new manifest, and subtracts what is counted here.
    pub async fn switch(&self, blob: BlobId, before: &Manifest, after: &Manifest) -> Result<bool, Error> {
        if !self.share(blob).await? {
            return Ok(false);
        }
        let switched = async {
            self.save_manifest(blob, after).await?;
            let grown = i128::from(after.stored_size()) - i128::from(before.stored_size());
            self.add(Vaultwide::StoredBytes, i64::try_from(grown).unwrap_or(0)).await?;
            self.count_repacked(after, true).await?;
            self.count_repacked(before, false).await
        };
        let switched = switched.await;
        self.leave(blob).await?;
        switched?;
        self.discard(old_chunks(blob, before)).await?;
        Ok(true)
    }

    /// Counts a blob in or out, if it is repacked.
    pub(super) async fn count_repacked(&self, manifest: &Manifest, is_in: bool) -> Result<(), Error> {
        if manifest.repacked.is_none() {
            return Ok(());
        }
        let sign = if is_in { 1 } else { -1 };
        self.add(Vaultwide::Repacked, sign).await?;
        let saved = i64::try_from(manifest.saved()).unwrap_or(i64::MAX);
        self.add(Vaultwide::SavedBytes, sign * saved).await?;
        let kinds =
            terms::saved_by(manifest).into_iter().map(|(kind, counts)| (kind, counts.map(|bytes| sign * bytes)));
        match kinds.collect::<Vec<_>>() {
            // An earlier version repacked it.
            kinds if kinds.is_empty() => Ok(()),
            kinds => self.log(&terms::only(kinds)).await,
        }
    }

    /// Clears away what an attempt left that did not end: the new chunks, or, if the manifest leads to them already, the
    /// old ones.
    pub async fn clear_attempt(&self, blob: BlobId, manifest: &Manifest, last: &Attempt) -> Result<(), Error> {
        let &Attempt::Begun { writes: Some(writes), .. } = last else { return Ok(()) };
        if manifest.place(blob) == writes.place {
            let (place, chunks) = writes.replaces;
            return self.discard(Rubbish::Chunks(place, chunks)).await;
        }
        self.delete_chunks(writes.place, writes.chunks).await
    }

    /// Deletes what is left of a blob's repacking, when the blob is deleted.
    pub(super) async fn forget_repacking(&self, blob: BlobId) -> Result<(), Error> {
        if let Some(Repacking { last: Attempt::Begun { writes: Some(writes), .. }, .. }) = self.repacking(blob).await? {
            let Writes { place, chunks, replaces } = writes;
            self.delete_chunks(place, chunks).await?;
            self.delete_chunks(replaces.0, replaces.1).await?;
        }
        Ok(self.ports.delete(&Key::repacking(blob)).await?)
    }
}

fn old_chunks(blob: BlobId, manifest: &Manifest) -> Rubbish {
    Rubbish::Chunks(manifest.place(blob), u32::try_from(manifest.chunks.len()).unwrap_or(u32::MAX))
}
