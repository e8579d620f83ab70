//! The storage model: which families of keys there are, when a write to one must be durable, and what its loss means.
//!
//! Every store, the crash suite, archives and `verify` take it from here.

/// What a key begins with, and so what is stored under it. docs/storage-format.md has each family's keys and values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Image records: the truth.
    Image,
    /// Blob manifests.
    Manifest,
    /// Chunks of blobs: nearly all of the bytes.
    Chunk,
    /// The blob that holds a content.
    Digest,
    /// How many images share a blob, and that no more may.
    Sharing,
    /// The images that bear a name.
    Name,
    /// The images in the order in which they were accepted.
    Feed,
    /// The newest image of a URL, a hint.
    Source,
    /// Whether a blob's thumbnails were drawn, and its placeholder.
    Preview,
    /// Thumbnails.
    Thumbnail,
    /// Claims on jobs whose worker is presumed dead.
    Takeover,
    /// The images that a request with an idempotency key made, and claims on answering it.
    Idempotency,
    /// Claims on removals.
    Removal,
    /// What may be deleted, and from when.
    Trash,
    /// Counters and marks of the whole vault.
    Vaultwide,
}

/// When a write must be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is acknowledged: somebody acts on it, and nothing else says the same.
    Acknowledged,
    /// Before any write that is begun after it. It may be acknowledged earlier: it counts only once a later write has
    /// landed, which is waited for, or it can be made again.
    Ordered,
}

impl Family {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Image,
        Self::Manifest,
        Self::Chunk,
        Self::Digest,
        Self::Sharing,
        Self::Name,
        Self::Feed,
        Self::Source,
        Self::Preview,
        Self::Thumbnail,
        Self::Takeover,
        Self::Idempotency,
        Self::Removal,
        Self::Trash,
        Self::Vaultwide,
    ];

    /// What each of its keys begins with.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Image => "b1:i:",
            Self::Manifest => "b1:m:",
            Self::Chunk => "b1:c:",
            Self::Digest => "b1:d:",
            Self::Sharing => "b1:u:",
            Self::Name => "b1:n:",
            Self::Feed => "b1:f:",
            Self::Source => "b1:o:",
            Self::Preview => "b1:p:",
            Self::Thumbnail => "b1:v:",
            Self::Takeover => "b1:a:",
            Self::Idempotency => "b1:k:",
            Self::Removal => "b1:x:",
            Self::Trash => "b1:t:",
            Self::Vaultwide => "b1:s:",
        }
    }

    /// The family of a key; none if the key is not Burrow's.
    pub fn of(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|family| key.starts_with(family.prefix()))
    }

    /// When a write to one of its keys must be durable.
    ///
    /// So an embedded store waits for the disk once for each image: for its record, which covers all that led to it.
    pub const fn durability(self) -> Durability {
        match self {
            // An image's record is the acknowledgement. A claim that is lost lets two act at once.
            Self::Image | Self::Sharing | Self::Takeover | Self::Idempotency | Self::Removal => {
                Durability::Acknowledged
            }
            // The first six count once the image's record does, which is written after them. The others can be made
            // again: a thumbnail is drawn anew, `verify` finds trash and counts again.
            Self::Manifest
            | Self::Chunk
            | Self::Digest
            | Self::Name
            | Self::Feed
            | Self::Source
            | Self::Preview
            | Self::Thumbnail
            | Self::Trash
            | Self::Vaultwide => Durability::Ordered,
        }
    }

    /// When a write to a key must be durable. A key that is not Burrow's is taken for one that counts by itself.
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

    /// The page that a stranger reads says the same.
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
