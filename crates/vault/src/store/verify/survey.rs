//! Lists all keys of the store, sorted by their kind.

use std::collections::BTreeMap;

use burrow_model::error::Error;
use burrow_model::key::{BlobId, ImageId, Job, Kind, SegmentId, Sha256Hex};

use super::super::Store;
use crate::ports::Ports;

/// The keys of the store.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) keys: u64,
    pub(super) images: Vec<ImageId>,
    pub(super) feed: Vec<u64>,
    /// Names that have a counter.
    pub(super) names: Vec<Sha256Hex>,
    /// Entries of names.
    pub(super) namesakes: Vec<(Sha256Hex, u64)>,
    /// URLs that lead to images.
    pub(super) sources: Vec<Sha256Hex>,
    pub(super) blobs: BTreeMap<BlobId, BlobKeys>,
    /// Blobs that have thumbnails or a preview.
    pub(super) drawn: Vec<BlobId>,
    pub(super) digests: Vec<Sha256Hex>,
    pub(super) trash: Vec<u64>,
    /// Images with a claim to remove them, or to undo their counts.
    pub(super) removals: Vec<ImageId>,
    pub(super) takeovers: Vec<(ImageId, u64, u64)>,
    /// Claims to repack blobs.
    pub(super) repackings: Vec<(BlobId, u32, u64)>,
    /// Claims to write the records of jobs.
    pub(super) jobs: Vec<(Job, u64, u64)>,
    pub(super) answered: Vec<Sha256Hex>,
    pub(super) answering: Vec<(Sha256Hex, u64)>,
    /// Entries of the log of the index.
    pub(super) log: Vec<u64>,
    /// Ranges of the log whose entries are counted.
    pub(super) logged: Vec<u64>,
    /// Segments of the index.
    pub(super) segments: Vec<(u32, u64)>,
    /// Claims to build segments.
    pub(super) buildings: Vec<(u32, u64, u64)>,
    /// Pages of segments.
    pub(super) postings: Vec<(SegmentId, u32)>,
    pub(super) unknown: Vec<String>,
}

/// The keys of one blob.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct BlobKeys {
    pub(super) manifest: bool,
    /// How many chunks there are, and the highest number plus 1.
    pub(super) chunks: u32,
    pub(super) end: u32,
    /// Whether it has the counters of sharing.
    pub(super) sharers: bool,
    pub(super) ended: bool,
}

impl<P: Ports> Store<P> {
    pub(super) async fn survey(&self) -> Result<Survey, Error> {
        let mut survey = Survey::default();
        self.ports.keys(|key| survey.note(key)).await?;
        tidy(&mut survey.images);
        tidy(&mut survey.feed);
        tidy(&mut survey.names);
        tidy(&mut survey.namesakes);
        tidy(&mut survey.sources);
        tidy(&mut survey.drawn);
        tidy(&mut survey.digests);
        tidy(&mut survey.trash);
        tidy(&mut survey.removals);
        tidy(&mut survey.takeovers);
        tidy(&mut survey.repackings);
        tidy(&mut survey.jobs);
        tidy(&mut survey.answered);
        tidy(&mut survey.answering);
        tidy(&mut survey.log);
        tidy(&mut survey.logged);
        tidy(&mut survey.segments);
        tidy(&mut survey.buildings);
        tidy(&mut survey.postings);
        tidy(&mut survey.unknown);
        Ok(survey)
    }
}

/// Sorts a list and removes repeats; some stores return a key twice.
fn tidy<T: Ord>(list: &mut Vec<T>) {
    list.sort_unstable();
    list.dedup();
}

impl Survey {
    /// Whether there is a record of this image.
    pub(super) fn has(&self, id: ImageId) -> bool {
        self.images.binary_search(&id).is_ok()
    }

    fn note(&mut self, key: &str) {
        if !key.starts_with("b1:") {
            // Another program's key: a store may be shared.
            return;
        }
        self.keys += 1;
        let Some(kind) = Kind::of(key) else { return self.unknown.push(key.to_owned()) };
        match kind {
            Kind::Image(id) => self.images.push(id),
            Kind::Manifest(blob) => self.blob(blob).manifest = true,
            Kind::Chunk(blob, n) => {
                let keys = self.blob(blob);
                keys.chunks += 1;
                keys.end = keys.end.max(n.saturating_add(1));
            }
            Kind::Sharers(blob) => self.blob(blob).sharers = true,
            Kind::SharingEnded(blob) => self.blob(blob).ended = true,
            Kind::Preview(blob) | Kind::Thumbnail(blob, _) => {
                self.blob(blob);
                self.drawn.push(blob);
            }
            // Deleted with its blob; if it is damaged, the blob is repacked again.
            Kind::Repacking(blob) => drop(self.blob(blob)),
            Kind::RepackingClaim(blob, ended, window) => self.repackings.push((blob, ended, window)),
            Kind::JobClaim(job, version, term) => self.jobs.push((job, version, term)),
            Kind::Digest(sha256) => self.digests.push(sha256),
            Kind::Name(name) => self.names.push(name),
            Kind::Namesake(name, n) => self.namesakes.push((name, n)),
            Kind::Feed(seq) => self.feed.push(seq),
            Kind::Source(url) => self.sources.push(url),
            Kind::Takeover(id, updated, term) => self.takeovers.push((id, updated, term)),
            Kind::Answered(key) => self.answered.push(key),
            Kind::Answering(key, term) => self.answering.push((key, term)),
            Kind::Removal(id) | Kind::BlobLeft(id) => self.removals.push(id),
            Kind::Trash(seq) => self.trash.push(seq),
            Kind::Log(n) => self.log.push(n),
            Kind::Logged(range) => self.logged.push(range),
            Kind::Segment(level, first) => self.segments.push((level, first)),
            Kind::Building(level, first, window) => self.buildings.push((level, first, window)),
            Kind::Postings(segment, n) => self.postings.push((segment, n)),
            // Objects are the host's own: it shows their chunks as keys. The others belong to the vault as a whole.
            Kind::Object(_) | Kind::ObjectStore | Kind::Job(_) | Kind::Vaultwide => {}
        }
    }

    fn blob(&mut self, blob: BlobId) -> &mut BlobKeys {
        self.blobs.entry(blob).or_default()
    }
}
