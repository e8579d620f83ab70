//! Parses deflated data into blocks of tokens, with all that is needed to write the same bits again.

use super::codes::{self, Code, FIXED_DISTANCES, MAX_BITS};
use super::header::{Header, ORDER, Step};
use super::{END_OF_BLOCK, Kind, MAX_MATCH, Token, distance_extra, distance_of, length_extra, length_of};
use crate::Refused;

/// A block.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) kind: Kind,
    pub(crate) is_final: bool,
    /// Tokens as [`Token::to_u32`]; for a stored block its bytes as literals.
    pub(crate) tokens: Vec<u32>,
    /// How many plain bytes it has.
    pub(crate) length: u32,
    /// Of a block with codes of its own.
    pub(crate) header: Header,
    /// The bits between the head of a stored block and its bytes; by the standard they may have any value.
    pub(crate) padding: u8,
}

/// Reads bits, lowest first.
#[derive(Debug)]
struct Reader<'a> {
    bytes: &'a [u8],
    /// Where the next byte is read.
    at: usize,
    held: u64,
    count: u32,
}

impl Reader<'_> {
    fn refill(&mut self) {
        while self.count <= 56 {
            let Some(byte) = self.bytes.get(self.at) else { return };
            self.held |= u64::from(*byte) << self.count;
            self.at += 1;
            self.count += 8;
        }
    }

    /// At most 32 bits.
    fn take(&mut self, count: u32) -> Result<u32, Refused> {
        if self.count < count {
            self.refill();
        }
        self.count = self.count.checked_sub(count).ok_or(Refused::Truncated)?;
        let bits = self.held & ((1 << count) - 1);
        self.held >>= count;
        Ok(bits as u32)
    }
}

/// The longest code that is looked up at once.
const FAST_BITS: u32 = 10;

/// Decodes the symbols of a prefix code.
#[derive(Debug, Default)]
struct Symbols {
    /// By the next bits: symbol and length; length 0 where the code is longer.
    fast: Vec<(u16, u8)>,
    /// How many codes there are of each length, and their symbols in order.
    counts: [u16; MAX_BITS + 1],
    sorted: Vec<u16>,
}

impl Symbols {
    fn new(lengths: &[u8]) -> Result<Self, Refused> {
        let codes = codes::codes(lengths).ok_or(Refused::Deflate("a prefix code has too many codes"))?;
        let mut symbols = Self { fast: vec![(0, 0); 1 << FAST_BITS], ..Self::default() };
        for (symbol, Code { bits, length }) in codes.iter().enumerate() {
            let Some(count) = symbols.counts.get_mut(usize::from(*length)) else { continue };
            *count += 1;
            if *length > 0 && u32::from(*length) <= FAST_BITS {
                for slot in symbols.fast.iter_mut().skip(usize::from(*bits)).step_by(1 << length) {
                    *slot = (symbol as u16, *length);
                }
            }
        }
        symbols.counts[0] = 0;
        let mut sorted: Vec<(u8, u16)> = codes
            .iter()
            .zip(0..)
            .filter(|(code, _)| code.length > 0)
            .map(|(code, symbol)| (code.length, symbol))
            .collect();
        sorted.sort_unstable();
        symbols.sorted = sorted.into_iter().map(|(_, symbol)| symbol).collect();
        Ok(symbols)
    }

    fn next(&self, reader: &mut Reader) -> Result<usize, Refused> {
        if reader.count < MAX_BITS as u32 {
            reader.refill();
        }
        let (symbol, length) =
            self.fast.get(reader.held as usize & ((1 << FAST_BITS) - 1)).copied().unwrap_or_default();
        if length > 0 && u32::from(length) <= reader.count {
            reader.held >>= length;
            reader.count -= u32::from(length);
            return Ok(usize::from(symbol));
        }
        let (mut code, mut first, mut index) = (0, 0, 0);
        for count in self.counts.iter().skip(1) {
            code |= reader.take(1)?;
            let count = u32::from(*count);
            if code < first + count {
                let symbol = self.sorted.get((index + code - first) as usize);
                return symbol.map(|symbol| usize::from(*symbol)).ok_or(Refused::Deflate("a code has no symbol"));
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        Err(Refused::Deflate("a code has no symbol"))
    }
}

/// Parses block after block.
#[derive(Debug)]
pub(crate) struct Parser<'a> {
    reader: Reader<'a>,
    /// Refuses blocks of more tokens.
    most_tokens: usize,
}

impl<'a> Parser<'a> {
    pub(crate) fn new(bytes: &'a [u8], most_tokens: usize) -> Self {
        Self { reader: Reader { bytes, at: 0, held: 0, count: 0 }, most_tokens }
    }

    /// The padding after the last block, and how many bytes were read up to there.
    pub(crate) fn end(mut self) -> Result<(u8, usize), Refused> {
        let padding = self.reader.take(self.reader.count % 8)?;
        Ok((padding as u8, self.reader.at - (self.reader.count / 8) as usize))
    }

    /// The next block. Nothing comes after the final one.
    pub(crate) fn block(&mut self) -> Result<Block, Refused> {
        let is_final = self.reader.take(1)? == 1;
        let mut block = Block {
            kind: Kind::Stored,
            is_final,
            tokens: Vec::new(),
            length: 0,
            header: Header::default(),
            padding: 0,
        };
        match self.reader.take(2)? {
            0 => self.stored(&mut block)?,
            1 => {
                block.kind = Kind::Fixed;
                self.tokens(&mut block, &codes::fixed_literals(), &FIXED_DISTANCES)?;
            }
            2 => {
                block.kind = Kind::Dynamic;
                let header = self.header()?;
                self.tokens(&mut block, &header.literals, &header.distances)?;
                block.header = header;
            }
            _ => return Err(Refused::Deflate("a block has a type that does not exist")),
        }
        Ok(block)
    }

    fn stored(&mut self, block: &mut Block) -> Result<(), Refused> {
        block.padding = self.reader.take(self.reader.count % 8)? as u8;
        let (length, check) = (self.reader.take(16)?, self.reader.take(16)?);
        if length != check ^ 0xFFFF {
            return Err(Refused::Deflate("the length of a stored block is damaged"));
        }
        for _ in 0..length {
            block.tokens.push(self.reader.take(8)?);
        }
        block.length = length;
        Ok(())
    }

    fn header(&mut self) -> Result<Header, Refused> {
        let (literals, distances, count) =
            (self.reader.take(5)? + 257, self.reader.take(5)? + 1, self.reader.take(4)? + 4);
        let lengths = (0..count).map(|_| Ok(self.reader.take(3)? as u8)).collect::<Result<Vec<u8>, Refused>>()?;
        let mut by_symbol = [0; 19];
        for (symbol, length) in ORDER.iter().zip(&lengths) {
            if let Some(slot) = by_symbol.get_mut(*symbol) {
                *slot = *length;
            }
        }
        let symbols = Symbols::new(&by_symbol)?;
        let (mut all, mut steps) = (Vec::<u8>::new(), Vec::new());
        let wanted = (literals + distances) as usize;
        while all.len() < wanted {
            let step = match symbols.next(&mut self.reader)? {
                16 => Step::Again(self.reader.take(2)? as u8 + 3),
                17 => Step::Zeros(self.reader.take(3)? as u8 + 3, false),
                18 => Step::Zeros(self.reader.take(7)? as u8 + 11, true),
                length => Step::Length(length as u8),
            };
            match step {
                Step::Length(length) => all.push(length),
                Step::Again(times) => {
                    let last = *all.last().ok_or(Refused::Deflate("nothing to repeat"))?;
                    all.extend(std::iter::repeat_n(last, usize::from(times)));
                }
                Step::Zeros(times, _) => all.extend(std::iter::repeat_n(0, usize::from(times))),
            }
            steps.push(step);
        }
        if all.len() > wanted {
            return Err(Refused::Deflate("more code lengths than codes"));
        }
        let distances = all.split_off(literals as usize);
        Ok(Header { literals: all, distances, steps, lengths })
    }

    fn tokens(&mut self, block: &mut Block, literals: &[u8], distances: &[u8]) -> Result<(), Refused> {
        let (literals, distances) = (Symbols::new(literals)?, Symbols::new(distances)?);
        loop {
            let token = match literals.next(&mut self.reader)? {
                END_OF_BLOCK => return Ok(()),
                byte @ 0..END_OF_BLOCK => Token::Literal(byte as u8),
                symbol => {
                    let extra = self.reader.take(length_extra(symbol))?;
                    let length =
                        length_of(symbol, extra).ok_or(Refused::Deflate("a length is not written as it should be"))?;
                    let symbol = distances.next(&mut self.reader)?;
                    let extra = self.reader.take(distance_extra(symbol))?;
                    let distance = distance_of(symbol, extra).ok_or(Refused::Deflate("a distance does not exist"))?;
                    Token::Match { length, distance }
                }
            };
            if block.tokens.len() >= self.most_tokens || block.length > i32::MAX as u32 - MAX_MATCH {
                return Err(Refused::LongBlock);
            }
            block.length += token.length();
            block.tokens.push(token.to_u32());
        }
    }
}
