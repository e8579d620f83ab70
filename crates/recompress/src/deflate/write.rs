//! Writes blocks as deflated data.

use super::blocks::Coded;
use super::codes::{Code, FIXED_DISTANCES, codes, fixed_literals};
use super::header::ORDER;
use super::window::Window;
use super::{END_OF_BLOCK, Kind, Token, distance_symbol, length_symbol};
use crate::Damaged;

/// Writes bits, lowest first.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: Vec<u8>,
    held: u64,
    count: u32,
}

impl Writer {
    /// At most 32 bits.
    fn put(&mut self, bits: u32, count: u32) {
        self.held |= u64::from(bits) << self.count;
        self.count += count;
        if self.count >= 32 {
            self.out.extend_from_slice(&((self.held & 0xFFFF_FFFF) as u32).to_le_bytes());
            self.held >>= 32;
            self.count -= 32;
        }
    }

    fn put_code(&mut self, codes: &[Code], symbol: usize) -> Result<(), Damaged> {
        let code = codes.get(symbol).filter(|code| code.length > 0).ok_or(Damaged::Stream)?;
        self.put(u32::from(code.bits), u32::from(code.length));
        Ok(())
    }

    /// Fills the current byte up with padding.
    pub(crate) fn align(&mut self, padding: u8) {
        let free = (8 - self.count % 8) % 8;
        self.put(u32::from(padding) & ((1 << free) - 1), free);
        while self.count > 0 {
            self.out.push((self.held & 0xFF) as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Whole bytes, after [`Writer::align`].
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// The bytes that are complete.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Writes a block. The window must hold the bytes of a stored one.
    pub(crate) fn block(&mut self, block: &Coded, tokens: &[u32], window: &Window) -> Result<(), Damaged> {
        self.put(u32::from(block.is_final), 1);
        match block.kind {
            Kind::Stored => {
                self.put(0, 2);
                self.align(block.padding);
                let bytes = window.between(block.from, block.to).ok_or(Damaged::Stream)?;
                let length = u16::try_from(bytes.len()).map_err(|_| Damaged::Stream)?;
                self.bytes(&length.to_le_bytes());
                self.bytes(&(!length).to_le_bytes());
                self.bytes(bytes);
                Ok(())
            }
            Kind::Fixed => {
                self.put(1, 2);
                self.tokens(tokens, &fixed_literals(), &FIXED_DISTANCES)
            }
            Kind::Dynamic => {
                self.put(2, 2);
                self.header(block)?;
                self.tokens(tokens, &block.header.literals, &block.header.distances)
            }
        }
    }

    fn header(&mut self, block: &Coded) -> Result<(), Damaged> {
        let header = &block.header;
        self.put(header.literals.len() as u32 - 257, 5);
        self.put(header.distances.len() as u32 - 1, 5);
        self.put(header.lengths.len() as u32 - 4, 4);
        let mut by_symbol = [0; 19];
        for (symbol, length) in ORDER.iter().zip(&header.lengths) {
            self.put(u32::from(*length), 3);
            if let Some(slot) = by_symbol.get_mut(*symbol) {
                *slot = *length;
            }
        }
        let codes = codes(&by_symbol).ok_or(Damaged::Stream)?;
        for step in &header.steps {
            let (symbol, extra, bits) = step.symbol();
            self.put_code(&codes, symbol)?;
            self.put(extra, bits);
        }
        Ok(())
    }

    fn tokens(&mut self, tokens: &[u32], literals: &[u8], distances: &[u8]) -> Result<(), Damaged> {
        let (literals, distances) = (codes(literals).ok_or(Damaged::Stream)?, codes(distances).ok_or(Damaged::Stream)?);
        for token in tokens {
            match Token::from_u32(*token) {
                Token::Literal(byte) => self.put_code(&literals, usize::from(byte))?,
                Token::Match { length, distance } => {
                    let (symbol, extra, bits) = length_symbol(length);
                    self.put_code(&literals, symbol)?;
                    self.put(extra, bits);
                    let (symbol, extra, bits) = distance_symbol(distance);
                    self.put_code(&distances, symbol)?;
                    self.put(extra, bits);
                }
            }
        }
        self.put_code(&literals, END_OF_BLOCK)
    }
}
