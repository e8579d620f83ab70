//! Packs and unpacks deflate (RFC 1951) in blocks that inflate without each other.
//!
//! The codec is `miniz_oxide`.

use burrow_model::error::Error;
use miniz_oxide::deflate::core::{
    CompressorOxide, TDEFLFlush, TDEFLStatus, compress, create_comp_flags_from_zip_params,
};
use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use super::STEP;

/// How hard deflate looks for matches (docs/decisions/0018).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// zlib's level 1, for streams and for what repacking makes smaller later: three to four times as fast as
    /// [`Level::Thorough`], and 4 to 13 % larger.
    Quick = 1,
    /// zlib's default level, 6, for what stays in this form.
    Thorough = 6,
}

/// Window bits, negative for raw deflate without a zlib header.
const RAW_WINDOW: i32 = -15;

/// Default matching strategy.
const STRATEGY: i32 = 0;

/// Output space of one call of the compressor: more than a [`STEP`] and all that the compressor held back need in the
/// worst case. With less space a second call would be needed, and a block cannot be ended twice.
const ROOM: usize = 4 * STEP;

/// Packs blocks one after the other. It takes about 600 KiB: make one for each job and reuse it.
pub struct Deflater {
    level: Level,
    compressor: Box<CompressorOxide>,
    out: Vec<u8>,
    packed: Vec<u8>,
}

impl std::fmt::Debug for Deflater {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deflater")
            .field("level", &self.level)
            .field("packed", &self.packed.len())
            .finish_non_exhaustive()
    }
}

impl Deflater {
    /// Makes a compressor of this level.
    pub fn new(level: Level) -> Self {
        let flags = create_comp_flags_from_zip_params(level as i32, RAW_WINDOW, STRATEGY);
        Self { level, compressor: Box::new(CompressorOxide::new(flags)), out: vec![0; ROOM], packed: Vec::new() }
    }

    /// The level of what it packs.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Packs a part of the current block. The time grows with the length of the part.
    pub fn push(&mut self, part: &[u8]) -> Result<(), Error> {
        part.chunks(STEP).try_for_each(|step| self.run(step, TDEFLFlush::None))
    }

    /// Ends the current block with a full flush, so that nothing after it refers into it, and returns its packed form.
    /// The same block always has the same packed form, whatever was packed before.
    pub fn finish_block(&mut self) -> Result<Vec<u8>, Error> {
        self.run(&[], TDEFLFlush::Full)?;
        // Without a reset the compressor would keep its position in the window, and find other matches than a new one.
        self.compressor.reset();
        Ok(std::mem::take(&mut self.packed))
    }

    fn run(&mut self, step: &[u8], flush: TDEFLFlush) -> Result<(), Error> {
        let (status, read, written) = compress(&mut self.compressor, step, &mut self.out, flush);
        if status != TDEFLStatus::Okay || read != step.len() || written == self.out.len() {
            return Err(Error::Corrupt(format!("the deflate compressor stopped: {status:?} after {written}")));
        }
        self.packed.extend_from_slice(self.out.get(..written).unwrap_or_default());
        Ok(())
    }
}

/// Inflates one block made by [`Deflater`], of exactly `size` bytes.
pub fn inflate_block(packed: &[u8], size: usize) -> Result<Vec<u8>, Error> {
    const FLAGS: u32 = TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF | TINFL_FLAG_HAS_MORE_INPUT;
    let mut block = vec![0; size];
    let mut state = Box::<DecompressorOxide>::default();
    let (status, read, written) = decompress(&mut state, packed, &mut block, 0, FLAGS);
    // A block ends on a flush, not at the end of a deflate stream, so the decompressor asks for more input. If the
    // output is full before the decompressor has read the empty block of the flush, it reports that instead.
    let whole = match status {
        TINFLStatus::NeedsMoreInput => read == packed.len(),
        TINFLStatus::HasMoreOutput => true,
        _ => false,
    };
    if whole && written == size {
        Ok(block)
    } else {
        Err(Error::Corrupt(format!("a deflate block of {size} bytes did not unpack: {status:?} after {written}")))
    }
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a texture takes the low bits")]
mod tests {
    use super::*;
    use crate::codec::BLOCK;

    const LEVELS: [Level; 2] = [Level::Quick, Level::Thorough];

    fn pack(bytes: &[u8], level: Level) -> Vec<u8> {
        let mut deflater = Deflater::new(level);
        for part in bytes.chunks(10_000) {
            deflater.push(part).unwrap();
        }
        deflater.finish_block().unwrap()
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        (0..len)
            .map(|_| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                (state >> 32) as u8
            })
            .collect()
    }

    #[test]
    fn blocks_of_every_kind_come_back() {
        let text: Vec<u8> = b"a burrow of many rooms ".iter().copied().cycle().take(BLOCK).collect();
        for block in [vec![], vec![7], vec![0; BLOCK], noise(BLOCK), text] {
            for level in LEVELS {
                let packed = pack(&block, level);
                assert!(packed.len() <= 252 * 1024, "{} bytes became {}", block.len(), packed.len());
                assert_eq!(inflate_block(&packed, block.len()).unwrap(), block);
            }
        }
    }

    /// Alternating noise and text fill the compressor's buffers at every possible position.
    #[test]
    fn blocks_of_every_texture_come_back() {
        let noise = noise(BLOCK);
        for stride in (1..4000).step_by(37) {
            let len = BLOCK - 17 * stride;
            let block: Vec<u8> = (0..len)
                .map(|n| if n / stride % 2 == 0 { noise[n] >> (stride % 8) } else { (n % stride) as u8 })
                .collect();
            for level in LEVELS {
                assert!(inflate_block(&pack(&block, level), len).unwrap() == block, "{stride}");
            }
        }
    }

    #[test]
    fn a_wrong_size_or_a_cut_is_an_error() {
        let packed = pack(&noise(1000), Level::Quick);
        assert!(inflate_block(&packed, 1001).is_err());
        assert!(inflate_block(&packed[..500], 1000).is_err());
    }

    #[test]
    fn blocks_do_not_refer_to_each_other() {
        let block = noise(5000);
        let mut deflater = Deflater::new(Level::Quick);
        for _ in 0..2 {
            deflater.push(&block).unwrap();
            let packed = deflater.finish_block().unwrap();
            assert_eq!(inflate_block(&packed, block.len()).unwrap(), block);
        }
    }
}
