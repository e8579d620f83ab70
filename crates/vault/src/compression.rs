//! The operator's policy: which images are repacked, and how long unpacking them may take.

use std::str::FromStr;
use std::time::Duration;

use burrow_model::record::Codec;

/// The setting `compression`. docs/compression.md has what each saves and costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compression {
    /// Nothing is repacked: everything is served at the speed of the store.
    Fast,
    /// Repacks what is unpacked soon.
    #[default]
    Balanced,
    /// Repacks whatever becomes smaller.
    Small,
}

/// A codec that may repack an image, if unpacking the result takes no longer than this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The codec.
    pub codec: Codec,
    /// How long unpacking may take, as measured when the image is repacked.
    pub unpack_limit: Duration,
}

/// Smaller blobs stay as they are: what is recorded of repacking one takes about 400 bytes.
pub const MIN_STORED: u64 = 2048;

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

    /// The codecs that repack images of this type. The first one makes them smallest; each further one is for images
    /// that the one before does not take, or unpacks too slowly.
    pub fn choices(self, media_type: &str) -> &'static [Choice] {
        const fn within(codec: Codec, millis: u64) -> Choice {
            Choice { codec, unpack_limit: Duration::from_millis(millis) }
        }
        match (self, media_type) {
            // LZMA for JPEGs that take Lepton too much memory: the large flat ones, of which it saves most.
            (Self::Balanced, "image/jpeg") => &const { [within(Codec::Lepton, 4000), within(Codec::Lzma, 4000)] },
            (Self::Small, "image/jpeg") => &const { [within(Codec::Lepton, 30_000), within(Codec::Lzma, 30_000)] },
            (Self::Balanced, "image/png") => &const { [within(Codec::Pixels, 500), within(Codec::PixelsFast, 2000)] },
            (Self::Small, "image/png") => &const { [within(Codec::Pixels, 30_000), within(Codec::PixelsFast, 30_000)] },
            (Self::Balanced, "image/bmp") => {
                &const { [within(Codec::Pixels, 500), within(Codec::PixelsFast, 2000), within(Codec::Lzma, 4000)] }
            }
            (Self::Small, "image/bmp") => &const { [within(Codec::Pixels, 30_000), within(Codec::Lzma, 30_000)] },
            // Not SVG under `balanced`: its deflated form goes to browsers as it is.
            (Self::Balanced, "image/tiff" | "image/vnd.microsoft.icon") => &const { [within(Codec::Lzma, 4000)] },
            (Self::Small, "image/tiff" | "image/vnd.microsoft.icon" | "image/svg+xml") => {
                &const { [within(Codec::Lzma, 30_000)] }
            }
            (Self::Fast | Self::Balanced | Self::Small, _) => &[],
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
