//! Codes bits by blending what counters of several contexts say.

use crate::counter::Counter;
use crate::mixer::{Mixer, probability};
use crate::range::Coder;
use crate::table::{Table, hash};

/// The counters of one context, for the bits of one part of a symbol.
pub(crate) type Group = [Counter; 16];

/// Tables of `N` contexts and the mixers that weigh them.
#[derive(Debug)]
pub(crate) struct Blend<const N: usize> {
    tables: [Table<Group>; N],
    mixers: Mixers<N>,
}

#[derive(Debug)]
struct Mixers<const N: usize> {
    first: Mixer<N>,
    second: Mixer<N>,
}

/// The sets of weights for a symbol, one of each mixer; each has 64 for the bits of the symbol.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sets {
    pub(crate) first: u32,
    pub(crate) second: u32,
}

impl<const N: usize> Mixers<N> {
    #[inline(always)]
    fn code<C: Coder>(
        &mut self,
        coder: &mut C,
        groups: &mut [&mut Group; N],
        node: u32,
        sets: Sets,
        slot: u32,
        bit: bool,
    ) -> bool {
        let slot = (slot & 15) as usize;
        let mut logits = [0; N];
        for (logit, group) in logits.iter_mut().zip(groups.iter()) {
            *logit = group.get(slot).map_or(0, |counter| counter.logit());
        }
        let (first, second) = ((sets.first << 6 | node) as usize, (sets.second << 6 | node) as usize);
        let (a, b) = (self.first.mix(first, &logits), self.second.mix(second, &logits));
        let bit = coder.bit(bit, probability((a + b) >> 1));
        self.first.learn(first, &logits, probability(a), bit, 4);
        self.second.learn(second, &logits, probability(b), bit, 4);
        for group in groups.iter_mut() {
            if let Some(counter) = group.get_mut(slot) {
                counter.learn(bit, 250);
            }
        }
        bit
    }
}

impl<const N: usize> Blend<N> {
    /// Tables of `2^bits` groups for each context.
    pub(crate) fn new(bits: u32, sets: [u32; 2]) -> Self {
        let weight = 2 * 65536 / N as i32;
        Self {
            tables: std::array::from_fn(|_| Table::new(bits, [Counter::NEW; 16])),
            mixers: Mixers { first: Mixer::new(sets[0] + 6, weight), second: Mixer::new(sets[1] + 6, weight) },
        }
    }

    pub(crate) fn memory(bits: u32, sets: [u32; 2]) -> u64 {
        N as u64 * ((64 << bits) + (4 << (sets[0] + 6)) + (4 << (sets[1] + 6)))
    }

    /// The groups of these contexts.
    #[inline(always)]
    fn groups<'a>(tables: &'a mut [Table<Group>; N], contexts: &[u32; N], part: u32) -> [&'a mut Group; N] {
        let mut contexts = contexts.iter();
        tables.each_mut().map(|table| table.at((hash(contexts.next().copied().unwrap_or(0), part) >> 7) as usize))
    }

    /// Codes a sample of `0..=max` as its difference from a prediction of that range: whether there is one, its sign,
    /// the class of its size (1, 2, 3-4, 5-8, ...), the place in the class.
    #[inline(always)]
    pub(crate) fn difference<C: Coder>(
        &mut self,
        coder: &mut C,
        contexts: &[u32; N],
        sets: Sets,
        sample: i32,
        prediction: i32,
        max: i32,
    ) -> i32 {
        let Self { tables, mixers } = self;
        let mut groups = Self::groups(tables, contexts, 0);
        if !mixers.code(coder, &mut groups, 0, sets, 0, sample != prediction) {
            return prediction;
        }
        let is_less = match prediction {
            0 => false,
            _ if prediction == max => true,
            _ => mixers.code(coder, &mut groups, 1, sets, 1, sample < prediction),
        };
        let rest = (sample - prediction).abs() - 1;
        let limit = if is_less { prediction } else { max - prediction } - 1;
        let mut class = 0;
        while 1 << class <= limit
            && mixers.code(coder, &mut groups, 2 + class, sets, 2 + class.min(13), rest >> class > 0)
        {
            class += 1;
        }
        let mut found = 1;
        for place in (0..class.saturating_sub(1)).rev() {
            let depth = class - 2 - place;
            if depth % 3 == 0 {
                groups = Self::groups(tables, contexts, class << 16 | found as u32);
            }
            let slot = 1 << (depth % 3) | found as u32 & ((1 << (depth % 3)) - 1);
            let bit = mixers.code(
                coder,
                &mut groups,
                18 + class.min(8) * 4 + depth.min(3),
                sets,
                slot,
                rest >> place & 1 != 0,
            );
            found = found << 1 | i32::from(bit);
        }
        let size = 1 + if class == 0 { 0 } else { found };
        (if is_less { prediction - size } else { prediction + size }).clamp(0, max)
    }

    /// Codes a sample of so many bits, the highest first. It is not `other`, if that is given.
    #[inline(always)]
    pub(crate) fn value<C: Coder>(
        &mut self,
        coder: &mut C,
        contexts: &[u32; N],
        sets: Sets,
        sample: i32,
        bits: u32,
        other: Option<i32>,
    ) -> i32 {
        let Self { tables, mixers } = self;
        let mut found = 1;
        let mut groups = Self::groups(tables, contexts, 0);
        for place in (0..bits).rev() {
            let depth = bits - 1 - place;
            if depth == 4 {
                groups = Self::groups(tables, contexts, found as u32);
            }
            let slot = if depth < 4 { found } else { found & ((1 << (depth - 4)) - 1) | 1 << (depth - 4) };
            let bit = match other {
                Some(other) if place == 0 && (other | 1 << bits) >> 1 == found => other & 1 == 0,
                _ => mixers.code(
                    coder,
                    &mut groups,
                    if depth < 4 { found as u32 } else { 16 + depth },
                    sets,
                    slot as u32,
                    sample >> place & 1 != 0,
                ),
            };
            found = found << 1 | i32::from(bit);
        }
        found & ((1 << bits) - 1)
    }
}
