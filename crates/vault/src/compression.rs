//! The operator's policy: which images are repacked, and how long unpacking them may take.

use std::str::FromStr;
use std::time::Duration;

use burrow_model::record::Codec;

/// The setting `compression`. docs/compression.md has what each saves and costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Nothing is repacked: everything is served at the speed of the store.
    Fast,
    /// Repacks what is unpacked in [`BALANCED`].
    #[default]
    Balanced,
    /// Repacks whatever becomes smaller.
    Small,
}

/// How long unpacking an image may take under [`Compression::Balanced`].
const BALANCED: Duration = Duration::from_secs(4);

impl Compression {
    /// Its words, for error texts.
    pub const RULE: &'static str = "fast, balanced or small";

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Balanced => "balanced",
            Self::Small => "small",
        }
    }

    /// The codec that repacks images of this type, if one does.
    pub fn codec_for(self, media_type: &str) -> Option<Codec> {
        match (self, media_type) {
            (Self::Balanced | Self::Small, "image/jpeg") => Some(Codec::Lepton),
            (Self::Fast | Self::Balanced | Self::Small, _) => None,
        }
    }

    /// How long unpacking an image may take, as measured when it is repacked. `None` if any time is allowed.
    pub fn unpack_limit(self) -> Option<Duration> {
        match self {
            Self::Fast | Self::Balanced => Some(BALANCED),
            Self::Small => None,
        }
    }
}

impl FromStr for Compression {
    type Err = ();

    fn from_str(word: &str) -> Result<Self, ()> {
        match word {
            "fast" => Ok(Self::Fast),
            "balanced" => Ok(Self::Balanced),
            "small" => Ok(Self::Small),
            _ => Err(()),
        }
    }
}
