//! Inflates a stream piece by piece, and keeps its blocks until they are coded.

use std::collections::VecDeque;

use super::Token;
use super::parse::{Block, Parser};
use super::window::Window;
use crate::Refused;

/// Inflates a stream.
#[derive(Debug)]
pub(crate) struct Inflater<'a> {
    parser: Parser<'a>,
    blocks: VecDeque<Block>,
    /// The block and its token that are inflated next.
    block: usize,
    token: usize,
    /// How many plain bytes were inflated.
    length: u64,
}

impl<'a> Inflater<'a> {
    /// Refuses blocks of more than `most_tokens`.
    pub(crate) fn new(deflated: &'a [u8], most_tokens: usize) -> Self {
        Self { parser: Parser::new(deflated, most_tokens), blocks: VecDeque::new(), block: 0, token: 0, length: 0 }
    }

    /// Appends up to about `most` bytes to the window; false if there are no more.
    pub(crate) fn fill(&mut self, window: &mut Window, most: usize) -> Result<bool, Refused> {
        let end = window.end().saturating_add(most as u32);
        while window.end() < end {
            let Some(block) = self.blocks.get(self.block) else {
                if self.blocks.back().is_some_and(|block| block.is_final) {
                    return Ok(false);
                }
                self.blocks.push_back(self.parser.block()?);
                self.token = 0;
                continue;
            };
            let before = window.end();
            for token in block.tokens.iter().skip(self.token) {
                match Token::from_u32(*token) {
                    Token::Literal(byte) => window.push(byte),
                    Token::Match { length, distance } => {
                        if u64::from(distance) > self.length + u64::from(window.end() - before)
                            || !window.repeat(length, distance)
                        {
                            return Err(Refused::Deflate("a match reaches back before the start"));
                        }
                    }
                }
                self.token += 1;
                if window.end() >= end {
                    break;
                }
            }
            self.length += u64::from(window.end() - before);
            if self.length > u64::from(crate::MOST_PLAIN) {
                return Err(Refused::Long { limit: u64::from(crate::MOST_PLAIN) });
            }
            if self.token == block.tokens.len() {
                self.block += 1;
                self.token = 0;
            }
        }
        Ok(true)
    }

    /// The first block that is not coded.
    pub(crate) fn first(&self) -> Option<&Block> {
        self.blocks.front()
    }

    /// All blocks that are not coded.
    pub(crate) fn blocks(&self) -> impl Iterator<Item = &Block> {
        self.blocks.iter()
    }

    /// How many tokens of the blocks that are not coded were inflated.
    pub(crate) fn tokens(&self) -> usize {
        self.blocks.iter().take(self.block).map(|block| block.tokens.len()).sum::<usize>() + self.token
    }

    /// Parses the next block, if none is there.
    pub(crate) fn parse_first(&mut self) -> Result<(), Refused> {
        if self.blocks.is_empty() {
            self.blocks.push_back(self.parser.block()?);
        }
        Ok(())
    }

    /// Gives up the first block; true if it was the last.
    pub(crate) fn pop(&mut self) -> bool {
        self.block = self.block.saturating_sub(1);
        self.blocks.pop_front().is_none_or(|block| block.is_final)
    }

    /// Gives up the blocks that are inflated, but not the final one.
    pub(crate) fn pop_inflated(&mut self) {
        while self.block > 0 && self.blocks.len() > 1 {
            self.pop();
        }
    }

    /// After the last block: the padding, and the length of the deflated data in bytes.
    pub(crate) fn end(self) -> Result<(u8, usize), Refused> {
        self.parser.end()
    }
}

/// The checksum at the end of a zlib stream (RFC 1950, section 8.2).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Adler {
    a: u32,
    b: u32,
}

impl Adler {
    pub(crate) fn new() -> Self {
        Self { a: 1, b: 0 }
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        // So many sums of bytes fit 32 bits.
        for part in bytes.chunks(5552) {
            for byte in part {
                self.a += u32::from(*byte);
                self.b += self.a;
            }
            self.a %= 65_521;
            self.b %= 65_521;
        }
    }

    pub(crate) fn value(self) -> u32 {
        self.b << 16 | self.a
    }
}
