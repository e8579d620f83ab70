//! The filters of rows (ISO/IEC 15948, section 9), done, undone and guessed, and how the choice of them is coded.

use crate::coder::{Bits, Chance};
use crate::symbols::Tree;

/// How many filters there are: none, sub, up, average, Paeth.
pub(crate) const FILTERS: u8 = 5;

fn average(left: u8, up: u8) -> u8 {
    u8::midpoint(left, up)
}

fn paeth(left: u8, up: u8, corner: u8) -> u8 {
    let (a, b, c) = (i16::from(left), i16::from(up), i16::from(corner));
    let (from_a, from_b, from_c) = ((b - c).abs(), (a - c).abs(), (a + b - 2 * c).abs());
    if from_a <= from_b && from_a <= from_c {
        left
    } else if from_b <= from_c {
        up
    } else {
        corner
    }
}

/// What a filter predicts a byte to be from the bytes left of it, above it, and above left.
fn predicted(filter: u8, left: u8, up: u8, corner: u8) -> u8 {
    match filter {
        1 => left,
        2 => up,
        3 => average(left, up),
        4 => paeth(left, up, corner),
        _ => 0,
    }
}

fn get(row: &[u8], at: Option<usize>) -> u8 {
    at.and_then(|at| row.get(at)).copied().unwrap_or(0)
}

/// Undoes a filter in place. `step`: the bytes of a pixel.
pub(crate) fn undo(filter: u8, step: usize, above: &[u8], row: &mut [u8]) {
    match filter {
        0 => {}
        2 => row.iter_mut().zip(above).for_each(|(byte, up)| *byte = byte.wrapping_add(*up)),
        _ => {
            for at in 0..row.len() {
                let before = at.checked_sub(step);
                let (left, up, corner) = (get(row, before), get(above, Some(at)), get(above, before));
                if let Some(byte) = row.get_mut(at) {
                    *byte = byte.wrapping_add(predicted(filter, left, up, corner));
                }
            }
        }
    }
}

/// Appends the filtered row.
pub(crate) fn apply(filter: u8, step: usize, above: &[u8], row: &[u8], out: &mut Vec<u8>) {
    let (first, rest) = (row.iter().zip(above).take(step), row.iter().zip(above).skip(step));
    out.extend(first.map(|(byte, up)| byte.wrapping_sub(predicted(filter, 0, *up, 0))));
    let rest = rest.zip(row.iter().zip(above));
    match filter {
        0 => out.extend(rest.map(|((byte, _), _)| *byte)),
        1 => out.extend(rest.map(|((byte, _), (left, _))| byte.wrapping_sub(*left))),
        2 => out.extend(rest.map(|((byte, up), _)| byte.wrapping_sub(*up))),
        3 => out.extend(rest.map(|((byte, up), (left, _))| byte.wrapping_sub(average(*left, *up)))),
        _ => out.extend(rest.map(|((byte, up), (left, corner))| byte.wrapping_sub(paeth(*left, *up, *corner)))),
    }
}

/// The filter that libpng's heuristic takes: the one whose bytes, taken as signed, are least in sum; of equal ones the first.
pub(crate) fn guess(step: usize, above: &[u8], row: &[u8], scratch: &mut Vec<u8>) -> u8 {
    let sum = |filter: u8| {
        scratch.clear();
        apply(filter, step, above, row, scratch);
        scratch.iter().map(|byte| u64::from((*byte as i8).unsigned_abs())).sum::<u64>()
    };
    (0..FILTERS).map(sum).zip(0..).min().map_or(0, |(_, filter)| filter)
}

/// Codes the filters of rows.
#[derive(Debug)]
pub(crate) struct Filters {
    /// Whether filters are coded by the guesses.
    is_guessed: bool,
    /// By the filter before, and the guess.
    trees: Vec<Tree<8>>,
    last: u8,
}

impl Filters {
    /// Codes whether filters are coded by guesses, before the first filter.
    pub(crate) fn new(bits: &mut impl Bits, is_guessed: bool) -> Self {
        let is_guessed = bits.bit(&mut Chance::default(), is_guessed);
        Self { is_guessed, trees: vec![Tree::default(); usize::from(FILTERS) * 8], last: 0 }
    }

    pub(crate) fn is_guessed(&self) -> bool {
        self.is_guessed
    }

    /// Codes a filter, by the guess if filters are guessed; may return one that does not exist.
    pub(crate) fn code(&mut self, bits: &mut impl Bits, filter: u8, guess: u8) -> u8 {
        let guess = if self.is_guessed { guess } else { 0 };
        let tree = self.trees.get_mut(usize::from(guess) * 8 + usize::from(self.last));
        self.last = tree.map_or(0, |tree| tree.code(bits, u32::from(filter))) as u8;
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_undone() {
        let row: Vec<u8> = (0..40_u32).map(|x| (x * x * 7 + 3) as u8).collect();
        let above: Vec<u8> = (0..40_u32).map(|x| (x * 31 + 200) as u8).collect();
        for filter in 0..FILTERS {
            for step in [1, 3, 8, 64] {
                let mut filtered = Vec::new();
                apply(filter, step, &above, &row, &mut filtered);
                undo(filter, step, &above, &mut filtered);
                assert_eq!(filtered, row, "filter {filter}, step {step}");
            }
        }
    }

    #[test]
    fn the_guess_is_the_smallest() {
        let mut scratch = Vec::new();
        assert_eq!(guess(1, &[0; 4], &[0, 0, 0, 0], &mut scratch), 0);
        assert_eq!(guess(1, &[0; 4], &[50, 50, 50, 50], &mut scratch), 1);
        assert_eq!(guess(1, &[9, 80, 33, 7], &[9, 80, 33, 7], &mut scratch), 2);
    }
}
