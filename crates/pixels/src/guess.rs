//! Guesses whole pixels: what followed the same neighbours, or what followed the last pixels where they came before.

use crate::rows::{Around, Pixel, mark};
use crate::table::{Table, hash};

/// A pixel that followed certain neighbours, and how often it did so in a row.
#[derive(Debug, Clone, Copy, Default)]
struct Follower {
    pixel: Pixel,
    times: u8,
}

impl Follower {
    fn learn(&mut self, pixel: Pixel) {
        if self.pixel == pixel && self.times > 0 {
            self.times = (self.times + 1).min(250);
        } else if self.times > 1 {
            self.times /= 2;
        } else {
            *self = Self { pixel, times: 1 };
        }
    }
}

/// Follows the place where the last pixels came before.
#[derive(Debug)]
struct Repeat {
    /// The last pixels: a ring.
    past: Table<Pixel>,
    capacity: u64,
    /// Where hashes of the last pixels were seen last.
    seen: Table<u64>,
    /// How many pixels there were.
    at: u64,
    /// The place that is followed, and for how many pixels it was right.
    from: u64,
    length: u32,
    recent: [u32; 5],
}

impl Repeat {
    fn new(bits: u32, limit: u32) -> Self {
        Self {
            past: Table::new(bits, 0),
            capacity: 1 << bits,
            seen: Table::new(bits.min(limit), u64::MAX),
            at: 0,
            from: 0,
            length: 0,
            recent: [0; 5],
        }
    }

    fn guess(&self) -> Option<Pixel> {
        (self.length > 0).then(|| self.past.get(self.from as usize))
    }

    #[inline(always)]
    fn learn(&mut self, pixel: Pixel) {
        if self.guess() == Some(pixel) {
            self.length = (self.length + 1).min(1000);
            self.from += 1;
        } else {
            self.length = 0;
        }
        *self.past.at(self.at as usize) = pixel;
        self.at += 1;
        self.recent.rotate_right(1);
        let [newest, ..] = &mut self.recent;
        *newest = mark(pixel);
        let key = self.recent.iter().fold(0, |key, pixel| hash(key, *pixel)) >> 8;
        if self.length == 0 {
            let seen = *self.seen.at(key as usize);
            if seen != u64::MAX && self.at - seen < self.capacity {
                let same = (1..=16).take_while(|back| {
                    *back <= seen && self.past.get((seen - back) as usize) == self.past.get((self.at - back) as usize)
                });
                let length = same.count() as u32;
                if length >= 4 {
                    self.length = length;
                    self.from = seen;
                }
            }
        }
        *self.seen.at(key as usize) = self.at;
    }
}

/// What is known about the pixel before it is coded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Guess {
    pub(crate) pixel: Pixel,
    /// A hash of the neighbours.
    pub(crate) neighbours: u32,
    /// 0 to 15: how well founded it is; 8 and more if it is a repetition.
    pub(crate) trust: u32,
    /// Which of the neighbours and the guess are equal: 8 bits.
    pub(crate) pattern: u32,
}

/// Guesses pixels.
#[derive(Debug)]
pub(crate) struct Guesser {
    followers: Table<Follower>,
    repeat: Repeat,
}

impl Guesser {
    /// A guesser for an image of so many pixels, with tables of at most `2^limit` entries.
    pub(crate) fn new(pixels: u64, limit: u32) -> Self {
        let bits = bits(pixels);
        Self { followers: Table::new(bits.min(limit), Follower::default()), repeat: Repeat::new(bits, limit) }
    }

    pub(crate) fn memory(pixels: u64, limit: u32) -> u64 {
        let bits = bits(pixels);
        (8 << bits) + (24 << bits.min(limit))
    }

    /// Guesses the pixel with these neighbours.
    #[inline(always)]
    pub(crate) fn guess(&self, a: &Around<Pixel>) -> Guess {
        let neighbours = hash(hash(mark(a.w), mark(a.n)), hash(mark(a.nw), mark(a.ne)).wrapping_add(mark(a.ww)));
        let follower = self.followers.get((neighbours >> 14) as usize);
        let length = self.repeat.length;
        let (pixel, trust) = match self.repeat.guess() {
            Some(pixel) if length >= 24 || length >= 6 && follower.times < 2 || follower.times == 0 => {
                (pixel, 8 + (length.min(63) / 4).min(7))
            }
            _ if follower.times > 0 => (follower.pixel, u32::from(follower.times.min(7))),
            _ => (if a.n == a.nw { a.w } else { a.n }, 0),
        };
        Guess { pixel, neighbours, trust, pattern: pattern(a, pixel) }
    }

    /// Learns the pixel.
    #[inline(always)]
    pub(crate) fn learn(&mut self, guess: &Guess, pixel: Pixel) {
        self.followers.at((guess.neighbours >> 14) as usize).learn(pixel);
        self.repeat.learn(pixel);
    }
}

/// Which of the neighbours and the guess are equal.
#[inline(always)]
fn pattern(a: &Around<Pixel>, guess: Pixel) -> u32 {
    let same =
        [a.w == a.n, a.n == a.ne, a.n == a.nw, a.w == a.nw, guess == a.w, guess == a.n, a.ww == a.w, a.nn == a.n];
    same.iter().rev().fold(0, |bits, same| bits << 1 | u32::from(*same))
}

/// Repeats are found as far back as `2^bits` pixels.
fn bits(pixels: u64) -> u32 {
    pixels.next_power_of_two().trailing_zeros().clamp(8, 21)
}
