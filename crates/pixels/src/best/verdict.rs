//! Codes whether the guess is right.

use crate::counter::Counter;
use crate::guess::Guess;
use crate::mixer::{Mixer, probability};
use crate::range::Coder;
use crate::rows::{Around, Pixel, mark};
use crate::table::{Table, hash};

/// Contexts of the bit that says whether the guess is right.
const CONTEXTS: usize = 6;

/// Learns when guesses are right.
#[derive(Debug)]
pub(crate) struct Verdict {
    counters: [Table<Counter>; CONTEXTS],
    mixer: Mixer<CONTEXTS>,
    /// The last guesses: 1 for each that was right.
    past: u32,
}

impl Verdict {
    pub(crate) const MEMORY: u64 = CONTEXTS as u64 * (4 << 16);

    pub(crate) fn new() -> Self {
        Self { counters: std::array::from_fn(|_| Table::new(16, Counter::NEW)), mixer: Mixer::new(8, 16000), past: 0 }
    }

    /// Codes whether the guess is right.
    #[inline(always)]
    pub(crate) fn code<C: Coder>(&mut self, coder: &mut C, guess: &Guess, a: &Around<Pixel>, is_right: bool) -> bool {
        let pattern = guess.pattern;
        let contexts = [
            guess.trust << 8 | pattern,
            (self.past & 255) << 4 | guess.trust,
            hash(guess.neighbours, 77) >> 16,
            hash(mark(a.n) ^ pattern, mark(a.w)) >> 16,
            hash(mark(guess.pixel), mark(a.w)) >> 16,
            hash(mark(guess.pixel) ^ mark(a.nn), mark(a.nne)) >> 16,
        ];
        let set = (guess.trust << 4 | pattern & 15) as usize;
        let mut logits = [0; CONTEXTS];
        for ((logit, table), context) in logits.iter_mut().zip(&self.counters).zip(contexts) {
            *logit = table.get(context as usize).logit();
        }
        let one = probability(self.mixer.mix(set, &logits));
        let is_right = coder.bit(is_right, one);
        self.mixer.learn(set, &logits, one, is_right, 4);
        for (table, context) in self.counters.iter_mut().zip(contexts) {
            table.at(context as usize).learn(is_right, 120);
        }
        self.past = self.past << 1 | u32::from(is_right);
        is_right
    }
}
