//! `burrow:vault/image-codec`: packs pictures, and restores them.

use burrow_model::record::Codec;

use crate::bindings::exports::burrow::vault::image_codec as wit;
use crate::packed::{self, Effort, Error};

/// Implements the exported interface.
struct Component;

#[allow(unsafe_code, reason = "the generated entry points")]
mod entry {
    use super::Component;

    crate::bindings::export!(Component with_types_in crate::bindings);
}

impl wit::Guest for Component {
    fn pack(original: Vec<u8>, effort: wit::Effort, memory: u64) -> Result<wit::Packed, wit::Error> {
        let effort = match effort {
            wit::Effort::Fast => Effort::Fast,
            wit::Effort::Small => Effort::Small,
        };
        let (codec, bytes) = packed::pack(&original, effort, memory)?;
        Ok(wit::Packed { bytes, codec: codec.into() })
    }

    fn unpack(packed: Vec<u8>, most: u64) -> Result<Vec<u8>, wit::Error> {
        Ok(packed::unpack(&packed, most)?)
    }
}

impl From<Codec> for wit::Codec {
    fn from(codec: Codec) -> Self {
        match codec {
            Codec::Raw | Codec::Deflate => Self::Raw,
            Codec::Lepton => Self::Lepton,
            Codec::Pixels => Self::Pixels,
            Codec::PixelsFast => Self::PixelsFast,
            Codec::Lzma => Self::Lzma,
        }
    }
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Corrupt(text) => Self::Corrupt(text),
            Error::Newer(text) => Self::Newer(text),
            Error::TooLarge(size) => Self::TooLarge(size),
        }
    }
}
