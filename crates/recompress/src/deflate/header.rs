//! The header of a block with codes of its own: what zlib would write, and codes what really stands there.

use super::codes::{self, MAX_BITS, MAX_LENGTH_BITS};
use super::{DISTANCES, LITERALS};
use crate::coder::{Bits, Chance};
use crate::symbols::Tree;

/// The order in which the lengths of the code of lengths stand (RFC 1951, section 3.2.7).
pub(crate) const ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

/// One symbol of the code of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A length: 0 to 15.
    Length(u8),
    /// The length before, three to six times.
    Again(u8),
    /// Zeros: 3 to 138; the flag says whether the symbol for 11 and more is used.
    Zeros(u8, bool),
}

impl Step {
    /// Symbol, extra bits and their number.
    pub(crate) fn symbol(self) -> (usize, u32, u32) {
        match self {
            Self::Length(length) => (usize::from(length), 0, 0),
            Self::Again(times) => (16, u32::from(times) - 3, 2),
            Self::Zeros(times, false) => (17, u32::from(times) - 3, 3),
            Self::Zeros(times, true) => (18, u32::from(times) - 11, 7),
        }
    }

    /// How many lengths the step stands for.
    fn times(self) -> usize {
        match self {
            Self::Length(_) => 1,
            Self::Again(times) | Self::Zeros(times, _) => usize::from(times),
        }
    }
}

/// What stands before the tokens of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// The lengths of the codes of literals (257 to 288) and of distances (1 to 32).
    pub(crate) literals: Vec<u8>,
    pub(crate) distances: Vec<u8>,
    /// How these lengths are written.
    pub(crate) steps: Vec<Step>,
    /// The lengths of the code of lengths by [`ORDER`]: 4 to 19.
    pub(crate) lengths: Vec<u8>,
}

/// What zlib would write next, for lengths of which those up to `at` are written. It never repeats across from literals
/// to distances.
fn next_step(literals: &[u8], distances: &[u8], at: usize) -> Option<Step> {
    let (part, at) = match at.checked_sub(literals.len()) {
        None => (literals, at),
        Some(at) => (distances, at),
    };
    let rest = part.get(at..)?;
    let length = *rest.first()?;
    let run = rest.iter().take_while(|next| **next == length).count();
    let is_repeated = at.checked_sub(1).and_then(|before| part.get(before)) == Some(&length);
    Some(match run {
        ..3 => Step::Length(length),
        _ if length == 0 => Step::Zeros(run.min(138) as u8, run > 10),
        _ if is_repeated => Step::Again(run.min(6) as u8),
        _ => Step::Length(length),
    })
}

/// The lengths of the code of lengths, without the zeros at the end.
fn lengths_for(steps: &[Step]) -> Vec<u8> {
    let mut frequencies = [0; 19];
    for step in steps {
        if let Some(frequency) = frequencies.get_mut(step.symbol().0) {
            *frequency += 1;
        }
    }
    let lengths = codes::lengths(&frequencies, MAX_LENGTH_BITS);
    let mut ordered: Vec<u8> = ORDER.iter().map(|symbol| lengths.get(*symbol).copied().unwrap_or(0)).collect();
    while ordered.len() > 4 && ordered.last() == Some(&0) {
        ordered.pop();
    }
    ordered
}

impl Header {
    /// The header that zlib would write for symbols of these frequencies.
    pub(crate) fn of(literals: &[u32], distances: &[u32]) -> Self {
        let (literals, distances) = (codes::lengths(literals, MAX_BITS), codes::lengths(distances, MAX_BITS));
        let (mut steps, mut at) = (Vec::new(), 0);
        while let Some(step) = next_step(&literals, &distances, at) {
            steps.push(step);
            at += step.times();
        }
        Self { lengths: lengths_for(&steps), literals, distances, steps }
    }

    /// How many bits it takes.
    pub(crate) fn bits(&self) -> u64 {
        let mut by_symbol = [0_u8; 19];
        for (symbol, length) in ORDER.iter().zip(&self.lengths) {
            if let Some(slot) = by_symbol.get_mut(*symbol) {
                *slot = *length;
            }
        }
        let steps: u64 = self
            .steps
            .iter()
            .map(|step| step.symbol())
            .map(|(symbol, _, extra)| u64::from(by_symbol.get(symbol).copied().unwrap_or(0)) + u64::from(extra))
            .sum();
        steps + 3 * self.lengths.len() as u64 + 14
    }
}

/// Codes headers that are not as zlib would write them.
#[derive(Debug)]
pub(crate) struct Headers {
    counts: [Tree<64>; 2],
    /// By the length that zlib would give that code.
    lengths: Vec<Tree<16>>,
    is_other_step: Chance,
    steps: Tree<4>,
    times: Tree<256>,
    is_other_code: Chance,
    code_count: Tree<32>,
    code_lengths: Vec<Tree<8>>,
}

impl Default for Headers {
    fn default() -> Self {
        Self {
            counts: Default::default(),
            lengths: vec![Tree::default(); 16],
            is_other_step: Chance::default(),
            steps: Tree::default(),
            times: Tree::default(),
            is_other_code: Chance::default(),
            code_count: Tree::default(),
            code_lengths: vec![Tree::default(); 8],
        }
    }
}

impl Headers {
    /// Codes a header that differs from the one that zlib would write.
    pub(crate) fn code(&mut self, bits: &mut impl Bits, zlib: &Header, header: &Header) -> Header {
        let literals = self.code_part(bits, 0, &zlib.literals, &header.literals);
        let distances = self.code_part(bits, 1, &zlib.distances, &header.distances);
        let (mut steps, mut at) = (Vec::new(), 0);
        while let Some(expected) = next_step(&literals, &distances, at) {
            let step = header.steps.get(steps.len()).copied().unwrap_or(expected);
            let step = if bits.bit(&mut self.is_other_step, step != expected) {
                let length = literals.iter().chain(&distances).nth(at).copied().unwrap_or(0);
                self.code_step(bits, length, step)
            } else {
                expected
            };
            steps.push(step);
            at += step.times();
        }
        let expected = lengths_for(&steps);
        let lengths = if bits.bit(&mut self.is_other_code, header.lengths != expected) {
            let count = self.code_count.code(bits, header.lengths.len() as u32).clamp(4, 19) as usize;
            let mut one = |at: usize| {
                let by = usize::from(expected.get(at).copied().unwrap_or(0));
                let length = header.lengths.get(at).copied().unwrap_or(0);
                self.code_lengths.get_mut(by).map_or(0, |tree| tree.code(bits, u32::from(length)) as u8)
            };
            (0..count).map(&mut one).collect()
        } else {
            expected
        };
        Header { literals, distances, steps, lengths }
    }

    fn code_part(&mut self, bits: &mut impl Bits, part: usize, zlib: &[u8], lengths: &[u8]) -> Vec<u8> {
        let most = if part == 0 { LITERALS + 2 } else { DISTANCES + 2 };
        let least = if part == 0 { 257 } else { 1 };
        let counted =
            self.counts.get_mut(part).map_or(0, |tree| tree.code(bits, (lengths.len().saturating_sub(least)) as u32));
        let count = (counted as usize + least).min(most);
        let mut one = |at: usize| {
            let by = usize::from(zlib.get(at).copied().unwrap_or(0));
            let length = lengths.get(at).copied().unwrap_or(0);
            self.lengths.get_mut(by).map_or(0, |tree| tree.code(bits, u32::from(length)) as u8)
        };
        (0..count).map(&mut one).collect()
    }

    fn code_step(&mut self, bits: &mut impl Bits, length: u8, step: Step) -> Step {
        let (symbol, extra, _) = step.symbol();
        match self.steps.code(bits, (symbol as u32).saturating_sub(15)) {
            0 => Step::Length(length),
            1 => Step::Again((self.times.code(bits, extra).min(3) + 3) as u8),
            2 => Step::Zeros((self.times.code(bits, extra).min(7) + 3) as u8, false),
            _ => Step::Zeros((self.times.code(bits, extra).min(127) + 11) as u8, true),
        }
    }
}
