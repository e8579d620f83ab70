//! The binary arithmetic coder: codes one bit at a time with a given probability.

/// Probabilities are of a 1, in 1/65536, and lie in `1..=65535`.
pub(crate) type Probability = u32;

/// Codes bits: a writer codes the bit it is given, a reader ignores that and returns the bit it finds. So one model
/// serves both directions.
pub(crate) trait Coder {
    /// Codes one bit that is 1 with this probability.
    fn bit(&mut self, bit: bool, one: Probability) -> bool;
}

/// The point that divides the interval `low..=high`: below and at it lie the ones.
#[inline(always)]
fn middle(low: u32, high: u32, one: Probability) -> u32 {
    low + ((u64::from(high - low) * u64::from(one)) >> 16) as u32
}

/// Writes bits.
#[derive(Debug)]
pub(crate) struct Writer {
    low: u32,
    high: u32,
    packed: Vec<u8>,
}

impl Writer {
    /// Continues these bytes.
    pub(crate) fn new(packed: Vec<u8>) -> Self {
        Self { low: 0, high: u32::MAX, packed }
    }

    /// The packed bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Ends the code with the fewest bytes that, continued with zeros, lie in the interval.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        for kept in 0..=4 {
            let mask = u32::MAX.checked_shl(32 - 8 * kept).unwrap_or(0);
            let code = match self.low & !mask {
                0 => Some(self.low),
                _ => (self.low & mask).checked_add(1u32.checked_shl(32 - 8 * kept).unwrap_or(0)).filter(|_| kept > 0),
            };
            if let Some(code) = code.filter(|&code| code <= self.high) {
                self.packed.extend(code.to_be_bytes().iter().take(kept as usize));
                return self.packed;
            }
        }
        self.packed
    }
}

impl Coder for Writer {
    #[inline(always)]
    fn bit(&mut self, bit: bool, one: Probability) -> bool {
        let middle = middle(self.low, self.high, one);
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.packed.push((self.high >> 24) as u8);
            self.low <<= 8;
            self.high = self.high << 8 | 255;
        }
        bit
    }
}

/// Reads bits.
#[derive(Debug)]
pub(crate) struct Reader<B> {
    low: u32,
    high: u32,
    code: u32,
    packed: B,
    next: usize,
}

impl<B: AsRef<[u8]>> Reader<B> {
    /// Reads these bytes from a place on.
    pub(crate) fn new(packed: B, start: usize) -> Self {
        let mut reader = Self { low: 0, high: u32::MAX, code: 0, packed, next: start };
        for _ in 0..4 {
            reader.code = reader.code << 8 | u32::from(reader.byte());
        }
        reader
    }

    /// The next byte; zeros follow the last one.
    #[inline(always)]
    fn byte(&mut self) -> u8 {
        let byte = self.packed.as_ref().get(self.next).copied().unwrap_or(0);
        self.next += 1;
        byte
    }

    /// Whether more bytes were read than any writer leaves out: the packed bytes are cut off or damaged.
    pub(crate) fn is_beyond_end(&self) -> bool {
        self.next > self.packed.as_ref().len() + 4
    }

    /// Whether bytes are left that no bit depends on.
    pub(crate) fn has_rest(&self) -> bool {
        self.next < self.packed.as_ref().len()
    }
}

impl<B: AsRef<[u8]>> Coder for Reader<B> {
    #[inline(always)]
    fn bit(&mut self, _: bool, one: Probability) -> bool {
        let middle = middle(self.low, self.high, one);
        let bit = self.code <= middle;
        if bit {
            self.high = middle;
        } else {
            self.low = middle + 1;
        }
        while (self.low ^ self.high) >> 24 == 0 {
            self.low <<= 8;
            self.high = self.high << 8 | 255;
            self.code = self.code << 8 | u32::from(self.byte());
        }
        bit
    }
}
