//! Hash chains: for each position the earlier ones whose next three bytes have the same hash, as zlib keeps them.

use super::settings::Settings;
use super::window::Window;
use super::{MAX_MATCH, MIN_MATCH};

/// zlib's matches stay so far inside the window (`MIN_LOOKAHEAD`).
const MARGIN: u32 = MAX_MATCH + MIN_MATCH + 1;

/// A repeat that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) length: u32,
    pub(crate) distance: u32,
}

/// The limits of one search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    /// Only longer matches count.
    pub(crate) longer_than: u32,
    /// A match of this length ends the search.
    pub(crate) nice: u32,
    /// How many places are looked at.
    pub(crate) chain: u32,
}

/// The chains. Position 0 ends each: zlib never finds it either.
#[derive(Debug)]
pub(crate) struct Chains {
    head: Vec<u32>,
    previous: Vec<u32>,
    shift: u32,
    /// The first position that is not entered.
    next: u32,
    /// The largest distance of a match.
    reach: u32,
    /// How many places were looked at.
    pub(crate) steps: u64,
}

impl Chains {
    pub(crate) fn new(settings: Settings) -> Self {
        let (hash_bits, window) = (u32::from(settings.memory_level) + 7, 1_u32 << settings.window_bits);
        Self {
            head: vec![0; 1 << hash_bits],
            previous: vec![0; window as usize],
            shift: hash_bits.div_ceil(MIN_MATCH),
            next: 0,
            reach: window - MARGIN,
            steps: 0,
        }
    }

    /// The bytes that chains with these settings take.
    pub(crate) fn memory(settings: Settings) -> u64 {
        4 * ((1 << (settings.memory_level + 7)) + (1 << settings.window_bits))
    }

    fn slot(&self, position: u32) -> usize {
        position as usize & (self.previous.len() - 1)
    }

    fn before(&self, position: u32) -> u32 {
        self.previous.get(self.slot(position)).copied().unwrap_or(0)
    }

    /// Enters a position; without three bytes there it is left out.
    fn enter(&mut self, bytes: &[u8], position: u32) {
        let [a, b, c, ..] = *bytes else { return };
        let mask = self.head.len() - 1;
        let hash = (usize::from(a) << (2 * self.shift) ^ usize::from(b) << self.shift ^ usize::from(c)) & mask;
        let slot = self.slot(position);
        if let (Some(head), Some(previous)) = (self.head.get_mut(hash), self.previous.get_mut(slot)) {
            *previous = *head;
            *head = position;
        }
    }

    /// Enters all positions before one.
    pub(crate) fn enter_before(&mut self, window: &Window, position: u32) {
        while self.next < position {
            self.enter(window.from(self.next), self.next);
            self.next += 1;
        }
    }

    /// Leaves out the positions before one.
    pub(crate) fn skip_to(&mut self, position: u32) {
        self.next = self.next.max(position);
    }

    /// The nearest earlier position with the same hash; 0 if there is none in reach.
    fn first(&mut self, window: &Window, position: u32) -> u32 {
        self.enter_before(window, position + 1);
        let first = self.before(position);
        if first != 0 && first < position && position - first <= self.reach { first } else { 0 }
    }

    /// zlib's `longest_match`: the longest repeat at a position, the nearest of equal ones.
    pub(crate) fn longest(&mut self, window: &Window, position: u32, limit: Limit) -> Option<Found> {
        let (bytes, start) = window.all();
        let at = position.checked_sub(start)? as usize;
        let scan = bytes.get(at..bytes.len().min(at + MAX_MATCH as usize))?;
        if scan.len() < MIN_MATCH as usize || limit.chain == 0 {
            return None;
        }
        let mut candidate = self.first(window, position);
        let lowest = position.saturating_sub(self.reach);
        let nice = (limit.nice as usize).min(scan.len());
        let mut best = limit.longer_than as usize;
        let mut found = None;
        let mut left = limit.chain;
        if best >= scan.len() {
            return None;
        }
        // The bytes by which a longer match is told first: the last of the best, and the one after it.
        let mut ending = ends(scan, best)?;
        while candidate != 0 {
            self.steps += 1;
            let offset = candidate.wrapping_sub(start) as usize;
            if ends(bytes.get(offset..)?, best)? == ending {
                let length = common(scan, bytes.get(offset..)?);
                if length > best {
                    best = length;
                    found = Some(Found { length: length as u32, distance: position - candidate });
                    if length >= nice {
                        break;
                    }
                    ending = ends(scan, best)?;
                }
            }
            let next = self.before(candidate);
            left -= 1;
            if next <= lowest || next >= candidate || left == 0 {
                break;
            }
            candidate = next;
        }
        found
    }

    /// The nearest repeat of at least a length, but not at one distance.
    pub(crate) fn nearest(&mut self, window: &Window, position: u32, length: u32, not_at: u32) -> Option<u32> {
        let (bytes, start) = window.all();
        let at = position.checked_sub(start)? as usize;
        let scan = bytes.get(at..at + length as usize)?;
        let mut candidate = self.first(window, position);
        let lowest = position.saturating_sub(self.reach);
        for _ in 0..FARTHEST {
            if candidate == 0 {
                return None;
            }
            self.steps += 1;
            let distance = position - candidate;
            let offset = candidate.wrapping_sub(start) as usize;
            if distance != not_at && bytes.get(offset..offset + scan.len()) == Some(scan) {
                return Some(distance);
            }
            let next = self.before(candidate);
            if next <= lowest || next >= candidate {
                return None;
            }
            candidate = next;
        }
        None
    }
}

/// How many places [`Chains::nearest`] looks at.
const FARTHEST: u32 = 4096;

/// The last byte of a match of length `best`, and the byte after it.
fn ends(bytes: &[u8], best: usize) -> Option<[u8; 2]> {
    bytes.get(best - 1..best + 1)?.try_into().ok()
}

/// How many bytes at the start are equal.
fn common(a: &[u8], b: &[u8]) -> usize {
    let (a_words, a_rest) = a.as_chunks::<8>();
    let (b_words, _) = b.as_chunks::<8>();
    for (index, (left, right)) in a_words.iter().zip(b_words).enumerate() {
        let differing = u64::from_le_bytes(*left) ^ u64::from_le_bytes(*right);
        if differing != 0 {
            return index * 8 + (differing.trailing_zeros() / 8) as usize;
        }
    }
    let whole = a_words.len() * 8;
    whole + a_rest.iter().zip(b.get(whole..).unwrap_or_default()).take_while(|(left, right)| left == right).count()
}
