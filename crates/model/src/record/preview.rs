//! The records of a blob's thumbnails: what is known of them, the picture's likeness, and each thumbnail.

use serde::{Deserialize, Serialize};

use super::Record;

/// What is known of a blob's thumbnails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Preview {
    /// An instance is drawing one, or died of it.
    Begun {
        /// When it began, in milliseconds since 1970; [`Preview::NOBODY`] if no instance draws.
        since: u64,
        /// How many earlier attempts are known to have killed their instance.
        died: u32,
        /// The likeness that was made with an earlier thumbnail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        likeness: Option<Likeness>,
    },
    /// At least one was drawn.
    Drawn {
        /// The placeholder to show until the thumbnail is loaded: a `ThumbHash` in base64.
        placeholder: String,
        /// Whether the original is cut or damaged, so that a part of the picture is missing.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        cut: bool,
        /// Its likeness; `None` if an earlier version drew it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        likeness: Option<Likeness>,
    },
    /// No thumbnail can be drawn, for this reason.
    None(String),
}

/// What a picture looks like, in so few bits that many can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Likeness {
    /// The version of the way in which it was made. Only those of one version can be compared.
    pub version: u8,
    /// The bits: few differ between pictures that look alike. `None` if the picture is too plain.
    pub bits: Option<u64>,
}

impl Preview {
    /// The value of `since` while no instance draws.
    pub const NOBODY: u64 = 0;

    /// The likeness, if one was made.
    pub fn likeness(&self) -> Option<Likeness> {
        match self {
            Self::Begun { likeness, .. } | Self::Drawn { likeness, .. } => *likeness,
            Self::None(_) => None,
        }
    }
}

impl Record for Preview {
    const KIND: u8 = b'W';
    const WHAT: &'static str = "preview";
}

/// A thumbnail; its bytes follow the record in the envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Its media type.
    pub media_type: String,
    /// Its size in pixels.
    pub size: (u32, u32),
}

impl Record for Picture {
    const KIND: u8 = b'V';
    const WHAT: &'static str = "thumbnail";
}
