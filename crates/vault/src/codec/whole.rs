//! Codecs that pack an original as a whole: what they take and give, and a check of what they unpacked.
//!
//! Each is a file of its own with `VERSION`, `pack` and `unpack`. Both functions take at most the memory that they state
//! beforehand, and let other tasks run between their steps: they call `pause`. A codec that knows no steps says so.

use std::io::Write;
use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::record::{Codec, Needs};

use burrow_recompress::Effort;

use super::{BLOCK, lepton, lzma, pixels};

/// What packing and unpacking may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of memory of packing or unpacking, with the original and the packed form.
    pub memory: u64,
    /// The longest time that unpacking may take, for codecs that can tell it: on a core of 2020 with nothing else to do,
    /// so that every machine packs the same.
    pub unpacking: Duration,
}

/// A packed form. Nobody has checked yet whether it unpacks to the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Its bytes, in pieces of [`BLOCK`] bytes; only the last may be shorter.
    pub packed: Vec<Vec<u8>>,
    /// Memory that unpacking takes, in bytes, with the packed form and the original.
    pub memory: u64,
}

/// Why an original is not packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The reason: one sentence for people.
    pub why: String,
    /// If a limit was the reason: what it would have to allow.
    pub needs: Option<Needs>,
}

impl Refused {
    /// This original is never packed by this version of the codec.
    pub(super) fn never(why: impl Into<String>) -> Self {
        Self { why: why.into(), needs: None }
    }

    /// Unpacking would take longer than allowed.
    pub(super) fn slow(needed: Duration, limits: Limits) -> Self {
        let (needed, allowed) = (needed.as_millis(), limits.unpacking.as_millis());
        let why = format!("unpacking it takes {needed} ms or more, and {allowed} are allowed");
        Self { why, needs: Some(Needs::Unpacking(u64::try_from(needed).unwrap_or(u64::MAX))) }
    }

    /// Packing or unpacking would take more memory than allowed.
    pub(super) fn memory(needed: u64, limits: Limits) -> Self {
        let why = format!("packing or unpacking it takes {needed} bytes of memory, and {} are allowed", limits.memory);
        Self { why, needs: Some(Needs::Memory(needed)) }
    }
}

/// The version of a codec's packed form that [`pack`] makes. Every earlier one is unpacked, too.
pub fn version(codec: Codec) -> u32 {
    match codec {
        Codec::Raw | Codec::Deflate => 1,
        Codec::Lepton => lepton::VERSION,
        Codec::Pixels | Codec::PixelsFast => pixels::VERSION,
        Codec::Lzma => lzma::VERSION,
    }
}

/// Packs an original.
pub async fn pack(codec: Codec, original: &[u8], limits: Limits, pause: &impl AsyncFn()) -> Result<Whole, Refused> {
    match codec {
        Codec::Raw | Codec::Deflate => Err(Refused::never("this codec packs block by block")),
        Codec::Lepton => lepton::pack(original, limits, pause).await,
        Codec::Pixels => pixels::pack(original, Effort::Best, limits, pause).await,
        Codec::PixelsFast => pixels::pack(original, Effort::Fast, limits, pause).await,
        Codec::Lzma => lzma::pack(original, limits, pause).await,
    }
}

/// Unpacks a packed form, given in pieces of any size, and passes the original to `sink` in pieces of at most [`BLOCK`]
/// bytes.
pub async fn unpack(
    codec: Codec,
    version: u32,
    packed: Vec<Vec<u8>>,
    size: u64,
    sink: &mut impl FnMut(Vec<u8>),
    pause: &impl AsyncFn(),
) -> Result<(), Error> {
    let newest = self::version(codec);
    if version > newest {
        let codec = codec.as_str();
        return Err(Error::Newer(format!(
            "it is packed as {codec}, version {version}, and {newest} is the newest here"
        )));
    }
    let mut checked = Checked { left: size, sink };
    let mut sink = |piece| checked.take(piece);
    match codec {
        Codec::Raw | Codec::Deflate => return Err(Error::Corrupt("it is not packed as a whole".into())),
        Codec::Lepton => lepton::unpack(packed, size, &mut sink, pause).await?,
        Codec::Pixels | Codec::PixelsFast => pixels::unpack(packed, size, &mut sink, pause).await?,
        Codec::Lzma => lzma::unpack(packed, size, &mut sink, pause).await?,
    }
    if checked.left == 0 {
        Ok(())
    } else {
        Err(Error::Corrupt(format!("it unpacks to {} bytes too few", checked.left)))
    }
}

/// Passes pieces on, as long as they are not more than the original has.
struct Checked<'a, S> {
    left: u64,
    sink: &'a mut S,
}

impl<S: FnMut(Vec<u8>)> Checked<'_, S> {
    fn take(&mut self, piece: Vec<u8>) -> Result<(), Error> {
        let left = self.left.checked_sub(piece.len() as u64);
        self.left = left.ok_or_else(|| Error::Corrupt("it unpacks to too many bytes".into()))?;
        (self.sink)(piece);
        Ok(())
    }
}

/// Collects bytes in pieces of [`BLOCK`] bytes: no buffer grows, so nothing is held twice.
#[derive(Debug)]
pub(super) struct Pieces {
    pub(super) all: Vec<Vec<u8>>,
    /// Bytes written.
    pub(super) len: u64,
    /// The most bytes.
    limit: u64,
}

impl Pieces {
    /// Takes at most `limit` bytes.
    pub(super) fn up_to(limit: u64) -> Self {
        Self { all: Vec::new(), len: 0, limit }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.len += bytes.len() as u64;
        if self.len > self.limit {
            return Err(std::io::Error::other(format!("more than {} bytes", self.limit)));
        }
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(last) = self.all.last_mut().filter(|last| last.len() < BLOCK) else {
                self.all.push(Vec::with_capacity(BLOCK));
                continue;
            };
            let (taken, left) = rest.split_at_checked(BLOCK - last.len()).unwrap_or((rest, &[]));
            last.extend_from_slice(taken);
            rest = left;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
