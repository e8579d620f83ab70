//! Packs JPEG as Lepton: the same coefficients under a better entropy coder. The codec is `lepton_jpeg`.
//!
//! It knows no steps: packing and unpacking each hold up other tasks of the instance, for about 0.17 s per MB of JPEG.
//! Some damaged files come back changed, so whoever packs must unpack and compare.

use std::io::Cursor;

use burrow_model::error::Error;
use lepton_jpeg::{
    EnabledFeatures, LeptonFileReader, SingleThreadPool, StreamPosition, ThreadPoolHolder, encode_lepton,
};

use super::whole::{Limits, Pieces, Refused, Whole};
use crate::jpeg::{Frame, Structure};

/// The version of the packed form: that of `lepton_jpeg` 0.5.
pub const VERSION: u32 = 1;

/// Partitions of a packed file. Each is unpacked by itself, so unpacking a baseline JPEG needs few of its coefficients.
const PARTITIONS: u32 = 8;

/// From this size on, in bytes, a JPEG has 8 partitions, none of which holds more than a quarter of the coefficients.
const LARGE: u64 = 1024 * 1024;

/// Memory of the coder's model and buffers, in bytes.
const MODEL: u64 = 3 * 1024 * 1024;

/// Packs a JPEG.
pub async fn pack(original: &[u8], limits: Limits, pause: &impl AsyncFn()) -> Result<Whole, Refused> {
    let structure = Structure::read(original);
    let Some(frame) = structure.frame else {
        return Err(Refused::never("it has no frame of a kind that Lepton packs"));
    };
    let memory = Memory::of(original.len() as u64, structure.scans, structure.segments, &frame);
    let most = memory.packing.max(memory.unpacking);
    if most > limits.memory {
        return Err(Refused::memory(most, limits));
    }
    pause().await;
    let features = EnabledFeatures { max_partitions: PARTITIONS, ..EnabledFeatures::compat_lepton_vector_write() };
    let mut packed = Pieces::up_to(original.len() as u64);
    let encoded = encode_lepton(&mut Cursor::new(original), &mut packed, &features, &SingleThreadPool::default());
    pause().await;
    match encoded {
        Ok(_) => Ok(Whole { packed: packed.all, memory: memory.unpacking }),
        Err(error) => Err(Refused::never(format!("Lepton does not pack it: {}", error.message()))),
    }
}

/// Unpacks a JPEG of `size` bytes.
pub async fn unpack(
    packed: Vec<Vec<u8>>,
    size: u64,
    sink: &mut impl FnMut(Vec<u8>) -> Result<(), Error>,
    pause: &impl AsyncFn(),
) -> Result<(), Error> {
    let pool = SingleThreadPool::default();
    let mut reader = LeptonFileReader::new(EnabledFeatures::compat_lepton_vector_read(), ThreadPoolHolder::Dyn(&pool));
    let mut original = Pieces::up_to(size);
    let unpacked = packed
        .into_iter()
        .try_for_each(|piece| reader.process_buffer(&piece, false, &mut original))
        .and_then(|()| reader.process_buffer(&[], true, &mut original));
    unpacked.map_err(|error| Error::Corrupt(format!("Lepton does not unpack it: {}", error.message())))?;
    drop(reader);
    pause().await;
    // Handed out in one step, so that nobody gets a piece before all is checked.
    original.all.into_iter().try_for_each(sink)
}

impl StreamPosition for Pieces {
    fn position(&mut self) -> u64 {
        self.len
    }
}

/// Memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    packing: u64,
    unpacking: u64,
}

impl Memory {
    /// Estimates from above, with the original, the packed form and a copy of it, and several copies of the segments.
    /// Packing holds all coefficients. Unpacking holds those of one partition, or, if several scans go through them, all
    /// of them twice.
    fn of(size: u64, scans: u32, segments: u64, frame: &Frame) -> Self {
        let coefficients = frame.coefficient_bytes();
        let unpacking = match size {
            _ if frame.is_progressive || scans != 1 => 2 * coefficients,
            LARGE.. => coefficients / 4,
            _ => coefficients,
        };
        let rest = MODEL + 3 * size + 4 * segments;
        Self { packing: coefficients + rest, unpacking: unpacking + rest }
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a texture takes the low bits")]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::codec::whole;
    use burrow_model::record::{Codec, Needs};
    use futures::executor::block_on;

    /// Originals, baseline and progressive, and their packed forms, version 1.
    const FIXTURES: [(&[u8], &[u8]); 2] = [
        (
            include_bytes!("../../../../tests/fixtures/lepton-1/baseline.jpg"),
            include_bytes!("../../../../tests/fixtures/lepton-1/baseline.jpg.packed"),
        ),
        (
            include_bytes!("../../../../tests/fixtures/lepton-1/progressive.jpg"),
            include_bytes!("../../../../tests/fixtures/lepton-1/progressive.jpg.packed"),
        ),
    ];

    const LIMITS: Limits = Limits { memory: 100 << 20, unpacking: Duration::MAX };

    /// A JPEG of this size in pixels.
    fn jpeg(width: u16, height: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        let pixels: Vec<u8> = (0..u32::from(width) * u32::from(height) * 3)
            .map(|n| ((n / 7) ^ (n >> 9)).wrapping_mul(0x9e37) as u8 / 3 + (n / 50) as u8)
            .collect();
        let encoder = jpeg_encoder::Encoder::new(&mut bytes, 85);
        encoder.encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb).unwrap();
        bytes
    }

    fn packed(original: &[u8]) -> Result<Whole, Refused> {
        block_on(whole::pack(Codec::Lepton, original, LIMITS, &async || ()))
    }

    fn unpacked(packed: Vec<Vec<u8>>, size: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut sink = |piece: Vec<u8>| bytes.extend(piece);
        block_on(whole::unpack(Codec::Lepton, VERSION, packed, size, &mut sink, &async || ()))?;
        Ok(bytes)
    }

    #[test]
    fn jpegs_come_back_exactly() {
        let generated = [(64, 64), (1500, 900), (333, 77)].map(|(width, height)| jpeg(width, height));
        for mut original in generated.into_iter().chain(FIXTURES.map(|(original, _)| original.to_vec())) {
            for tail in [&b""[..], b"and a tail"] {
                original.extend(tail);
                let whole = packed(&original).unwrap();
                let size = whole.packed.iter().map(Vec::len).sum::<usize>();
                assert!(size < original.len(), "{size} of {}", original.len());
                assert!(unpacked(whole.packed, original.len() as u64).unwrap() == original);
            }
        }
    }

    #[test]
    fn what_earlier_versions_packed_is_unpacked() {
        for (original, packed) in FIXTURES {
            assert!(unpacked(vec![packed.to_vec()], original.len() as u64).unwrap() == original);
        }
    }

    #[test]
    fn a_packed_form_that_is_not_right_is_an_error() {
        let original = jpeg(200, 100);
        let (packed, size) = (packed(&original).unwrap().packed, original.len() as u64);
        for wrong in [size - 1, size + 1, 0] {
            assert!(matches!(unpacked(packed.clone(), wrong), Err(Error::Corrupt(_))), "{wrong} bytes");
        }
        let [all] = &packed[..] else { panic!("{} pieces", packed.len()) };
        for len in [0, 1, 27, 28, 40, all.len() / 2, all.len() - 1] {
            assert!(matches!(unpacked(vec![all[..len].to_vec()], size), Err(Error::Corrupt(_))), "{len} bytes");
        }
        // In pieces of any size.
        assert!(unpacked(all.chunks(7).map(<[u8]>::to_vec).collect(), size).unwrap() == original);
    }

    #[test]
    fn what_takes_too_much_memory_is_refused_before() {
        let mut original = FIXTURES[1].0.to_vec();
        let at = original.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
        original[at + 5..at + 9].copy_from_slice(&[0x11, 0x94, 0x0f, 0xa0]);
        let refused = packed(&original).unwrap_err();
        // 4,500 by 4,000 pixels: all coefficients twice.
        assert!(matches!(refused.needs, Some(Needs::Memory(100_000_000..=250_000_000))), "{refused:?}");
        assert!(packed(b"\xff\xd8\xff\xd9").unwrap_err().needs.is_none());
    }
}
