//! Prefix codes: zlib's way to make them from frequencies (its `trees.c`), and the bits of each symbol.

/// The longest code of literals and distances, and of code lengths.
pub(crate) const MAX_BITS: usize = 15;
pub(crate) const MAX_LENGTH_BITS: usize = 7;

/// A heap of nodes, least frequent first; of equally frequent ones the one with the lower tree below it.
struct Heap {
    nodes: Vec<usize>,
}

/// A node of the tree while it is made.
#[derive(Clone, Copy, Default)]
struct Node {
    frequency: u32,
    depth: u8,
    parent: usize,
    length: usize,
}

fn get(nodes: &[Node], index: usize) -> Node {
    nodes.get(index).copied().unwrap_or_default()
}

impl Heap {
    fn at(&self, place: usize) -> usize {
        self.nodes.get(place).copied().unwrap_or(0)
    }

    fn set(&mut self, place: usize, node: usize) {
        if let Some(slot) = self.nodes.get_mut(place) {
            *slot = node;
        }
    }

    fn is_smaller(nodes: &[Node], a: usize, b: usize) -> bool {
        let (a, b) = (get(nodes, a), get(nodes, b));
        (a.frequency, a.depth) <= (b.frequency, b.depth)
    }

    /// Moves the node at a place down until both below it are larger. The place at the front, 0, is not used.
    fn sink(&mut self, nodes: &[Node], mut place: usize) {
        let (sinking, last) = (self.at(place), self.nodes.len() - 1);
        let mut below = place * 2;
        while below <= last {
            if below < last && Self::is_smaller(nodes, self.at(below + 1), self.at(below)) {
                below += 1;
            }
            if Self::is_smaller(nodes, sinking, self.at(below)) {
                break;
            }
            self.set(place, self.at(below));
            place = below;
            below *= 2;
        }
        self.set(place, sinking);
    }

    fn take_least(&mut self, nodes: &[Node]) -> usize {
        let least = self.at(1);
        let moved = self.nodes.pop().unwrap_or(0);
        if self.nodes.len() > 1 {
            self.set(1, moved);
            self.sink(nodes, 1);
        }
        least
    }
}

/// The lengths that zlib gives codes of these frequencies, none longer than `limit`; up to the last code that is used.
/// At least two codes get a length, used or not.
pub(crate) fn lengths(frequencies: &[u32], limit: usize) -> Vec<u8> {
    let symbols = frequencies.len();
    let mut nodes = vec![Node::default(); 2 * symbols + 1];
    let mut heap = Heap { nodes: vec![0] };
    let mut used = 0;
    for (symbol, (frequency, node)) in frequencies.iter().zip(&mut nodes).enumerate() {
        if *frequency > 0 {
            node.frequency = *frequency;
            heap.nodes.push(symbol);
            used = symbol + 1;
        }
    }
    while heap.nodes.len() < 3 {
        let symbol = if used < 3 { used } else { 0 };
        used = used.max(symbol + 1);
        if let Some(node) = nodes.get_mut(symbol) {
            node.frequency = 1;
        }
        heap.nodes.push(symbol);
    }
    for place in (1..=(heap.nodes.len() - 1) / 2).rev() {
        heap.sink(&nodes, place);
    }

    // Joins the two least frequent nodes until one is left. `order` has all nodes, each before its parent.
    let (mut order, mut next) = (Vec::with_capacity(2 * symbols), symbols);
    while heap.nodes.len() > 2 {
        let a = heap.take_least(&nodes);
        let b = heap.at(1);
        order.extend([a, b]);
        let (left, right) = (get(&nodes, a), get(&nodes, b));
        for child in [a, b] {
            if let Some(child) = nodes.get_mut(child) {
                child.parent = next;
            }
        }
        if let Some(node) = nodes.get_mut(next) {
            node.frequency = left.frequency.saturating_add(right.frequency);
            node.depth = left.depth.max(right.depth).saturating_add(1);
        }
        heap.set(1, next);
        heap.sink(&nodes, 1);
        next += 1;
    }

    // Lengths from the root down; too long ones are cut, and counted.
    let mut counts = [0_usize; MAX_BITS + 1];
    let mut too_long = 0_isize;
    for node in order.iter().rev() {
        let length = get(&nodes, get(&nodes, *node).parent).length + 1;
        too_long += isize::from(length > limit);
        let length = length.min(limit);
        if let Some(node) = nodes.get_mut(*node) {
            node.length = length;
        }
        if let Some(count) = counts.get_mut(length).filter(|_| *node < symbols) {
            *count += 1;
        }
    }
    if too_long > 0 {
        shorten(&mut counts, too_long, limit);
        let mut leaves = order.iter().filter(|node| **node < symbols);
        for length in (1..=limit).rev() {
            for _ in 0..counts.get(length).copied().unwrap_or(0) {
                if let Some(node) = leaves.next().and_then(|leaf| nodes.get_mut(*leaf)) {
                    node.length = length;
                }
            }
        }
    }
    nodes.iter().take(used).map(|node| node.length as u8).collect()
}

/// Makes room for codes that were cut to the longest length: others become longer by one.
fn shorten(counts: &mut [usize; MAX_BITS + 1], mut too_long: isize, limit: usize) {
    let mut change = |length: usize, by: isize| {
        if let Some(count) = counts.get_mut(length) {
            *count = count.saturating_add_signed(by);
        }
        counts.get(length).copied().unwrap_or(0)
    };
    while too_long > 0 {
        let Some(length) = (1..limit).rev().find(|length| change(*length, 0) > 0) else { return };
        change(length, -1);
        change(length + 1, 2);
        change(limit, -1);
        too_long -= 2;
    }
}

/// A symbol's code, first bit lowest, and its length; 0 if the symbol has no code.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Code {
    pub(crate) bits: u16,
    pub(crate) length: u8,
}

/// The codes that follow from lengths (RFC 1951, section 3.2.2); `None` if there are more than fit.
pub(crate) fn codes(lengths: &[u8]) -> Option<Vec<Code>> {
    let mut counts = [0_u32; MAX_BITS + 1];
    for length in lengths.iter().filter(|length| **length > 0) {
        *counts.get_mut(usize::from(*length))? += 1;
    }
    let (mut next, mut code, mut before) = ([0_u32; MAX_BITS + 1], 0, 0);
    for (length, (count, next)) in counts.iter().zip(&mut next).enumerate().skip(1) {
        code = (code + before) << 1;
        if code + count > 1 << length {
            return None;
        }
        (*next, before) = (code, *count);
    }
    let coded = lengths.iter().map(|length| {
        if *length == 0 {
            return Some(Code::default());
        }
        let next = next.get_mut(usize::from(*length))?;
        let bits = (*next as u16).reverse_bits() >> (16 - length);
        *next += 1;
        Some(Code { bits, length: *length })
    });
    coded.collect()
}

/// The lengths of the fixed codes (RFC 1951, section 3.2.6).
pub(crate) fn fixed_literals() -> Vec<u8> {
    [(8, 144), (9, 112), (7, 24), (8, 8)]
        .into_iter()
        .flat_map(|(length, count)| std::iter::repeat_n(length, count))
        .collect()
}

/// The lengths of the fixed distance codes.
pub(crate) const FIXED_DISTANCES: [u8; 30] = [5; 30];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_within_their_limit_and_complete() {
        // Frequencies like Fibonacci's numbers make the deepest trees.
        let mut frequencies = vec![1_u32, 1];
        while frequencies.len() < 19 {
            frequencies.push(frequencies.iter().rev().take(2).sum());
        }
        for limit in [MAX_LENGTH_BITS, MAX_BITS] {
            let lengths = lengths(&frequencies, limit);
            assert!(lengths.iter().all(|length| (1..=limit).contains(&usize::from(*length))));
            assert_eq!(lengths.iter().map(|length| 1 << (15 - length)).sum::<u32>(), 1 << 15);
            assert!(codes(&lengths).is_some());
        }
    }

    #[test]
    fn one_symbol_gets_a_companion() {
        assert_eq!(lengths(&[0, 0, 0, 0, 9, 0], 15), [1, 0, 0, 0, 1]);
        assert_eq!(lengths(&[5, 0, 0], 15), [1, 1]);
        assert_eq!(lengths(&[0, 0, 0], 15), [1, 1]);
    }

    #[test]
    fn too_many_codes_are_refused() {
        assert!(codes(&[1, 1, 1]).is_none());
        assert!(codes(&[1]).is_some());
        assert_eq!(codes(&fixed_literals()).unwrap()[256].length, 7);
    }
}
