//! Codes bytes, numbers and small symbols as sequences of bits.

use crate::coder::{Bits, Chance};

/// Codes symbols below a power of two, `N`, each bit by the bits above it.
#[derive(Clone, Debug)]
pub(crate) struct Tree<const N: usize>([Chance; N]);

impl<const N: usize> Default for Tree<N> {
    fn default() -> Self {
        Self([Chance::default(); N])
    }
}

impl<const N: usize> Tree<N> {
    /// Codes a symbol below `N`, highest bit first.
    pub(crate) fn code(&mut self, bits: &mut impl Bits, symbol: u32) -> u32 {
        let mut node = 1;
        for shift in (0..N.trailing_zeros()).rev() {
            let Some(chance) = self.0.get_mut(node) else { break };
            let bit = bits.bit(chance, symbol >> shift & 1 == 1);
            node = node << 1 | usize::from(bit);
        }
        // The tree has N - 1 nodes, so this is below N.
        (node - N) as u32
    }
}

/// Codes numbers below 2^32: how many bits they have, then these bits, the highest two of which are learnt.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    widths: Tree<64>,
    high: Vec<[Chance; 4]>,
}

impl Default for Number {
    fn default() -> Self {
        Self { widths: Tree::default(), high: vec![[Chance::default(); 4]; 64] }
    }
}

impl Number {
    pub(crate) fn code(&mut self, bits: &mut impl Bits, number: u32) -> u32 {
        let width = self.widths.code(bits, u32::BITS - number.leading_zeros()).min(32);
        if width < 2 {
            return width;
        }
        let mut value = 1;
        for shift in (0..width - 1).rev() {
            let bit = number >> shift & 1 == 1;
            let node = if value < 4 { value as usize } else { 0 };
            let learnt = self.high.get_mut(width as usize).and_then(|chances| chances.get_mut(node));
            let bit = match learnt {
                Some(chance) if node > 0 => bits.bit(chance, bit),
                _ => bits.flat(bit),
            };
            value = value << 1 | u32::from(bit);
        }
        value
    }

    /// Codes a number of whose two halves each is below 2^32.
    pub(crate) fn code_u64(&mut self, bits: &mut impl Bits, number: u64) -> u64 {
        let high = self.code(bits, (number >> 32) as u32);
        let low = self.code(bits, (number & 0xFFFF_FFFF) as u32);
        u64::from(high) << 32 | u64::from(low)
    }
}

/// Codes bytes, each by the byte before it.
#[derive(Clone, Debug)]
pub(crate) struct Text {
    trees: Vec<Tree<256>>,
    last: u8,
}

impl Default for Text {
    fn default() -> Self {
        Self { trees: vec![Tree::default(); 256], last: 0 }
    }
}

impl Text {
    pub(crate) fn code(&mut self, bits: &mut impl Bits, byte: u8) -> u8 {
        let Some(tree) = self.trees.get_mut(usize::from(self.last)) else { return 0 };
        self.last = (tree.code(bits, u32::from(byte)) & 0xFF) as u8;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coder::{Decoder, Encoder};

    #[test]
    fn symbols_come_back() {
        let numbers = [0, 1, 2, 3, 4, 5, 7, 8, 1000, 65_535, 65_536, u32::MAX - 1, u32::MAX];
        let (mut encoder, mut number, mut tree, mut text) =
            (Encoder::new(), Number::default(), Tree::<32>::default(), Text::default());
        for n in numbers {
            number.code(&mut encoder, n);
            number.code_u64(&mut encoder, u64::from(n) * 77_777);
            tree.code(&mut encoder, n & 31);
            text.code(&mut encoder, n as u8);
        }
        let bytes = encoder.finish();
        let (mut decoder, mut number, mut tree, mut text) =
            (Decoder::new(&bytes), Number::default(), Tree::<32>::default(), Text::default());
        for n in numbers {
            assert_eq!(number.code(&mut decoder, 0), n);
            assert_eq!(number.code_u64(&mut decoder, 0), u64::from(n) * 77_777);
            assert_eq!(tree.code(&mut decoder, 0), n & 31);
            assert_eq!(text.code(&mut decoder, 0), n as u8);
        }
    }
}
