//! The adaptive binary coder: codes bits by how likely they are, and learns that from the bits before.
//!
//! What is packed and what is unpacked goes through the same code, generic over [`Bits`]: a packer passes the true bit,
//! an unpacker passes anything, and both go on with the bit that is returned. So the two cannot differ.

/// How likely a bit is to be set: 22 bits of probability above 10 bits that count what was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chance(u32);

impl Default for Chance {
    fn default() -> Self {
        Self(1 << 31)
    }
}

/// After so many bits a chance learns no slower.
const SETTLED: u32 = 126;

impl Chance {
    /// The chance of a clear bit in 65,536ths: 1 to 65,535.
    fn of_clear(self) -> u32 {
        65_536 - (self.0 >> 16).max(1)
    }

    /// Moves towards the bit: by two thirds at first, then by less, at last by a 128th.
    fn learn(&mut self, bit: bool) {
        let (chance, seen) = (self.0 >> 10, self.0 & 1023);
        let divisor = 2 * seen + 3;
        let moved = if bit { chance + ((1 << 22) - 1 - chance) * 2 / divisor } else { chance - chance * 2 / divisor };
        self.0 = moved << 10 | (seen + 1).min(SETTLED);
    }
}

/// Whether events happen that are expected to be rare.
///
/// Counted, only how many times nothing happened before each event is coded: if nothing ever happens, it takes no space.
/// The packer knows a count when the event comes, and the unpacker needs it before; so between two events nothing else
/// may be coded.
#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// Else each time takes a bit.
    is_counted: bool,
    chance: Chance,
    /// Packing: how many times nothing happened since the last event. Unpacking: how many times nothing will.
    length: Option<u32>,
    number: crate::symbols::Number,
}

impl Run {
    pub(crate) fn new(is_counted: bool) -> Self {
        Self { is_counted, chance: Chance::default(), length: None, number: crate::symbols::Number::default() }
    }
}

/// Codes bits: either writes those it is given, or reads others.
pub(crate) trait Bits {
    /// Codes a bit by its chance, and returns it.
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool;

    /// Codes a bit that is as likely as not, and returns it.
    fn flat(&mut self, bit: bool) -> bool;

    /// Codes whether something happens that is rare, and returns it.
    fn rare(&mut self, run: &mut Run, happens: bool) -> bool;

    /// Ends a run: nothing happens any more.
    fn end(&mut self, run: &mut Run);
}

/// Writes bits.
#[derive(Debug)]
pub(crate) struct Encoder {
    /// What is written of the number, without `pending` bytes that a carry may still change.
    out: Vec<u8>,
    low: u64,
    range: u32,
    pending: u64,
    first: Option<u8>,
}

/// Below it, the range gets another byte.
const LOWEST: u32 = 1 << 24;

impl Encoder {
    pub(crate) fn new() -> Self {
        Self { out: Vec::new(), low: 0, range: u32::MAX, pending: 0, first: None }
    }

    /// Moves the highest byte of `low` out. A run of 255 waits until it is known whether a carry goes through it.
    fn shift(&mut self) {
        if self.low < 0xFF00_0000 || self.low > 0xFFFF_FFFF {
            let carry = u8::from(self.low > 0xFFFF_FFFF);
            if let Some(first) = self.first {
                self.out.push(first.wrapping_add(carry));
            }
            for _ in 0..self.pending {
                self.out.push(0xFF_u8.wrapping_add(carry));
            }
            self.pending = 0;
            self.first = Some((self.low >> 24 & 0xFF) as u8);
        } else {
            self.pending += 1;
        }
        self.low = (self.low & 0x00FF_FFFF) << 8;
    }

    fn narrow(&mut self, bound: u32, bit: bool) {
        // A clear bit has the lower part, so bits that are all clear write nothing but zeros.
        if bit {
            self.low += u64::from(bound);
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < LOWEST {
            self.range <<= 8;
            self.shift();
        }
    }

    /// The bytes. Zeros at the end are left out, because the decoder reads zeros there.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        // Of the numbers in the range, which is at least 2^24 wide, the one that ends in most zeros.
        self.low = (self.low + u64::from(LOWEST) - 1) & !u64::from(LOWEST - 1);
        for _ in 0..5 {
            self.shift();
        }
        while self.out.last() == Some(&0) {
            self.out.pop();
        }
        self.out
    }
}

impl Bits for Encoder {
    fn bit(&mut self, chance: &mut Chance, bit: bool) -> bool {
        self.narrow((self.range >> 16) * chance.of_clear(), bit);
        chance.learn(bit);
        bit
    }

    fn flat(&mut self, bit: bool) -> bool {
        self.narrow(self.range >> 1, bit);
        bit
    }

    fn rare(&mut self, run: &mut Run, happens: bool) -> bool {
        if !run.is_counted {
            return self.bit(&mut run.chance, happens);
        }
        let length = run.length.unwrap_or(0);
        if happens {
            run.number.code(self, length.saturating_add(1));
            run.length = None;
        } else {
            run.length = Some(length.saturating_add(1));
        }
        happens
    }

    fn end(&mut self, run: &mut Run) {
        if run.is_counted {
            run.number.code(self, 0);
        }
    }
}

/// Reads bits that an [`Encoder`] wrote.
#[derive(Debug)]
pub(crate) struct Decoder<'a> {
    rest: &'a [u8],
    code: u32,
    range: u32,
}

impl<'a> Decoder<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { rest: bytes, code: 0, range: u32::MAX };
        for _ in 0..4 {
            decoder.take();
        }
        decoder
    }

    fn take(&mut self) {
        let byte = match self.rest.split_first() {
            Some((byte, rest)) => {
                self.rest = rest;
                *byte
            }
            None => 0,
        };
        self.code = self.code << 8 | u32::from(byte);
    }

    fn narrow(&mut self, bound: u32) -> bool {
        let bit = self.code >= bound;
        if bit {
            self.code -= bound;
            self.range -= bound;
        } else {
            self.range = bound;
        }
        while self.range < LOWEST {
            self.range <<= 8;
            self.take();
        }
        bit
    }
}

impl Bits for Decoder<'_> {
    fn bit(&mut self, chance: &mut Chance, _: bool) -> bool {
        let bit = self.narrow((self.range >> 16) * chance.of_clear());
        chance.learn(bit);
        bit
    }

    fn flat(&mut self, _: bool) -> bool {
        self.narrow(self.range >> 1)
    }

    fn rare(&mut self, run: &mut Run, _: bool) -> bool {
        if !run.is_counted {
            return self.bit(&mut run.chance, false);
        }
        let length = match run.length {
            Some(length) => length,
            // 0 says that nothing happens any more.
            None => run.number.code(self, 0).wrapping_sub(1),
        };
        run.length = match length {
            0 => None,
            u32::MAX => Some(length),
            _ => Some(length - 1),
        };
        length == 0
    }

    fn end(&mut self, _: &mut Run) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bits of every chance come back, and likely ones take little.
    #[test]
    fn bits_come_back() {
        for rarity in [2, 10, 1000, 100_000] {
            let bits: Vec<bool> =
                (0_u32..200_000).map(|n| n.wrapping_mul(2_654_435_761) >> 8 < (1 << 24) / rarity).collect();
            let (mut encoder, mut chance, mut run) = (Encoder::new(), Chance::default(), Run::new(true));
            for bit in &bits {
                encoder.bit(&mut chance, *bit);
                encoder.flat(*bit);
            }
            for bit in &bits {
                encoder.rare(&mut run, *bit);
            }
            encoder.end(&mut run);
            let bytes = encoder.finish();
            let (mut decoder, mut chance, mut run) = (Decoder::new(&bytes), Chance::default(), Run::new(true));
            for bit in &bits {
                assert_eq!(decoder.bit(&mut chance, false), *bit);
                assert_eq!(decoder.flat(false), *bit);
            }
            for bit in &bits {
                assert_eq!(decoder.rare(&mut run, false), *bit);
            }
        }
    }

    /// A run in which nothing happens takes no bytes at all.
    #[test]
    fn silence_is_free() {
        let (mut encoder, mut run) = (Encoder::new(), Run::new(true));
        for _ in 0..1_000_000 {
            encoder.rare(&mut run, false);
        }
        encoder.end(&mut run);
        assert!(encoder.finish().is_empty());
    }
}
