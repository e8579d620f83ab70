//! Compares all likenesses with all.

use std::collections::BTreeMap;

/// Likenesses that differ in at most so many bits are alike, as in the vault.
const NEAR: u32 = 7;

/// Parts of the bits, of which one differs in one bit at most if the likenesses are alike.
const PARTS: u32 = 4;
const PART: u32 = u64::BITS / PARTS;

/// An image, and what it looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) bits: u64,
}

/// Pairs of images that look alike, the nearest first. Of many with equal likenesses each is paired with the first one
/// only, and only that is paired with others: so there are not more pairs than can be looked at.
pub(super) fn pairs(looks: &[Looks]) -> Vec<(u32, &Looks, &Looks)> {
    let mut equal: BTreeMap<u64, Vec<&Looks>> = BTreeMap::new();
    for look in looks {
        equal.entry(look.bits).or_default().push(look);
    }
    let firsts: Vec<&Looks> = equal.values().filter_map(|same| same.first().copied()).collect();
    let mut pairs: Vec<(u32, &Looks, &Looks)> = Vec::new();
    for same in equal.values() {
        if let [first, others @ ..] = same.as_slice() {
            pairs.extend(others.iter().map(|other| (0, *first, *other)));
        }
    }
    let part = |bits: u64, n: u32| (bits >> (PART * n)) & ((1 << PART) - 1);
    for n in 0..PARTS {
        let mut having: BTreeMap<u64, Vec<&Looks>> = BTreeMap::new();
        for look in &firsts {
            having.entry(part(look.bits, n)).or_default().push(look);
        }
        for look in &firsts {
            let own = part(look.bits, n);
            for changed in std::iter::once(own).chain((0..PART).map(|bit| own ^ (1 << bit))) {
                for other in having.get(&changed).into_iter().flatten().filter(|other| other.bits > look.bits) {
                    let distance = (look.bits ^ other.bits).count_ones();
                    // A pair that agrees so in an earlier part was found there.
                    let is_first = (0..n).all(|n| (part(look.bits, n) ^ part(other.bits, n)).count_ones() > 1);
                    if distance <= NEAR && is_first {
                        pairs.push((distance, *look, *other));
                    }
                }
            }
        }
    }
    pairs.sort_by(|one, other| (one.0, &one.1.id, &one.2.id).cmp(&(other.0, &other.1.id, &other.2.id)));
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_is_found_once() {
        // Groups around points, in which bits are changed by a generator (Knuth's MMIX).
        let mut state = 7_u64;
        let mut random = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 16
        };
        let mut looks = Vec::new();
        for n in 0..300 {
            let mut bits = (n % 20_u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            for _ in 0..random() % 6 {
                bits ^= 1 << (random() % 64);
            }
            looks.push(Looks { id: format!("{n:03}"), name: String::new(), bits });
        }
        let found = pairs(&looks);
        let mut firsts: Vec<&Looks> = Vec::new();
        for look in &looks {
            if firsts.iter().all(|first| first.bits != look.bits) {
                firsts.push(look);
            }
        }
        let mut expected = looks.len() - firsts.len();
        for (n, one) in firsts.iter().enumerate() {
            expected += firsts[n + 1..].iter().filter(|other| (one.bits ^ other.bits).count_ones() <= NEAR).count();
        }
        assert!(expected > 500, "{expected}");
        assert_eq!(found.len(), expected);
        assert!(found.iter().all(|(distance, one, other)| (one.bits ^ other.bits).count_ones() == *distance));
        assert!(found.is_sorted_by_key(|(distance, ..)| *distance));
    }
}
