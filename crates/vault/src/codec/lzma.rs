//! Packs by LZMA what no other codec understands, where nobody needs a gzip form of it. The codec is `lzma-rust2`.

use std::io::{Cursor, Read, Write as _};

use burrow_model::error::Error;
use lzma_rust2::{LzmaOptions, LzmaReader, LzmaWriter};

use super::STEP;
use super::whole::{Limits, Pieces, Refused, Whole};

/// The version of the packed form: a file of the format `.lzma`, which states the length of the original.
pub const VERSION: u32 = 1;

/// The preset of the options.
const PRESET: u32 = 6;

/// How far back a repetition may lie, in bytes: at most, and at least.
const FARTHEST: u64 = 4 * 1024 * 1024;
const NEAREST: u64 = 4096;

/// Memory of the model and of buffers, in bytes.
const MODEL: u64 = 2 * 1024 * 1024;

/// Bytes of memory that finding repetitions takes for each byte that may be looked back at.
const FINDER: u64 = 12;

/// Packs anything.
pub async fn pack(original: &[u8], limits: Limits, pause: &impl AsyncFn()) -> Result<Whole, Refused> {
    let size = original.len() as u64;
    let reach = size.next_power_of_two().clamp(NEAREST, FARTHEST);
    let needed = FINDER * reach + MODEL + 2 * size;
    if needed > limits.memory {
        return Err(Refused::memory(needed, limits));
    }
    let failed = |error: std::io::Error| Refused::never(format!("LZMA does not pack it: {error}"));
    let options =
        LzmaOptions { dict_size: u32::try_from(reach).unwrap_or(u32::MAX), ..LzmaOptions::with_preset(PRESET) };
    let mut writer = LzmaWriter::new_use_header(Pieces::up_to(size), &options, Some(size)).map_err(failed)?;
    for step in original.chunks(STEP) {
        writer.write_all(step).map_err(failed)?;
        pause().await;
    }
    let packed = writer.finish().map_err(failed)?;
    Ok(Whole { memory: reach + MODEL + packed.len, packed: packed.all })
}

/// Unpacks an original of `size` bytes.
pub async fn unpack(
    packed: Vec<Vec<u8>>,
    size: u64,
    sink: &mut impl FnMut(Vec<u8>) -> Result<(), Error>,
    pause: &impl AsyncFn(),
) -> Result<(), Error> {
    let failed = |error: std::io::Error| Error::Corrupt(format!("LZMA does not unpack it: {error}"));
    let most = u32::try_from((FARTHEST + MODEL) / 1024).unwrap_or(u32::MAX);
    let mut reader = LzmaReader::new_mem_limit(Unread::new(packed), most, None).map_err(failed)?;
    let mut left = size;
    while left > 0 {
        let step = (STEP as u64).min(left);
        let mut piece = Vec::with_capacity(STEP);
        if reader.by_ref().take(step).read_to_end(&mut piece).map_err(failed)? == 0 {
            return Ok(());
        }
        left -= piece.len() as u64;
        sink(piece)?;
        pause().await;
    }
    match reader.read(&mut [0]).map_err(failed)? {
        0 => Ok(()),
        _ => Err(Error::Corrupt("it unpacks to too many bytes".into())),
    }
}

/// Pieces that are to be read. Each is dropped once it is.
struct Unread {
    now: Cursor<Vec<u8>>,
    rest: std::vec::IntoIter<Vec<u8>>,
}

impl Unread {
    fn new(pieces: Vec<Vec<u8>>) -> Self {
        Self { now: Cursor::default(), rest: pieces.into_iter() }
    }
}

impl Read for Unread {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let read = self.now.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match self.rest.next() {
                Some(next) => self.now = Cursor::new(next),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::codec::whole;
    use burrow_model::record::{Codec, Needs};
    use futures::executor::block_on;

    /// A packed form of version 1: `lines(40)`.
    const FIXTURE: &[u8] = include_bytes!("../../../../tests/fixtures/lzma-1/lines.packed");

    const LIMITS: Limits = Limits { memory: 100 << 20, unpacking: Duration::MAX };

    fn lines(count: u32) -> Vec<u8> {
        (0..count).flat_map(|n| format!("<path d=\"M{} {}\"/>\n", n * n % 977, n * 7919 % 1009).into_bytes()).collect()
    }

    fn unpacked(packed: Vec<Vec<u8>>, size: u64) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let mut sink = |piece: Vec<u8>| bytes.extend(piece);
        block_on(whole::unpack(Codec::Lzma, VERSION, packed, size, &mut sink, &async || ()))?;
        Ok(bytes)
    }

    fn packed(original: &[u8], limits: Limits) -> Result<Whole, Refused> {
        block_on(whole::pack(Codec::Lzma, original, limits, &async || ()))
    }

    #[test]
    fn bytes_come_back_exactly() {
        for count in [40, 5000, 100_000] {
            let original = lines(count);
            let whole = packed(&original, LIMITS).unwrap();
            let size = whole.packed.iter().map(Vec::len).sum::<usize>();
            assert!(size < original.len() / 2, "{size} of {}", original.len());
            assert!(unpacked(whole.packed, original.len() as u64).unwrap() == original);
        }
    }

    #[test]
    fn what_earlier_versions_packed_is_unpacked() {
        let original = lines(40);
        assert!(unpacked(FIXTURE.chunks(50).map(<[u8]>::to_vec).collect(), original.len() as u64).unwrap() == original);
    }

    #[test]
    fn a_packed_form_that_is_not_right_is_an_error() {
        let (original, [all]) = (lines(5000), &packed(&lines(5000), LIMITS).unwrap().packed[..]) else { panic!() };
        let size = original.len() as u64;
        for wrong in [size - 1, size + 1, 0] {
            assert!(matches!(unpacked(vec![all.clone()], wrong), Err(Error::Corrupt(_))), "{wrong} bytes");
        }
        for len in [0, 1, 12, 13, 18, all.len() / 2, all.len() - 1] {
            assert!(matches!(unpacked(vec![all[..len].to_vec()], size), Err(Error::Corrupt(_))), "{len} bytes");
        }
        // It states that repetitions lie up to 4 GiB back.
        let mut greedy = all.clone();
        greedy[1..5].fill(0xff);
        assert!(matches!(unpacked(vec![greedy], size), Err(Error::Corrupt(_))));
    }

    #[test]
    fn what_does_not_get_smaller_or_takes_too_much_memory_is_refused() {
        let mut state = 1_u32;
        let mut noise = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let original: Vec<u8> = (0..100_000).map(|_| noise()).collect();
        assert!(packed(&original, LIMITS).unwrap_err().needs.is_none());
        let refused = packed(&lines(100_000), Limits { memory: 1 << 20, ..LIMITS }).unwrap_err();
        assert!(matches!(refused.needs, Some(Needs::Memory(30_000_000..=70_000_000))), "{refused:?}");
    }
}
