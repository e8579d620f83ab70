//! Packs pictures, and restores them.

use burrow_model::error::Error as VaultError;
use burrow_model::record::Codec;
use burrow_vault::codec::whole::{self, Limits, Whole};
use burrow_vault::codec::{BLOCK, pays};
use burrow_vault::compression::{Choice, Compression};
use burrow_vault::sniff::sniff;
use futures::FutureExt as _;
use xxhash_rust::xxh3::xxh3_64;

use crate::header::Header;

/// How much work a picture is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// What is packed and restored soon: the policy `balanced` without the slow coder of pixels.
    Fast,
    /// Whatever is smallest: the policy `small`.
    Small,
}

/// Why a picture is not packed or restored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes are damaged, or no packed picture.
    #[error("{0}")]
    Corrupt(String),
    /// A newer version packed it.
    #[error("{0}")]
    Newer(String),
    /// The original has more bytes than allowed.
    #[error("the original has {0} bytes, more than are allowed")]
    TooLarge(u64),
}

/// Packs a picture by the codec that suits it, with at most `memory` bytes of memory. If none makes it at least 2 %
/// smaller, or the bytes are no picture, they stand in the packed form unchanged.
///
/// # Errors
///
/// None that is known: the result is unpacked and compared before it is returned.
pub fn pack(original: &[u8], effort: Effort, memory: u64) -> Result<(Codec, Vec<u8>), Error> {
    let media_type = sniff(original.get(..BLOCK).unwrap_or(original)).map_or("", |sniffed| sniffed.media_type);
    for choice in choices(effort, media_type) {
        let limits = Limits { memory, unpacking: choice.unpack_limit };
        let Some(packed) = now(whole::pack(choice.codec, original, limits, &async || ()))?.ok() else {
            continue;
        };
        if let Some(packed) = checked(choice.codec, original, packed)? {
            return Ok((choice.codec, packed));
        }
    }
    let raw = Whole { packed: vec![original.to_vec()], memory: 0 };
    Ok((Codec::Raw, framed(Codec::Raw, original, &raw)?))
}

/// Restores a packed picture of at most `most` bytes, and compares it with the digest in its header.
///
/// # Errors
///
/// The bytes are damaged or no packed picture, a newer version packed it, or it has more than `most` bytes.
pub fn unpack(packed: &[u8], most: u64) -> Result<Vec<u8>, Error> {
    let (header, form) = Header::split(packed)?;
    if header.size > most {
        return Err(Error::TooLarge(header.size));
    }
    let original = if header.codec == Codec::Raw {
        form.to_vec()
    } else {
        let mut original = Vec::new();
        let mut sink = |piece: Vec<u8>| original.extend(piece);
        let form = form.chunks(BLOCK).map(<[u8]>::to_vec).collect();
        let version = u32::from(header.version);
        now(whole::unpack(header.codec, version, form, header.size, &mut sink, &async || ()))??;
        original
    };
    if original.len() as u64 == header.size && xxh3_64(&original) == header.digest {
        Ok(original)
    } else {
        Err(Error::Corrupt("it does not unpack to the original".into()))
    }
}

/// The codecs to try. None is chosen by time: this component has no clock.
fn choices(effort: Effort, media_type: &str) -> impl Iterator<Item = &'static Choice> {
    let (policy, slow) = match effort {
        Effort::Fast => (Compression::Balanced, Some(Codec::Pixels)),
        Effort::Small => (Compression::Small, None),
    };
    policy.choices(media_type).iter().filter(move |choice| Some(choice.codec) != slow)
}

/// The packed picture, if it is smaller, and unpacks to the original: some codecs change some damaged files.
fn checked(codec: Codec, original: &[u8], whole: Whole) -> Result<Option<Vec<u8>>, Error> {
    if !pays(original.len(), whole.packed.iter().map(Vec::len).sum()) {
        return Ok(None);
    }
    let packed = framed(codec, original, &whole)?;
    drop(whole);
    Ok(unpack(&packed, original.len() as u64).is_ok_and(|unpacked| unpacked == original).then_some(packed))
}

fn framed(codec: Codec, original: &[u8], whole: &Whole) -> Result<Vec<u8>, Error> {
    let version = u8::try_from(whole::version(codec)).ok();
    let (size, digest) = (original.len() as u64, xxh3_64(original));
    let mut packed = version
        .and_then(|version| Header { codec, version, size, digest }.to_bytes())
        .ok_or_else(|| Error::Corrupt(format!("no header can name {}", codec.as_str())))?;
    whole.packed.iter().for_each(|piece| packed.extend(piece));
    Ok(packed)
}

/// The result of a codec, which waits for nothing but the pauses that this component does not make.
fn now<T>(work: impl Future<Output = T>) -> Result<T, Error> {
    work.now_or_never().ok_or_else(|| Error::Corrupt("the codec stopped".into()))
}

impl From<VaultError> for Error {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::Newer(text) => Self::Newer(text),
            VaultError::Corrupt(text) => Self::Corrupt(text),
            error => Self::Corrupt(error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const JPEG: &[u8] = include_bytes!("../../tests/fixtures/lepton-1/baseline.jpg");
    const BITMAP: &[u8] = include_bytes!("../../tests/fixtures/images/photo.bmp");
    const MEMORY: u64 = 1 << 28;

    #[test]
    fn pictures_become_smaller_and_come_back() {
        for (original, effort, codec) in [
            (JPEG, Effort::Fast, Codec::Lepton),
            (BITMAP, Effort::Fast, Codec::PixelsFast),
            (BITMAP, Effort::Small, Codec::Pixels),
        ] {
            let (with, packed) = pack(original, effort, MEMORY).unwrap();
            assert_eq!(with, codec);
            assert!(packed.len() < original.len());
            assert!(unpack(&packed, original.len() as u64).unwrap() == original);
        }
    }

    #[test]
    fn what_does_not_become_smaller_stays_as_it_is() {
        for original in [b"".as_slice(), b"no picture", &JPEG[..40], b"\x89PNG\r\n\x1a\n"] {
            let (codec, packed) = pack(original, Effort::Small, MEMORY).unwrap();
            assert_eq!((codec, packed.len()), (Codec::Raw, original.len() + Header::LEN));
            assert_eq!(unpack(&packed, original.len() as u64).unwrap(), original);
        }
        let (codec, _) = pack(JPEG, Effort::Small, 1000).unwrap();
        assert_eq!(codec, Codec::Raw, "there was not enough memory");
    }

    #[test]
    fn a_damaged_byte_never_makes_another_original() {
        let (_, packed) = pack(JPEG, Effort::Small, MEMORY).unwrap();
        let mut found = 0;
        for at in 0..packed.len() {
            let mut damaged = packed.clone();
            damaged[at] ^= 0x10;
            // Lepton's header has a few bytes that unpacking does not need.
            match unpack(&damaged, JPEG.len() as u64) {
                Ok(unpacked) => assert!(unpacked == JPEG, "byte {at}"),
                Err(error) => {
                    assert!(!error.to_string().is_empty(), "byte {at}");
                    found += 1;
                }
            }
        }
        assert!(found > packed.len() * 9 / 10, "{found} of {}", packed.len());
        assert!(unpack(&packed[..packed.len() - 1], JPEG.len() as u64).is_err());
        assert_eq!(unpack(&packed, 100), Err(Error::TooLarge(JPEG.len() as u64)));
    }
}
