//! The four states of an image.

/// How far an image has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Accepted; no worker has begun.
    Pending,
    /// A worker is at it.
    Storing,
    /// Stored whole.
    Ready,
    /// Given up.
    Failed,
}

impl Status {
    /// Reads the word used in JSON.
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
