//! The arithmetic coder: codes bits and symbols with given probabilities.

/// Probabilities are of a 1, in 1/65536, and lie in `1..=65535`.
pub(crate) type Probability = u32;

/// Where each of 16 symbols begins, in 1/32768. The first one begins at 0; each is at least 1 long.
pub(crate) type Starts = [i16; 16];

/// Codes values: a writer codes the value it is given, a reader ignores that and returns the value it finds. So one
/// model serves both directions.
pub(crate) trait Coder {
    /// Codes one bit that is 1 with this probability.
    fn bit(&mut self, bit: bool, one: Probability) -> bool;

    /// Codes a symbol of `0..16`.
    fn symbol(&mut self, symbol: usize, starts: &Starts) -> usize;

    /// Codes a number of so many bits, at most 16, which are all equally probable.
    fn number(&mut self, number: u32, bits: u32) -> u32;
}

/// The part of a range that is for ones.
#[inline(always)]
fn part(range: u32, one: Probability) -> u32 {
    ((u64::from(range) * u64::from(one)) >> 16) as u32
}

/// Where a symbol begins, and where the next one does.
#[inline(always)]
fn bounds(symbol: usize, starts: &Starts) -> (u32, u32) {
    let start = |symbol: usize| starts.get(symbol).map_or(1 << 15, |start| *start as u32);
    (start(symbol), start(symbol + 1))
}

/// The range never stays below this: a byte is written, or read, before.
const LEAST: u32 = 1 << 24;

/// Writes values.
#[derive(Debug)]
pub(crate) struct Writer {
    low: u32,
    range: u32,
    packed: Vec<u8>,
}

impl Writer {
    /// Continues these bytes.
    pub(crate) fn new(packed: Vec<u8>) -> Self {
        Self { low: 0, range: u32::MAX, packed }
    }

    /// The packed bytes so far.
    pub(crate) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Narrows the interval to `range` from `start` on.
    #[inline(always)]
    fn narrow(&mut self, start: u32, range: u32) {
        let (low, carries) = self.low.overflowing_add(start);
        (self.low, self.range) = (low, range);
        if carries {
            self.carry();
        }
        while self.range < LEAST {
            self.packed.push((self.low >> 24) as u8);
            self.low <<= 8;
            self.range <<= 8;
        }
    }

    /// Adds 1 to the packed bytes, taken as one number.
    fn carry(&mut self) {
        for byte in self.packed.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                return;
            }
        }
    }

    /// Ends the code with the fewest bytes that, continued with zeros, lie in the interval.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        let low = u64::from(self.low);
        for kept in 0..=4 {
            let unit = 1u64 << (32 - 8 * kept);
            let code = low.next_multiple_of(unit);
            if code < low + u64::from(self.range) {
                if code >> 32 != 0 {
                    self.carry();
                }
                self.packed.extend((code as u32).to_be_bytes().iter().take(kept));
                break;
            }
        }
        self.packed
    }
}

impl Coder for Writer {
    #[inline(always)]
    fn bit(&mut self, bit: bool, one: Probability) -> bool {
        let part = part(self.range, one);
        if bit {
            self.narrow(0, part);
        } else {
            self.narrow(part, self.range - part);
        }
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, symbol: usize, starts: &Starts) -> usize {
        let (start, end) = bounds(symbol, starts);
        let unit = self.range >> 15;
        self.narrow(unit * start, unit * (end - start));
        symbol
    }

    #[inline(always)]
    fn number(&mut self, number: u32, bits: u32) -> u32 {
        let unit = self.range >> bits;
        self.narrow(unit * number, unit);
        number
    }
}

/// Reads values.
#[derive(Debug)]
pub(crate) struct Reader<B> {
    /// How far the code is above the start of the interval.
    code: u32,
    range: u32,
    packed: B,
    next: usize,
}

impl<B: AsRef<[u8]>> Reader<B> {
    /// Reads these bytes from a place on.
    pub(crate) fn new(packed: B, start: usize) -> Self {
        let mut reader = Self { code: 0, range: u32::MAX, packed, next: start };
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

    /// Narrows the interval to `range` from `start` on.
    #[inline(always)]
    fn narrow(&mut self, start: u32, range: u32) {
        self.code = self.code.wrapping_sub(start);
        self.range = range;
        while self.range < LEAST {
            self.code = self.code << 8 | u32::from(self.byte());
            self.range <<= 8;
        }
    }

    /// Whether more bytes were read than any writer leaves out: the packed bytes are cut off or damaged.
    pub(crate) fn is_beyond_end(&self) -> bool {
        self.next > self.packed.as_ref().len() + 4
    }

    /// Whether bytes are left that nothing depends on.
    pub(crate) fn has_rest(&self) -> bool {
        self.next < self.packed.as_ref().len()
    }
}

impl<B: AsRef<[u8]>> Coder for Reader<B> {
    #[inline(always)]
    fn bit(&mut self, _: bool, one: Probability) -> bool {
        let part = part(self.range, one);
        let bit = self.code < part;
        if bit {
            self.narrow(0, part);
        } else {
            self.narrow(part, self.range - part);
        }
        bit
    }

    #[inline(always)]
    fn symbol(&mut self, _: usize, starts: &Starts) -> usize {
        let unit = self.range >> 15;
        let place = (self.code / unit).min(32767) as i16;
        let symbol = starts.iter().skip(1).map(|start| usize::from(*start <= place)).sum();
        let (start, end) = bounds(symbol, starts);
        self.narrow(unit * start, unit * (end - start));
        symbol
    }

    #[inline(always)]
    fn number(&mut self, _: u32, bits: u32) -> u32 {
        let unit = self.range >> bits;
        let number = (self.code / unit).min((1 << bits) - 1);
        self.narrow(unit * number, unit);
        number
    }
}
