//! Hash chains: for each position the earlier ones whose next bytes have the same hash; finds the matches that zlib finds.

use super::settings::{Method, Settings};
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

/// For each position of the window, the one before it with the same hash. Position 0 ends a chain: zlib never finds it
/// either.
#[derive(Debug)]
struct Chain {
    head: Vec<u32>,
    previous: Vec<u32>,
}

impl Chain {
    fn new(hash_bits: u32, window: u32) -> Self {
        Self { head: vec![0; 1 << hash_bits], previous: vec![0; window as usize] }
    }

    fn slot(&self, position: u32) -> usize {
        position as usize & (self.previous.len() - 1)
    }

    fn before(&self, position: u32) -> u32 {
        self.previous.get(self.slot(position)).copied().unwrap_or(0)
    }

    /// Enters a position, and returns the one before it.
    fn enter(&mut self, hash: usize, position: u32) -> u32 {
        let (slot, hash) = (self.slot(position), hash & (self.head.len() - 1));
        match (self.head.get_mut(hash), self.previous.get_mut(slot)) {
            (Some(head), Some(previous)) => {
                *previous = *head;
                std::mem::replace(head, position)
            }
            _ => 0,
        }
    }
}

/// How many bytes the hashes of the further chains take, most first.
const DEPTHS: [usize; 4] = [16, 10, 6, 4];

/// Hashes of the further chains have so many bits.
const DEEP_BITS: u32 = 15;

/// A hash of the bytes at the start, of which there are at least `depth`: 4 to 16.
fn deep_hash(bytes: &[u8; 16], depth: usize) -> usize {
    let [low, high] = [0, 8].map(|from| {
        let word = bytes.get(from..from + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes);
        let used = depth.saturating_sub(from).min(8) as u32 * 8;
        word & u64::MAX.checked_shr(64 - used).unwrap_or(0)
    });
    let mixed = (low.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ high).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    (mixed >> (64 - DEEP_BITS)) as usize
}

/// The chains of a stream.
///
/// zlib searches the chain of the next three bytes, and gives up after so many places. Long searches are done faster
/// here, to the same end: further chains, of more bytes, lead only to places where as many bytes may be the same; and by
/// the rank of a place in zlib's chain it is known whether zlib would have come there.
#[derive(Debug)]
pub(crate) struct Chains {
    near: Chain,
    shift: u32,
    /// The chains of [`DEPTHS`]; none if searches are short.
    deep: Vec<Chain>,
    /// For each position of the window, how many positions are before it in its chain, give or take a constant.
    ranks: Vec<u32>,
    /// The first position that is not entered.
    next: u32,
    /// The largest distance of a match.
    reach: u32,
    /// How many places were looked at.
    pub(crate) steps: u64,
}

/// From so many places on, a search is long.
const LONG: u32 = 128;

/// Whether searches with these settings are long, and need further chains.
fn is_deep(settings: Settings) -> bool {
    settings.method() == Method::Lazy && settings.search().chain >= LONG
}

impl Chains {
    pub(crate) fn new(settings: Settings) -> Self {
        let (hash_bits, window) = (u32::from(settings.memory_level) + 7, 1_u32 << settings.window_bits);
        let is_deep = is_deep(settings);
        Self {
            near: Chain::new(hash_bits, window),
            shift: hash_bits.div_ceil(MIN_MATCH),
            deep: if is_deep { DEPTHS.map(|_| Chain::new(DEEP_BITS, window)).into() } else { Vec::new() },
            ranks: if is_deep { vec![0; window as usize] } else { Vec::new() },
            next: 0,
            reach: window - MARGIN,
            steps: 0,
        }
    }

    /// The bytes that chains with these settings take.
    pub(crate) fn memory(settings: Settings) -> u64 {
        let window = 1 << settings.window_bits;
        let deep = if is_deep(settings) { DEPTHS.len() as u64 * ((1 << DEEP_BITS) + window) + window } else { 0 };
        4 * ((1 << (settings.memory_level + 7)) + window + deep)
    }

    fn rank(&self, position: u32) -> u32 {
        self.ranks.get(self.near.slot(position)).copied().unwrap_or(0)
    }

    /// Enters a position; without three bytes there it is left out.
    fn enter(&mut self, bytes: &[u8], position: u32) {
        let [a, b, c, ..] = *bytes else { return };
        let hash = usize::from(a) << (2 * self.shift) ^ usize::from(b) << self.shift ^ usize::from(c);
        let before = self.near.enter(hash, position);
        if self.deep.is_empty() {
            return;
        }
        let slot = self.near.slot(position);
        let rank = self.rank(before).wrapping_add(1);
        if let Some(own) = self.ranks.get_mut(slot) {
            *own = rank;
        }
        let mut padded = [0; 16];
        let start = bytes.first_chunk().unwrap_or_else(|| {
            padded.iter_mut().zip(bytes).for_each(|(to, byte)| *to = *byte);
            &padded
        });
        for (chain, depth) in self.deep.iter_mut().zip(DEPTHS) {
            // Where fewer bytes are left, no later place has as many.
            chain.enter(deep_hash(start, depth), position);
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
        let first = self.near.before(position);
        if first != 0 && first < position && position - first <= self.reach { first } else { 0 }
    }

    /// zlib's `longest_match`: the longest repeat at a position, the nearest of equal ones.
    pub(crate) fn longest(&mut self, window: &Window, position: u32, limit: Limit) -> Option<Found> {
        let (bytes, start) = window.all();
        let at = position.checked_sub(start)? as usize;
        let scan = bytes.get(at..bytes.len().min(at + MAX_MATCH as usize))?;
        if scan.len() < MIN_MATCH as usize || limit.chain == 0 || limit.longer_than as usize >= scan.len() {
            return None;
        }
        let first = self.first(window, position);
        if first == 0 {
            return None;
        }
        let place = Place { bytes, start, scan, position, first, lowest: position.saturating_sub(self.reach) };
        let mut limit = Limit { nice: limit.nice.min(scan.len() as u32), ..limit };
        for index in 0..self.deep.len() {
            let depth = DEPTHS.get(index).copied().unwrap_or(0) as u32;
            if depth > limit.nice {
                continue;
            }
            let found = self.deepest(index, &place, Limit { longer_than: limit.longer_than.max(depth - 1), ..limit });
            if found.is_some() || depth <= limit.longer_than + 1 {
                return found;
            }
            // No match is longer than this, so one as long need not be surpassed.
            limit.nice = depth - 1;
        }
        self.nearest_longest(&place, limit)
    }

    /// Searches a further chain.
    fn deepest(&mut self, index: usize, place: &Place, limit: Limit) -> Option<Found> {
        let (rank, chain) = (self.rank(place.position), self.deep.get(index)?);
        let (mut best, mut candidate, mut steps) = (Best::new(limit, place)?, chain.before(place.position), 0);
        while candidate > place.lowest || candidate == place.first && candidate != 0 {
            if candidate >= place.position {
                break;
            }
            steps += 1;
            // A place with other bytes may have the same hash; its rank is that in another chain.
            if place.may_match(candidate)
                && (rank.wrapping_sub(self.rank(candidate)) > limit.chain || best.is_enough(place, candidate))
            {
                break;
            }
            let next = chain.before(candidate);
            if next >= candidate {
                break;
            }
            candidate = next;
        }
        self.steps += steps;
        best.found
    }

    /// Searches zlib's own chain.
    fn nearest_longest(&mut self, place: &Place, limit: Limit) -> Option<Found> {
        let (mut best, mut candidate, mut left) = (Best::new(limit, place)?, place.first, limit.chain);
        loop {
            self.steps += 1;
            if best.is_enough(place, candidate) {
                break;
            }
            let next = self.near.before(candidate);
            left -= 1;
            if next <= place.lowest || next >= candidate || left == 0 {
                break;
            }
            candidate = next;
        }
        best.found
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
            let next = self.near.before(candidate);
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

/// Where a search is.
struct Place<'a> {
    /// All bytes, and the position of the first.
    bytes: &'a [u8],
    start: u32,
    /// The bytes from the position on, up to the longest match.
    scan: &'a [u8],
    position: u32,
    /// The first place of zlib's chain. It counts even if it is as far away as `lowest`; others must be nearer.
    first: u32,
    lowest: u32,
}

impl Place<'_> {
    /// Whether the first bytes are the same, so that a candidate is in zlib's chain.
    fn may_match(&self, candidate: u32) -> bool {
        let offset = candidate.wrapping_sub(self.start) as usize;
        self.bytes.get(offset..offset + 3).is_some_and(|bytes| self.scan.starts_with(bytes))
    }
}

/// The best match so far.
struct Best {
    length: usize,
    nice: usize,
    /// The bytes by which a longer match is told first: the last of the best, and the one after it.
    ending: [u8; 2],
    found: Option<Found>,
}

impl Best {
    fn new(limit: Limit, place: &Place) -> Option<Self> {
        let length = limit.longer_than as usize;
        Some(Self { length, nice: limit.nice as usize, ending: ends(place.scan, length)?, found: None })
    }

    /// Looks at a candidate; true if it is so good that the search ends.
    fn is_enough(&mut self, place: &Place, candidate: u32) -> bool {
        let offset = candidate.wrapping_sub(place.start) as usize;
        let Some(bytes) = place.bytes.get(offset..) else { return true };
        if ends(bytes, self.length) != Some(self.ending) {
            return false;
        }
        let length = common(place.scan, bytes);
        if length > self.length {
            self.length = length;
            self.found = Some(Found { length: length as u32, distance: place.position - candidate });
            match ends(place.scan, length) {
                Some(ending) if length < self.nice => self.ending = ending,
                _ => return true,
            }
        }
        false
    }
}

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
