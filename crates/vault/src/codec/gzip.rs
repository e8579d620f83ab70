//! Frames deflate blocks as gzip (RFC 1952), and packs and unpacks whole streams.
//!
//! [`HEADER`], blocks, [`LAST_BLOCK`] and [`trailer`] form one stream that any gunzip reads.

use std::io::Write as _;

use burrow_model::error::Error;
use flate2::write::GzDecoder;

use super::deflate::{Deflater, Level, inflate_block};
use super::{BLOCK, STEP};

/// Header: deflate, no name, no time, operating system unknown.
pub const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];

/// An empty final block with fixed codes. It ends a deflate stream whose blocks end on full flushes.
pub const LAST_BLOCK: [u8; 2] = [0x03, 0x00];

/// The bytes after the deflate stream: CRC-32 and length modulo 2^32, both little-endian.
pub fn trailer(crc32: u32, size: u64) -> [u8; 8] {
    let size = (size & u64::from(u32::MAX)) << 32;
    (size | u64::from(crc32)).to_le_bytes()
}

/// The only deflate block of a gzip stream that [`Pack`] made of exactly these bytes, as their length and CRC-32 show.
pub fn only_block<'a>(packed: &'a [u8], bytes: &[u8]) -> Option<&'a [u8]> {
    let size = u64::try_from(bytes.len()).ok().filter(|_| bytes.len() <= BLOCK)?;
    let packed = packed.strip_suffix(&trailer(crc32fast::hash(bytes), size))?;
    packed.strip_prefix(&HEADER)?.strip_suffix(&LAST_BLOCK)
}

/// Packs bytes into one gzip stream. It holds one block at a time.
#[derive(Debug)]
pub struct Pack {
    deflater: Deflater,
    block: Vec<u8>,
    packed: Vec<u8>,
    crc32: crc32fast::Hasher,
    size: u64,
}

impl Default for Pack {
    fn default() -> Self {
        Self {
            deflater: Deflater::new(Level::Quick),
            block: Vec::new(),
            packed: HEADER.into(),
            crc32: crc32fast::Hasher::new(),
            size: 0,
        }
    }
}

impl Pack {
    /// Packs at most [`STEP`] bytes and returns the rest.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Error> {
        let room = STEP.min(BLOCK - self.block.len());
        let (step, rest) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
        self.deflater.push(step)?;
        self.crc32.update(step);
        self.size += step.len() as u64;
        self.block.extend_from_slice(step);
        if self.block.len() == BLOCK {
            self.finish_block()?;
        }
        Ok(rest)
    }

    /// Takes the output that is packed and verified so far.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.packed)
    }

    /// Packs the rest and ends the stream.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        if !self.block.is_empty() {
            self.finish_block()?;
        }
        self.packed.extend(LAST_BLOCK);
        self.packed.extend(trailer(self.crc32.finalize(), self.size));
        Ok(self.packed)
    }

    fn finish_block(&mut self) -> Result<(), Error> {
        let packed = self.deflater.finish_block()?;
        if inflate_block(&packed, self.block.len())? != self.block {
            return Err(Error::Corrupt("a packed block did not unpack to the same bytes".into()));
        }
        self.packed.extend(packed);
        self.block.clear();
        Ok(())
    }
}

/// Unpacks one gzip member.
#[derive(Debug)]
pub struct Unpack {
    decoder: GzDecoder<Vec<u8>>,
}

impl Default for Unpack {
    fn default() -> Self {
        Self { decoder: GzDecoder::new(Vec::new()) }
    }
}

impl Unpack {
    /// Unpacks at most 1 KiB of input, and returns the output and the rest of the input. The output is at most about 1
    /// MiB: deflate expands at most 1032 to 1.
    pub fn push<'a>(&mut self, bytes: &'a [u8]) -> Result<(Vec<u8>, &'a [u8]), Error> {
        let (step, _) = bytes.split_at_checked(1024).unwrap_or((bytes, &[]));
        let read = self.decoder.write(step).map_err(|error| damaged(&error))?;
        if read == 0 {
            return Err(Error::Corrupt("the gzip stream goes on after its end".into()));
        }
        Ok((std::mem::take(self.decoder.get_mut()), bytes.get(read..).unwrap_or_default()))
    }

    /// Checks that the stream has ended and has the length and CRC-32 that it states, and returns the last output.
    pub fn finish(mut self) -> Result<Vec<u8>, Error> {
        self.decoder.try_finish().map_err(|error| damaged(&error))?;
        Ok(std::mem::take(self.decoder.get_mut()))
    }
}

fn damaged(error: &std::io::Error) -> Error {
    Error::Corrupt(format!("the gzip stream is damaged or cut off: {error}"))
}

#[cfg(test)]
#[expect(clippy::cast_possible_truncation, reason = "a texture takes the low bits")]
mod tests {
    use super::*;

    fn pack(mut bytes: &[u8]) -> Vec<u8> {
        let (mut pack, mut packed) = (Pack::default(), Vec::new());
        while !bytes.is_empty() {
            bytes = pack.push(bytes).unwrap();
            packed.extend(pack.take());
        }
        packed.extend(pack.finish().unwrap());
        packed
    }

    fn unpack(mut packed: &[u8]) -> Result<Vec<u8>, Error> {
        let (mut unpack, mut bytes) = (Unpack::default(), Vec::new());
        while !packed.is_empty() {
            let unpacked;
            (unpacked, packed) = unpack.push(packed)?;
            bytes.extend(unpacked);
        }
        bytes.extend(unpack.finish()?);
        Ok(bytes)
    }

    #[test]
    fn every_length_around_a_block_comes_back() {
        let bytes: Vec<u8> = (0..2 * BLOCK + 2).map(|n| (n * n / 7 % 251) as u8).collect();
        for len in [0, 1, STEP, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 2 * BLOCK + 2] {
            assert!(unpack(&pack(&bytes[..len])).unwrap() == bytes[..len], "{len}");
        }
    }

    #[test]
    fn damage_a_cut_and_a_tail_are_errors() {
        let original = b"a burrow, a burrow, a burrow";
        let packed = pack(original);
        for len in 0..packed.len() {
            assert!(unpack(&packed[..len]).is_err(), "cut to {len}");
        }
        for bit in 0..packed.len() * 8 {
            let mut damaged = packed.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // Damage to a few bits, such as padding and the time, changes nothing.
            assert!(unpack(&damaged).map_or(true, |bytes| bytes == original), "bit {bit}");
        }
        assert!(unpack(&[packed.as_slice(), b"x"].concat()).is_err());
    }
}
