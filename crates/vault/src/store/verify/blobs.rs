//! Verifies blobs: whether images have all that they use, and whether all is used.

use std::collections::{BTreeMap, HashMap, HashSet};

use burrow_model::envelope::decode_with;
use burrow_model::error::{Error, passing_over};
use burrow_model::key::{BlobId, ImageId, Key, Sha256Hex};
use burrow_model::record::{Counts, Manifest, Picture, Pointer, Preview, Rubbish};

use super::super::Store;
use super::super::index::add;
use super::claims::Trashed;
use super::found::Found;
use super::survey::{BlobKeys, Survey};
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;
use crate::terms;
use crate::thumbnail::WIDTHS;

/// Manifests held in memory at once.
const WINDOW: usize = 128;

/// If more chunks than this are missing below a blob's highest chunk number, that number is damaged.
const ODD: u32 = 100_000;

/// The blobs of the store.
#[derive(Debug, Default)]
pub(super) struct Blobs {
    /// Blobs in use of which no part is missing, by the SHA-256 of their content.
    pub(super) by_digest: HashMap<Sha256Hex, BlobId>,
    /// Packed bytes of the blobs in use, and of those neither in use nor in the trash.
    pub(super) used_bytes: u64,
    pub(super) orphan_bytes: u64,
    /// How many of the blobs in use were repacked, and the bytes that this saves.
    pub(super) repacked: u64,
    pub(super) saved_bytes: u64,
    /// What that takes from the counts of the index.
    pub(super) counts: BTreeMap<String, Counts>,
    /// Whether the manifest of some blob in use cannot be read, so that its packed bytes are not known.
    pub(super) damaged: bool,
    /// The ids under which chunks of repacked blobs lie.
    places: HashSet<BlobId>,
}

/// One blob.
struct OneBlob<'a> {
    id: BlobId,
    keys: BlobKeys,
    /// Whether it has thumbnails or a preview.
    is_drawn: bool,
    /// The images that use it.
    images: &'a [(BlobId, ImageId)],
    manifest: Result<Option<Manifest>, Error>,
}

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Examines all blobs that have keys or images.
    pub(super) async fn blobs(&mut self, survey: &Survey, found: &Found, trash: &Trashed) -> Result<Blobs, Error> {
        let mut all = survey.blobs.clone();
        for &(blob, _) in &found.uses {
            all.entry(blob).or_default();
        }
        let ids: Vec<BlobId> = all.keys().copied().collect();
        let (mut blobs, mut bare) = (Blobs::default(), Vec::new());
        for window in ids.chunks(WINDOW) {
            for (id, manifest) in self.load_all::<_, Manifest>(window, |&id| Key::manifest(id)).await? {
                let (first, keys) = (found.uses.partition_point(|(blob, _)| *blob < id), all.get(&id));
                let images = found.uses.get(first..).unwrap_or_default();
                let images = images.chunk_by(|(a, _), (b, _)| a == b).next().unwrap_or_default();
                let images = if images.first().is_some_and(|(blob, _)| *blob == id) { images } else { &[] };
                let is_drawn = survey.drawn.binary_search(&id).is_ok();
                let one = OneBlob { id, keys: keys.copied().unwrap_or_default(), is_drawn, images, manifest };
                if let Ok(Some(manifest)) = &one.manifest
                    && manifest.repacked.is_some()
                {
                    blobs.places.insert(manifest.place(id));
                }
                if !one.images.is_empty() {
                    self.used(one, survey, trash, &mut blobs).await?;
                } else if matches!(one.manifest, Ok(None)) {
                    bare.push(one);
                } else {
                    self.unused(one, trash, &mut blobs).await?;
                }
            }
        }
        // Chunks without a manifest: those of a repacked blob, or those before it was repacked, or left by a crash.
        for one in bare {
            if !blobs.places.contains(&one.id) && !trash.chunks.contains(&one.id) {
                self.unused(one, trash, &mut blobs).await?;
            }
        }
        Ok(blobs)
    }

    /// Examines a blob that images use: no part may be missing, and no counter or trash entry may say that it is
    /// unused.
    async fn used(
        &mut self,
        one: OneBlob<'_>,
        survey: &Survey,
        trash: &Trashed,
        blobs: &mut Blobs,
    ) -> Result<(), Error> {
        let (store, OneBlob { id, keys, is_drawn, images, manifest }) = (self.store, one);
        self.verified.contents += 1;
        match manifest {
            Ok(Some(manifest)) => {
                blobs.used_bytes += manifest.stored_size();
                blobs.repacked += u64::from(manifest.repacked.is_some());
                blobs.saved_bytes += manifest.saved();
                for (kind, counts) in terms::saved_by(&manifest) {
                    add(blobs.counts.entry(kind).or_default(), counts);
                }
                let count = u32::try_from(manifest.chunks.len()).unwrap_or(u32::MAX);
                let place = manifest.place(id);
                if place != id {
                    self.replaced(id, keys, trash).await?;
                }
                let there = survey.blobs.get(&place).copied().unwrap_or_default();
                if let Some(missing) = self.missing_chunk(place, there, count).await? {
                    self.unreadable(images, FaultKind::DamagedContent, &missing, "it is missing").await?;
                } else {
                    blobs.by_digest.insert(manifest.sha256, id);
                    (self.out)(Discovery::Content(images.iter().map(|(_, image)| *image).collect())).await;
                }
            }
            Ok(None) => {
                blobs.damaged = true;
                let key = Key::manifest(id);
                self.unreadable(images, FaultKind::DamagedContent, &key, "it is missing").await?;
            }
            Err(error) => {
                blobs.damaged = true;
                let kind = FaultKind::of_unreadable(&error, FaultKind::DamagedContent);
                self.unreadable(images, kind, &Key::manifest(id), &error.to_string()).await?;
            }
        }
        if let Some(&seq) = trash.blobs.get(&id) {
            let how = async { Ok(store.ports.delete(&Key::trash(seq)).await?) };
            let detail = format!("blob {id} is in the trash, and {} use it", images.len());
            self.mend(FaultKind::Condemned, &Key::trash(seq), None, detail, how).await?;
        }
        if is_drawn {
            self.pictures(id).await?;
        }
        self.sharing(id, keys, images.len()).await
    }

    /// Puts chunks into the trash that a repacked blob had before, if a crash kept its repacker from doing so.
    async fn replaced(&mut self, id: BlobId, keys: BlobKeys, trash: &Trashed) -> Result<(), Error> {
        if keys.chunks == 0 || trash.chunks.contains(&id) || !self.is_alone() {
            return Ok(());
        }
        let store = self.store;
        let detail = format!("blob {id} was repacked, and {} of its chunks before that are left", keys.chunks);
        let how = store.discard(Rubbish::Chunks(id, keys.end));
        self.mend(FaultKind::Orphan, &Key::chunk(id, 0), None, detail, how).await
    }

    /// Deletes damaged thumbnails and previews, which can be drawn again.
    async fn pictures(&mut self, id: BlobId) -> Result<(), Error> {
        let store = self.store;
        if let Err(error) = store.load::<Preview>(&Key::preview(id)).await {
            self.forget(&Key::preview(id), error).await?;
        }
        for key in WIDTHS.map(|width| Key::thumbnail(id, width)) {
            if let Some(value) = store.ports.get(&key).await?
                && let Err(error) = decode_with::<Picture>(&key, &value)
            {
                self.forget(&key, error).await?;
            }
        }
        Ok(())
    }

    /// Checks that the counter of sharers is the number of images minus 1, and that sharing has not ended.
    async fn sharing(&mut self, id: BlobId, keys: BlobKeys, images: usize) -> Result<(), Error> {
        let (store, key) = (self.store, Key::sharers(id));
        if !self.is_alone() {
            return Ok(());
        }
        let right = i64::try_from(images).unwrap_or(i64::MAX) - 1;
        let count = if keys.sharers { self.counter(&key).await? } else { 0 };
        // A record that cannot be read may be that of another sharer.
        if count < right || (count > right && !self.blind) {
            let detail = format!("it is {count}, and should be {right}");
            let how = async { Ok(store.ports.increment(&key, right.saturating_sub(count)).await.map(drop)?) };
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        let key = Key::sharing_ended(id);
        if keys.ended && self.counter(&key).await? != 0 {
            let detail = format!("sharing of blob {id} has ended, and {images} use it");
            let how = async { Ok(store.ports.delete(&key).await?) };
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        Ok(())
    }

    /// Examines a blob that no image uses. It is in the trash, or the unfinished work of another process, or left by a
    /// crash.
    async fn unused(&mut self, one: OneBlob<'_>, trash: &Trashed, blobs: &mut Blobs) -> Result<(), Error> {
        let (store, OneBlob { id, keys, manifest, .. }) = (self.store, one);
        if trash.blobs.contains_key(&id) {
            return Ok(());
        }
        let manifest = manifest.ok().flatten();
        blobs.orphan_bytes += manifest.as_ref().map_or(0, Manifest::stored_size);
        if !self.is_alone() {
            return Ok(());
        }
        let (key, detail) = (Key::manifest(id), format!("no image uses blob {id}, of {} chunks", keys.chunks));
        // A chunk number far above the count is damaged; deleting up to it would not end.
        let is_odd = keys.end.saturating_sub(keys.chunks) > ODD;
        // The manifest of a repacked blob may be one that cannot be read.
        let may_be_used = blobs.damaged && manifest.is_none();
        if self.blind || is_odd || may_be_used {
            let detail = detail + "; it is kept, because some key or record cannot be read, and may need it";
            self.tell(FaultKind::Orphan, key.as_str(), None, detail, false).await;
            return Ok(());
        }
        let how = async {
            match manifest {
                Some(manifest) => store.discard_orphan(id, &manifest).await,
                // Chunks without a manifest cannot be read.
                None => store.delete_remains(id, keys.end).await,
            }
        };
        self.mend(FaultKind::Orphan, &key, None, detail, how).await
    }

    /// The first chunk that is missing.
    async fn missing_chunk(&self, id: BlobId, keys: BlobKeys, count: u32) -> Result<Option<Key>, Error> {
        if keys.chunks == count && keys.end == count {
            return Ok(None);
        }
        for key in (0..count).map(|n| Key::chunk(id, n)) {
            if self.store.ports.get(&key).await?.is_none() {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    async fn unreadable(
        &mut self,
        images: &[(BlobId, ImageId)],
        kind: FaultKind,
        key: &Key,
        detail: &str,
    ) -> Result<(), Error> {
        for &(_, image) in images {
            // If the image was removed an hour ago, its content is gone, too.
            if passing_over(self.store.image(image).await)?.is_some() {
                self.tell(kind, key.as_str(), Some(image), detail.to_owned(), false).await;
            }
        }
        Ok(())
    }

    /// Checks that every digest leads to a blob in use that holds its content, and that a digest leads to each such
    /// blob.
    pub(super) async fn digests(&mut self, survey: &Survey, blobs: &Blobs) -> Result<(), Error> {
        let store = self.store;
        let mut missing: BTreeMap<&str, (&Sha256Hex, BlobId)> =
            blobs.by_digest.iter().map(|(sha256, &blob)| (sha256.as_str(), (sha256, blob))).collect();
        for (sha256, entry) in self.load_all::<_, Pointer>(&survey.digests, Key::digest).await? {
            let key = Key::digest(&sha256);
            match entry {
                Ok(Some(Pointer::Blob(blob))) if store.holds(blob, &sha256).await? => {
                    // A digest that leads to an orphan was deleted with the orphan, if that was repaired.
                    missing.remove(sha256.as_str());
                }
                Ok(None) => {}
                Ok(Some(pointer)) => {
                    let detail = format!("it leads to no blob of this content: {pointer:?}");
                    let how = async { Ok(store.ports.delete(&key).await?) };
                    self.mend(FaultKind::Stale, &key, None, detail, how).await?;
                }
                Err(error) => self.forget(&key, error).await?,
            }
        }
        for (sha256, blob) in missing.into_values() {
            let detail = format!("the content of blob {blob} would be stored again");
            let how = store.remember_blob(sha256, blob);
            self.mend(FaultKind::Unlisted, &Key::digest(sha256), None, detail, how).await?;
        }
        Ok(())
    }
}

impl<P: Ports> Store<P> {
    async fn holds(&self, blob: BlobId, sha256: &Sha256Hex) -> Result<bool, Error> {
        Ok(passing_over(self.manifest(blob).await)?.is_some_and(|manifest| manifest.sha256 == *sha256))
    }

    /// Ends the sharing of a blob that no image uses, and puts the blob into the trash. Its bytes are subtracted when
    /// all counters are computed again.
    async fn discard_orphan(&self, blob: BlobId, manifest: &Manifest) -> Result<(), Error> {
        self.ports.increment(&Key::sharing_ended(blob), 1).await?;
        if self.blob_of(&manifest.sha256).await? == Some(blob) {
            self.ports.delete(&Key::digest(&manifest.sha256)).await?;
        }
        self.discard(Rubbish::Blob(blob)).await
    }

    /// Deletes the rest of a blob whose manifest is missing or cannot be read.
    async fn delete_remains(&self, blob: BlobId, end: u32) -> Result<(), Error> {
        self.delete_chunks(blob, end).await?;
        self.delete_thumbnails(blob).await?;
        self.forget_repacking(blob).await?;
        self.delete_manifest(blob).await?;
        self.forget_sharing(blob).await
    }
}
