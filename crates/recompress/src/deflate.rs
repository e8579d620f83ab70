//! Deflate (RFC 1951): its tokens and tables.

pub(crate) mod blocks;
pub(crate) mod chains;
pub(crate) mod codes;
pub(crate) mod detect;
pub(crate) mod header;
pub(crate) mod parse;
pub(crate) mod predict;
pub(crate) mod settings;
pub(crate) mod stream;
pub(crate) mod tokens;
pub(crate) mod window;
pub(crate) mod write;

/// A part of deflated data: a byte, or a length and a distance at which the same bytes came before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    Literal(u8),
    /// `length` is 3 to 258, `distance` 1 to 32,768.
    Match {
        length: u32,
        distance: u32,
    },
}

impl Token {
    /// How many bytes the token stands for.
    pub(crate) fn length(self) -> u32 {
        match self {
            Self::Literal(_) => 1,
            Self::Match { length, .. } => length,
        }
    }

    /// Packed into four bytes, because a block may have millions of tokens.
    pub(crate) fn to_u32(self) -> u32 {
        match self {
            Self::Literal(byte) => u32::from(byte),
            Self::Match { length, distance } => length << 16 | distance,
        }
    }

    pub(crate) fn from_u32(packed: u32) -> Self {
        match packed >> 16 {
            0 => Self::Literal((packed & 0xFF) as u8),
            length => Self::Match { length, distance: packed & 0xFFFF },
        }
    }
}

/// The shortest and the longest match.
pub(crate) const MIN_MATCH: u32 = 3;
pub(crate) const MAX_MATCH: u32 = 258;

/// The symbol that ends a block.
pub(crate) const END_OF_BLOCK: usize = 256;

/// How many symbols there are for literals and lengths (two more can be coded, but mean nothing), and for distances.
pub(crate) const LITERALS: usize = 286;
pub(crate) const DISTANCES: usize = 30;

/// How the tokens of a block are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Stored,
    Fixed,
    Dynamic,
}

/// Symbol, extra bits and their number of a length of 3 to 258.
pub(crate) fn length_symbol(length: u32) -> (usize, u32, u32) {
    if length >= MAX_MATCH {
        return (285, 0, 0);
    }
    let (group, extra) = split(length.saturating_sub(MIN_MATCH), 2);
    (257 + group, extra.0, extra.1)
}

/// Symbol, extra bits and their number of a distance of 1 to 32,768.
pub(crate) fn distance_symbol(distance: u32) -> (usize, u32, u32) {
    let (group, extra) = split(distance.saturating_sub(1), 1);
    (group, extra.0, extra.1)
}

/// The bits that a length's symbol carries besides it.
pub(crate) fn length_extra(symbol: usize) -> u32 {
    if (265..285).contains(&symbol) { (symbol as u32 - 261) / 4 } else { 0 }
}

/// The bits that a distance's symbol carries besides it.
pub(crate) fn distance_extra(symbol: usize) -> u32 {
    if symbol >= 4 { symbol as u32 / 2 - 1 } else { 0 }
}

/// Splits a value into its group, of which each power of two has `2^detail`, and its place in the group.
fn split(value: u32, detail: u32) -> (usize, (u32, u32)) {
    if value < 2 << detail {
        return (value as usize, (0, 0));
    }
    let extra = value.ilog2() - detail;
    let group = (extra << detail) + (value >> extra);
    (group as usize, (value & ((1 << extra) - 1), extra))
}

/// The length of a length's symbol with these extra bits; `None` if the symbol means nothing, or another has that length.
pub(crate) fn length_of(symbol: usize, extra: u32) -> Option<u32> {
    match symbol.checked_sub(257)? as u32 {
        group @ 0..8 => Some(group + MIN_MATCH),
        group @ 8..28 => {
            let bits = group / 4 - 1;
            Some(((4 + group % 4) << bits) + extra + MIN_MATCH).filter(|length| *length < MAX_MATCH)
        }
        28 => Some(MAX_MATCH),
        _ => None,
    }
}

/// The distance of a distance's symbol with these extra bits; `None` if the symbol means nothing.
pub(crate) fn distance_of(symbol: usize, extra: u32) -> Option<u32> {
    match symbol as u32 {
        group @ 0..4 => Some(group + 1),
        group @ 4..30 => Some(((2 + group % 2) << (group / 2 - 1)) + extra + 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_stand_for_what_they_came_from() {
        for length in MIN_MATCH..=MAX_MATCH {
            let (symbol, extra, bits) = length_symbol(length);
            assert_eq!((length_of(symbol, extra), length_extra(symbol)), (Some(length), bits));
        }
        for distance in 1..=32_768 {
            let (symbol, extra, bits) = distance_symbol(distance);
            assert_eq!((distance_of(symbol, extra), distance_extra(symbol)), (Some(distance), bits));
        }
        // RFC 1951, section 3.2.5.
        assert_eq!(length_symbol(257), (284, 30, 5));
        assert_eq!(length_of(284, 31), None);
        assert_eq!(distance_symbol(24_577), (29, 0, 13));
    }

    #[test]
    fn tokens_fit_four_bytes() {
        for token in [
            Token::Literal(255),
            Token::Match { length: 258, distance: 32_768 },
            Token::Match { length: 3, distance: 1 },
        ] {
            assert_eq!(Token::from_u32(token.to_u32()), token);
        }
    }
}
