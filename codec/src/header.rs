//! The header of a packed picture. docs/compression.md has its fields.

use burrow_model::record::Codec;

use crate::packed::Error;

/// The first bytes of every packed picture; the last one is the version of the header.
const MAGIC: [u8; 4] = *b"brw\x01";

/// The codecs in the order of their numbers.
const CODECS: [Codec; 5] = [Codec::Raw, Codec::Lepton, Codec::Pixels, Codec::PixelsFast, Codec::Lzma];

/// What stands before the packed form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// How the original is packed.
    pub codec: Codec,
    /// The version of the codec's packed form.
    pub version: u8,
    /// Bytes of the original.
    pub size: u64,
    /// XXH3-64 of the original.
    pub digest: u64,
}

impl Header {
    /// Its bytes.
    pub const LEN: usize = 22;

    /// Writes it. `None` if this codec packs no pictures as a whole.
    pub fn to_bytes(self) -> Option<Vec<u8>> {
        let codec = u8::try_from(CODECS.iter().position(|codec| *codec == self.codec)?).ok()?;
        let (size, digest) = (self.size.to_le_bytes(), self.digest.to_le_bytes());
        Some([&MAGIC[..], &[codec, self.version], &size, &digest].concat())
    }

    /// Splits a packed picture into its header and the packed form.
    ///
    /// # Errors
    ///
    /// The bytes are not a packed picture, or one of a newer version.
    pub fn split(packed: &[u8]) -> Result<(Self, &[u8]), Error> {
        let foreign = || Error::Corrupt("it does not begin as a packed picture does".into());
        let (magic, rest) = packed.split_first_chunk::<4>().ok_or_else(foreign)?;
        if magic[..3] != MAGIC[..3] {
            return Err(foreign());
        }
        if magic[3] != MAGIC[3] {
            return Err(Error::Newer(format!("its header has version {}, and this codec reads 1", magic[3])));
        }
        let cut = || Error::Corrupt("it ends within its header".into());
        let ([codec, version], rest) = rest.split_first_chunk::<2>().ok_or_else(cut)?;
        let (size, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let (digest, form) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
        let codec = *CODECS
            .get(usize::from(*codec))
            .ok_or_else(|| Error::Newer(format!("it is packed by codec {codec}, which this version does not have")))?;
        let header =
            Self { codec, version: *version, size: u64::from_le_bytes(*size), digest: u64::from_le_bytes(*digest) };
        Ok((header, form))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written() {
        for codec in CODECS {
            let header = Header { codec, version: 3, size: 1 << 40, digest: 0x0123_4567_89ab_cdef };
            let mut bytes = header.to_bytes().unwrap();
            assert_eq!(bytes.len(), Header::LEN);
            bytes.extend(b"form");
            assert_eq!(Header::split(&bytes).unwrap(), (header, &b"form"[..]));
        }
        assert_eq!(Header { codec: Codec::Deflate, version: 1, size: 0, digest: 0 }.to_bytes(), None);
    }

    #[test]
    fn what_is_no_packed_picture_is_told() {
        let header = Header { codec: Codec::Raw, version: 1, size: 0, digest: 0 }.to_bytes().unwrap();
        for cut in 0..Header::LEN {
            assert!(matches!(Header::split(&header[..cut]), Err(Error::Corrupt(_))), "{cut}");
        }
        let changed = |at: usize, to: u8| {
            let mut bytes = header.clone();
            bytes[at] = to;
            Header::split(&bytes).unwrap_err()
        };
        assert!(matches!(changed(0, b'x'), Error::Corrupt(_)));
        assert!(matches!(changed(3, 2), Error::Newer(_)));
        assert!(matches!(changed(4, 9), Error::Newer(_)));
    }
}
