//! The findings from the images, with which everything else is compared.

use std::collections::{BTreeMap, HashSet};

use burrow_model::key::{BlobId, ImageId};
use burrow_model::record::Counts;

/// What the records of the images say.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Which image uses which blob, sorted.
    pub(super) uses: Vec<(BlobId, ImageId)>,
    /// Images that the feed does not lead to, with their numbers.
    pub(super) unlisted: Vec<(ImageId, u64)>,
    /// Ready images that their names do not lead to.
    pub(super) unnamed: Vec<ImageId>,
    /// Images whose records cannot be read.
    pub(super) damaged: HashSet<ImageId>,
    /// The highest feed number of an image.
    pub(super) highest: u64,
    /// The highest generation in which a lease began; 0 if there is none.
    pub(super) generation: u64,
    /// The lowest feed number of an unfinished job.
    pub(super) unfinished: Option<u64>,
    /// Each image's feed number, and the sum over its terms.
    pub(super) terms: Vec<(u64, u64)>,
    /// What the index should count.
    pub(super) counts: BTreeMap<String, Counts>,
    pub(super) ready: u64,
    pub(super) pending: u64,
    pub(super) failed: u64,
    pub(super) original_bytes: u64,
    /// Whether some image is half removed: it may or may not still be counted.
    pub(super) half_removed: bool,
}
