//! Codes blocks against what zlib would write: where they end, how they are coded, and their tokens.

use super::codes::{FIXED_DISTANCES, fixed_literals};
use super::header::{Header, Headers};
use super::parse::Block;
use super::predict::{LOOKAHEAD, Predictor};
use super::settings::{Method, Settings};
use super::tokens::Tokens;
use super::window::Window;
use super::{
    DISTANCES, END_OF_BLOCK, Kind, LITERALS, Token, distance_extra, distance_symbol, length_extra, length_symbol,
};
use crate::Damaged;
use crate::coder::{Bits, Chance, Run};
use crate::symbols::Number;

/// What was coded of a block when it is complete. Its tokens are with [`Blocks::tokens`].
#[derive(Debug)]
pub(crate) struct Coded {
    pub(crate) kind: Kind,
    pub(crate) is_final: bool,
    pub(crate) header: Header,
    pub(crate) padding: u8,
    /// The positions of its plain bytes.
    pub(crate) from: u32,
    pub(crate) to: u32,
}

/// Where in a block the coder is.
#[derive(Debug, Clone, Copy)]
enum Phase {
    Start,
    /// So many plain bytes are stored.
    Stored {
        to: u32,
        padding: u8,
    },
    /// So many tokens, or as many as there are.
    Tokens {
        count: u32,
    },
    /// As many tokens as zlib puts into a block, or as there are.
    Full,
}

/// The bounds of what is coded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How many plain bytes there are.
    pub(crate) length: u32,
    /// The most tokens of a block.
    pub(crate) tokens: usize,
    /// The most places that predictions may look at.
    pub(crate) steps: u64,
}

/// The chances of a block's own decisions.
#[derive(Debug, Default)]
struct Chances {
    is_stored: Chance,
    is_as_long: Chance,
    stored_length: Number,
    is_padded: Chance,
    count: Number,
    is_dynamic: Chance,
}

/// Codes block after block.
#[derive(Debug)]
pub(crate) struct Blocks {
    predictor: Predictor,
    does_search: bool,
    block_tokens: u32,
    bounds: Bounds,
    phase: Phase,
    from: u32,
    at: u32,
    coded: Vec<u32>,
    tokens: Tokens,
    run: Run,
    chances: Chances,
    last_stored: u32,
    headers: Headers,
}

impl Blocks {
    /// `is_often_wrong`: see [`Tokens`].
    pub(crate) fn new(settings: Settings, is_often_wrong: bool, bounds: Bounds) -> Self {
        Self {
            predictor: Predictor::new(settings),
            does_search: !matches!(settings.method(), Method::Stored | Method::Huffman),
            block_tokens: settings.block_tokens(),
            bounds,
            phase: Phase::Start,
            from: 0,
            at: 0,
            coded: Vec::new(),
            tokens: Tokens::new(is_often_wrong),
            run: Run::new(!is_often_wrong),
            chances: Chances::default(),
            last_stored: 0,
            headers: Headers::default(),
        }
    }

    /// The position up to which tokens are coded.
    pub(crate) fn position(&self) -> u32 {
        self.at
    }

    /// How many places predictions looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.predictor.steps()
    }

    /// The tokens of the current block.
    pub(crate) fn tokens(&self) -> &[u32] {
        &self.coded
    }

    /// Nothing comes any more.
    pub(crate) fn end(&mut self, bits: &mut impl Bits) {
        bits.end(&mut self.run);
    }

    /// Codes as much as the window allows; returns the block once it is complete. The packer passes the true block.
    pub(crate) fn step(
        &mut self,
        bits: &mut impl Bits,
        window: &Window,
        block: Option<&Block>,
    ) -> Result<Option<Coded>, Damaged> {
        if let Phase::Start = self.phase {
            self.from = self.at;
            self.coded.clear();
            self.phase = self.start(bits, block)?;
        }
        let done = match self.phase {
            Phase::Stored { to, .. } => self.skip(window, to),
            Phase::Tokens { count } => self.run_tokens(bits, window, count as usize, block)?,
            _ => self.run_tokens(bits, window, self.block_tokens as usize, block)?,
        };
        if self.predictor.steps() > self.bounds.steps {
            return Err(Damaged::Work);
        }
        if !done {
            return Ok(None);
        }
        self.finish(bits, block).map(Some)
    }

    /// Codes how the block ends: as a full one of zlib, or how else.
    fn start(&mut self, bits: &mut impl Bits, block: Option<&Block>) -> Result<Phase, Damaged> {
        let left = self.bounds.length - self.at;
        let is_full = block.is_none_or(|block| {
            let count = block.tokens.len();
            block.kind != Kind::Stored
                && (count == self.block_tokens as usize || count < self.block_tokens as usize && block.length == left)
        });
        if !bits.rare(&mut self.run, !is_full) {
            return Ok(Phase::Full);
        }
        let chances = &mut self.chances;
        if bits.bit(&mut chances.is_stored, block.is_some_and(|block| block.kind == Kind::Stored)) {
            let (length, padding) = block.map_or((0, 0), |block| (block.length, block.padding));
            if !bits.bit(&mut chances.is_as_long, length == self.last_stored) {
                self.last_stored = chances.stored_length.code(bits, length);
            }
            let mut read = 0;
            if bits.bit(&mut chances.is_padded, padding != 0) {
                for shift in (0..7).rev() {
                    read = read << 1 | u8::from(bits.flat(padding >> shift & 1 == 1));
                }
            }
            if self.last_stored > left || self.last_stored > 0xFFFF {
                return Err(Damaged::Stream);
            }
            return Ok(Phase::Stored { to: self.at + self.last_stored, padding: read });
        }
        let count = chances.count.code(bits, block.map_or(0, |block| block.tokens.len() as u32));
        if count as usize > self.bounds.tokens {
            return Err(Damaged::Memory);
        }
        if count > left {
            return Err(Damaged::Stream);
        }
        Ok(Phase::Tokens { count })
    }

    /// Whether the window has all that a prediction at the current position looks at.
    fn can_predict(&self, window: &Window) -> bool {
        window.end() >= self.bounds.length || window.end() >= self.at.saturating_add(LOOKAHEAD)
    }

    /// Follows zlib through a block that was stored: it had looked for matches before it saw that they do not pay.
    fn skip(&mut self, window: &Window, to: u32) -> bool {
        if !self.does_search {
            self.at = to.min(window.end());
            return self.at == to;
        }
        while self.at < to {
            if !self.can_predict(window) {
                return false;
            }
            let mut token = self.predictor.predict(window, self.at);
            if token.length() > to - self.at {
                token = Token::Literal(0);
            }
            self.predictor.accept(window, self.at, token);
            self.at += token.length();
        }
        true
    }

    fn run_tokens(
        &mut self,
        bits: &mut impl Bits,
        window: &Window,
        count: usize,
        block: Option<&Block>,
    ) -> Result<bool, Damaged> {
        let is_full = matches!(self.phase, Phase::Full);
        while self.coded.len() < count {
            if self.at == self.bounds.length {
                return if is_full { Ok(true) } else { Err(Damaged::Stream) };
            }
            if !self.can_predict(window) {
                return Ok(false);
            }
            let token = block.and_then(|block| block.tokens.get(self.coded.len())).map(|token| Token::from_u32(*token));
            let token = self.tokens.code(bits, &mut self.run, &mut self.predictor, window, self.at, token);
            if token.length() > self.bounds.length - self.at {
                return Err(Damaged::Stream);
            }
            self.at += token.length();
            self.coded.push(token.to_u32());
        }
        Ok(true)
    }

    /// Codes how the complete block is coded, and whether it is the last.
    fn finish(&mut self, bits: &mut impl Bits, block: Option<&Block>) -> Result<Coded, Damaged> {
        let mut coded = Coded {
            kind: Kind::Stored,
            is_final: false,
            header: Header::default(),
            padding: 0,
            from: self.from,
            to: self.at,
        };
        if let Phase::Stored { padding, .. } = self.phase {
            coded.padding = padding;
        } else {
            let (literals, distances) = frequencies(&self.coded);
            let zlib = Header::of(&literals, &distances);
            let expected = expected_kind(&literals, &distances, &zlib, self.at - self.from);
            coded.kind = expected;
            if bits.rare(&mut self.run, block.is_some_and(|block| block.kind != expected)) {
                coded.kind = match expected {
                    Kind::Dynamic => Kind::Fixed,
                    Kind::Fixed => Kind::Dynamic,
                    Kind::Stored => {
                        let is_dynamic = block.is_some_and(|block| block.kind == Kind::Dynamic);
                        let is_dynamic = bits.bit(&mut self.chances.is_dynamic, is_dynamic);
                        if is_dynamic { Kind::Dynamic } else { Kind::Fixed }
                    }
                };
            }
            if coded.kind == Kind::Dynamic {
                let header = block.map_or(&zlib, |block| &block.header);
                coded.header = if bits.rare(&mut self.run, *header != zlib) {
                    self.headers.code(bits, &zlib, header)
                } else {
                    zlib
                };
            } else if coded.kind == Kind::Stored && self.at - self.from > 0xFFFF {
                return Err(Damaged::Stream);
            }
        }
        if self.at == self.bounds.length {
            coded.is_final = !bits.rare(&mut self.run, block.is_some_and(|block| !block.is_final));
        }
        self.phase = Phase::Start;
        Ok(coded)
    }
}

/// How often each symbol stands for these tokens and the end of the block.
fn frequencies(tokens: &[u32]) -> ([u32; LITERALS], [u32; DISTANCES]) {
    let (mut literals, mut distances) = ([0; LITERALS], [0; DISTANCES]);
    let mut count = |symbol: usize, distance: Option<usize>| {
        if let Some(frequency) = literals.get_mut(symbol) {
            *frequency += 1;
        }
        if let Some(frequency) = distance.and_then(|symbol| distances.get_mut(symbol)) {
            *frequency += 1;
        }
    };
    for token in tokens {
        match Token::from_u32(*token) {
            Token::Literal(byte) => count(usize::from(byte), None),
            Token::Match { length, distance } => count(length_symbol(length).0, Some(distance_symbol(distance).0)),
        }
    }
    count(END_OF_BLOCK, None);
    (literals, distances)
}

/// How zlib codes a block with these symbols: the shortest way (its `_tr_flush_block`).
fn expected_kind(literals: &[u32], distances: &[u32], zlib: &Header, length: u32) -> Kind {
    let cost = |literal_lengths: &[u8], distance_lengths: &[u8]| {
        let literals = literals.iter().zip(literal_lengths).enumerate();
        let literals = literals.map(|(symbol, (count, length))| {
            u64::from(*count) * (u64::from(*length) + u64::from(length_extra(symbol)))
        });
        let distances = distances.iter().zip(distance_lengths).enumerate();
        let distances = distances.map(|(symbol, (count, length))| {
            u64::from(*count) * (u64::from(*length) + u64::from(distance_extra(symbol)))
        });
        literals.sum::<u64>() + distances.sum::<u64>()
    };
    // Three bits say the kind of the block.
    let bytes = |bits: u64| (bits + 3).div_ceil(8);
    let dynamic = bytes(cost(&zlib.literals, &zlib.distances) + zlib.bits());
    let fixed = bytes(cost(&fixed_literals(), &FIXED_DISTANCES));
    if u64::from(length) + 4 <= dynamic.min(fixed) {
        Kind::Stored
    } else if fixed <= dynamic {
        Kind::Fixed
    } else {
        Kind::Dynamic
    }
}
