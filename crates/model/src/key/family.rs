//! The families of keys, and when a write to each must be durable.
//!
//! Every store, the crash suite, archives and `verify` use this list.

/// The prefix of a key, which says what is stored under it. docs/storage-format.md has the keys and values of each
/// family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Image records. Repair makes every other index and counter agree with them.
    Image,
    /// Blob manifests.
    Manifest,
    /// Chunks of blobs: nearly all bytes of a store.
    Chunk,
    /// Where the chunks of a blob lie in an object store, and which object store that is.
    Object,
    /// The blob that holds the content of a SHA-256.
    Digest,
    /// The number of images that share a blob, and whether sharing has ended.
    Sharing,
    /// The images of a name.
    Name,
    /// The images in the order in which they were accepted, under their feed numbers.
    Feed,
    /// The image last recorded for a URL: a hint.
    Source,
    /// A blob's placeholder, or why no thumbnail of it can be drawn.
    Preview,
    /// Thumbnails.
    Thumbnail,
    /// What is known of a blob's repacking, and claims to repack it.
    Repacking,
    /// Jobs of the whole vault, such as renaming tags, and claims to write their records.
    Job,
    /// Claims to take over a job, to retry, change or restore an image.
    Takeover,
    /// The images that a request with an idempotency key made, and claims to answer it.
    Idempotency,
    /// Claims to remove an image, and to undo what it was counted as.
    Removal,
    /// What is to be deleted, and the earliest time.
    Trash,
    /// The log of the index: what changed in what images are found by. See [`LogEntry`](crate::record::LogEntry).
    Log,
    /// Segments of the index: what ranges of the log say, sorted by term.
    Segment,
    /// Counters and marks of the whole vault.
    Vaultwide,
}

/// When a `set` or `delete` must be durable. An increment may always be acknowledged earlier, as
/// [`Durability::Ordered`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is acknowledged: a caller relies on it, and no later write implies it.
    Acknowledged,
    /// Before any write that begins after it. It may be acknowledged earlier, because it can be made again, or because
    /// it counts only once a later write is durable that the caller waits for.
    Ordered,
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 20] = [
        Self::Image,
        Self::Manifest,
        Self::Chunk,
        Self::Object,
        Self::Digest,
        Self::Sharing,
        Self::Name,
        Self::Feed,
        Self::Source,
        Self::Preview,
        Self::Thumbnail,
        Self::Repacking,
        Self::Job,
        Self::Takeover,
        Self::Idempotency,
        Self::Removal,
        Self::Trash,
        Self::Log,
        Self::Segment,
        Self::Vaultwide,
    ];

    /// The prefix of its keys.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Image => "b1:i:",
            Self::Manifest => "b1:m:",
            Self::Chunk => "b1:c:",
            Self::Object => "b1:b:",
            Self::Digest => "b1:d:",
            Self::Sharing => "b1:u:",
            Self::Name => "b1:n:",
            Self::Feed => "b1:f:",
            Self::Source => "b1:o:",
            Self::Preview => "b1:p:",
            Self::Thumbnail => "b1:v:",
            Self::Repacking => "b1:r:",
            Self::Job => "b1:j:",
            Self::Takeover => "b1:a:",
            Self::Idempotency => "b1:k:",
            Self::Removal => "b1:x:",
            Self::Trash => "b1:t:",
            Self::Log => "b1:e:",
            Self::Segment => "b1:g:",
            Self::Vaultwide => "b1:s:",
        }
    }

    /// The family of a key; `None` if the key is not Burrow's.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| key.starts_with(family.prefix()))
    }

    /// When a `set` or `delete` of one of its keys must be durable.
    ///
    /// So the embedded store waits for the disk once for each record of an image that it writes. That wait covers all
    /// writes that the record relies on.
    pub const fn durability(self) -> Durability {
        match self {
            // A caller is told of an image once its record is written, and of an idempotency key or a renamed tag
            // likewise; who takes over a job must not be taken for dead. An object is deleted once the deletion of its record is durable, and with it everything that made it unnecessary. The
            // other keys of these families are counters: only their deletion waits.
            Self::Image
            | Self::Object
            | Self::Sharing
            | Self::Job
            | Self::Takeover
            | Self::Idempotency
            | Self::Removal => Durability::Acknowledged,
            // The first seven count only once the image's record is written, after them. The others can be made again: a
            // thumbnail is drawn again, a blob repacked again, `verify --repair` finds orphans and counts again, and makes
            // the index anew. A repacked blob's manifest follows its chunks, and the old chunks are deleted after it.
            Self::Manifest
            | Self::Chunk
            | Self::Digest
            | Self::Name
            | Self::Feed
            | Self::Source
            | Self::Log
            | Self::Preview
            | Self::Thumbnail
            | Self::Repacking
            | Self::Trash
            | Self::Segment
            | Self::Vaultwide => Durability::Ordered,
        }
    }

    /// When a `set` or `delete` of a key must be durable. A key that is not Burrow's counts as
    /// [`Durability::Acknowledged`].
    pub fn durability_of(key: &str) -> Durability {
        Self::of(key).map_or(Durability::Acknowledged, Self::durability)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_family_has_a_prefix_of_its_own() {
        for family in Family::ALL {
            assert_eq!(Family::of(&format!("{}x", family.prefix())), Some(family));
        }
        assert_eq!((Family::of("b2:i:x"), Family::of("b1:i"), Family::of("")), (None, None, None));
        assert_eq!(Family::durability_of("another program's"), Durability::Acknowledged);
    }

    /// docs/storage-format.md has a row for each family.
    #[test]
    fn the_documentation_has_every_family() {
        let page = include_str!("../../../../docs/storage-format.md");
        for family in Family::ALL {
            let prefix = family.prefix();
            let mut rows = page.lines().filter(|line| line.starts_with(&format!("| `{prefix}"))).peekable();
            assert!(rows.peek().is_some(), "docs/storage-format.md has no row of {prefix}");
        }
    }
}
