//! The four statuses of an image.

/// The status of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no worker has begun.
    Pending,
    /// A worker is downloading, packing and storing it.
    Storing,
    /// Stored completely.
    Ready,
    /// The job was given up.
    Failed,
}

impl Status {
    /// Parses the word used in JSON.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Pending, Self::Storing, Self::Ready, Self::Failed].into_iter().find(|status| status.as_str() == word)
    }

    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Storing => "storing",
            Self::Ready => "ready",
            Self::Failed => "failed",
        }
    }
}
