//! Packs PNG, APNG and BMP: undoes their deflate, and codes the pixels better. The codec is `burrow-recompress`.
//!
//! It packs what it can describe exactly, and unpacks in steps: the first bytes come before the last ones are made.

use std::io::Write as _;
use std::time::Duration;

use burrow_model::error::Error;
use burrow_recompress::{Effort, Failure, Limits as Most, Refused as Why};

use super::STEP;
use super::whole::{Limits, Pieces, Refused, Whole};

/// The version of the packed form: the first byte of what `burrow-recompress` writes.
pub const VERSION: u32 = 1;

/// Packs a file, and its pixels with this effort.
pub async fn pack(original: &[u8], effort: Effort, limits: Limits, pause: &impl AsyncFn()) -> Result<Whole, Refused> {
    // Beside what the coder takes: the original, the packed form, and a copy of the latter.
    let beside = 3 * original.len() as u64;
    // A unit of work is a nanosecond.
    let work = u64::try_from(limits.unpacking.as_nanos()).unwrap_or(u64::MAX);
    let most = Most { length: u64::MAX, memory: limits.memory.saturating_sub(beside), work };
    let packed = match burrow_recompress::pack(original, effort, &most, pause).await {
        Ok(packed) => packed,
        Err(Why::Memory { needed, .. }) => return Err(Refused::memory(needed.saturating_add(beside), limits)),
        Err(Why::Work { needed, .. }) => return Err(Refused::slow(Duration::from_nanos(needed), limits)),
        Err(why) => return Err(Refused::never(format!("it is not recompressed: {why}"))),
    };
    let coder = burrow_recompress::info(&packed).map_or(most.memory, |info| info.memory);
    let memory = coder + 2 * packed.len() as u64 + STEP as u64;
    let mut pieces = Pieces::up_to(packed.len() as u64);
    match pieces.write_all(&packed) {
        Ok(()) => Ok(Whole { packed: pieces.all, memory }),
        Err(error) => Err(Refused::never(error.to_string())),
    }
}

/// Unpacks a file of `size` bytes.
pub async fn unpack(
    packed: Vec<Vec<u8>>,
    size: u64,
    sink: &mut impl FnMut(Vec<u8>) -> Result<(), Error>,
    pause: &impl AsyncFn(),
) -> Result<(), Error> {
    let mut whole = Vec::with_capacity(packed.iter().map(Vec::len).sum());
    // Each piece is dropped once it is copied.
    for piece in packed {
        whole.extend_from_slice(&piece);
    }
    let most = Most { length: size, memory: u64::MAX, work: u64::MAX };
    let mut ready = Vec::with_capacity(STEP);
    let mut batch = async |bytes: &[u8]| {
        if ready.len() + bytes.len() > STEP {
            sink(std::mem::replace(&mut ready, Vec::with_capacity(STEP)))?;
        }
        ready.extend_from_slice(bytes);
        Ok(())
    };
    match burrow_recompress::unpack(&whole, &most, &mut batch, pause).await {
        Ok(()) => sink(ready),
        Err(Failure::Sink(error)) => Err(error),
        Err(Failure::Damaged(damaged)) => Err(Error::Corrupt(format!("its pixels are not unpacked: {damaged}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::whole;
    use burrow_model::record::{Codec, Needs};
    use futures::executor::block_on;

    /// Originals, and their packed forms, version 1.
    const FIXTURES: [(&[u8], &[u8]); 3] = [
        (
            include_bytes!("../../../recompress/tests/golden/animation.png"),
            include_bytes!("../../../recompress/tests/golden/animation.v1.packed"),
        ),
        (
            include_bytes!("../../../recompress/tests/golden/interlaced.png"),
            include_bytes!("../../../recompress/tests/golden/interlaced.v1.packed"),
        ),
        (
            include_bytes!("../../../recompress/tests/golden/rgb.bmp"),
            include_bytes!("../../../recompress/tests/golden/rgb.v1.packed"),
        ),
    ];

    const LIMITS: Limits = Limits { memory: 100 << 20, unpacking: Duration::MAX };

    fn unpacked(packed: Vec<Vec<u8>>, size: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut sink = |piece: Vec<u8>| bytes.extend(piece);
        block_on(whole::unpack(Codec::Pixels, VERSION, packed, size, &mut sink, &async || ()))?;
        Ok(bytes)
    }

    #[test]
    fn files_come_back_exactly() {
        for (original, _) in FIXTURES {
            for codec in [Codec::Pixels, Codec::PixelsFast] {
                let whole = block_on(whole::pack(codec, original, LIMITS, &async || ())).unwrap();
                let size = whole.packed.iter().map(Vec::len).sum::<usize>();
                assert!(size < original.len(), "{size} of {}", original.len());
                assert!(unpacked(whole.packed, original.len() as u64).unwrap() == original);
            }
        }
    }

    #[test]
    fn what_earlier_versions_packed_is_unpacked() {
        for (original, packed) in FIXTURES {
            let pieces = packed.chunks(100).map(<[u8]>::to_vec).collect();
            assert!(unpacked(pieces, original.len() as u64).unwrap() == original);
        }
    }

    #[test]
    fn a_packed_form_that_is_not_right_is_an_error() {
        for (original, packed) in FIXTURES {
            let size = original.len() as u64;
            for wrong in [size - 1, size + 1, 0] {
                assert!(matches!(unpacked(vec![packed.to_vec()], wrong), Err(Error::Corrupt(_))), "{wrong} bytes");
            }
            for len in [0, 1, 10, packed.len() / 2, packed.len() - 1] {
                assert!(matches!(unpacked(vec![packed[..len].to_vec()], size), Err(Error::Corrupt(_))), "{len} bytes");
            }
            let mut newer = packed.to_vec();
            newer[0] = 2;
            assert!(matches!(unpacked(vec![newer], size), Err(Error::Corrupt(_))));
        }
    }

    #[test]
    fn what_takes_too_much_memory_is_refused_before() {
        let little = Limits { memory: 1 << 20, ..LIMITS };
        let refused = block_on(whole::pack(Codec::Pixels, FIXTURES[0].0, little, &async || ())).unwrap_err();
        assert!(matches!(refused.needs, Some(Needs::Memory(1_000_000..=60_000_000))), "{refused:?}");
        assert!(block_on(whole::pack(Codec::Pixels, b"GIF89a", LIMITS, &async || ())).unwrap_err().needs.is_none());
    }

    #[test]
    fn what_takes_too_long_to_unpack_is_refused_alike_on_every_machine() {
        let needed = |codec| {
            let limits = Limits { unpacking: Duration::from_millis(1), ..LIMITS };
            block_on(whole::pack(codec, FIXTURES[2].0, limits, &async || ()))
                .map(|_| ())
                .map_err(|refused| refused.needs)
        };
        assert!(matches!(needed(Codec::Pixels), Err(Some(Needs::Unpacking(1..=100)))), "{:?}", needed(Codec::Pixels));
        assert_eq!(needed(Codec::PixelsFast), Ok(()));
    }
}
