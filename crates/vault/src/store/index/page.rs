//! Encodes and decodes pages of segments: runs of postings, sorted by term and feed number.
//!
//! A run is: how many bytes its term shares with the term before, the length of the rest, the rest; the first feed
//! number; the length of its data, the data. Data is the distances of the further feed numbers, or, for a term with
//! counts, the counts, of which negative ones are folded in. All numbers are LEB128.

use std::ops::Range;

use burrow_model::record::Counts;

/// The most feed numbers of one run.
const RUN: usize = 1024;

/// A page is complete once it has this many bytes. So it takes far less than the largest value.
const PAGE: usize = 16 * 1024;

/// A page that is being filled.
#[derive(Debug, Default)]
pub(super) struct Draft {
    bytes: Vec<u8>,
    runs: u32,
    term: String,
    first: Option<(String, u64)>,
}

/// A complete page: the term and feed number of its first run, the number of runs, and the runs.
pub(super) type Complete = ((String, u64), u32, Vec<u8>);

impl Draft {
    /// Appends feed numbers, which ascend, under a term that is not before the last one. Returns the pages that became
    /// complete.
    pub(super) fn postings(&mut self, term: &str, numbers: &[u64]) -> Vec<Complete> {
        let mut complete = Vec::new();
        for run in numbers.chunks(RUN) {
            let (mut data, mut last) = (Vec::new(), run.first().copied().unwrap_or(0));
            let first = last;
            for &number in run.get(1..).unwrap_or_default() {
                put(&mut data, number - last);
                last = number;
            }
            complete.extend(self.run(term, first, &data));
        }
        complete
    }

    /// Appends counts. Returns the page if it became complete.
    pub(super) fn counts(&mut self, term: &str, counts: Counts) -> Option<Complete> {
        let mut data = Vec::new();
        for count in counts {
            put(&mut data, ((count << 1) ^ (count >> 63)).cast_unsigned());
        }
        self.run(term, 0, &data)
    }

    fn run(&mut self, term: &str, first: u64, data: &[u8]) -> Option<Complete> {
        let shared = self.term.bytes().zip(term.bytes()).take_while(|(one, other)| one == other).count();
        let rest = term.as_bytes().get(shared..).unwrap_or_default();
        put(&mut self.bytes, shared as u64);
        put(&mut self.bytes, rest.len() as u64);
        self.bytes.extend_from_slice(rest);
        put(&mut self.bytes, first);
        put(&mut self.bytes, data.len() as u64);
        self.bytes.extend_from_slice(data);
        self.runs += 1;
        self.first.get_or_insert_with(|| (term.to_owned(), first));
        term.clone_into(&mut self.term);
        if self.bytes.len() >= PAGE { self.complete() } else { None }
    }

    /// Takes what is there as a page; `None` if nothing is.
    pub(super) fn complete(&mut self) -> Option<Complete> {
        let Self { bytes, runs, first, .. } = std::mem::take(self);
        Some((first?, runs, bytes))
    }
}

/// A page, decoded as far as its runs.
#[derive(Debug)]
pub(super) struct Page {
    bytes: Vec<u8>,
    terms: String,
    runs: Vec<RunAt>,
}

#[derive(Debug)]
struct RunAt {
    term: Range<usize>,
    first: u64,
    data: Range<usize>,
}

/// A run of a page.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run<'a> {
    pub(super) term: &'a str,
    /// The lowest feed number.
    pub(super) first: u64,
    data: &'a [u8],
}

impl Page {
    /// Decodes a page; `None` if it is damaged.
    pub(super) fn decode(runs: u32, bytes: Vec<u8>) -> Option<Self> {
        let mut page = Self { terms: String::new(), runs: Vec::with_capacity(runs.min(65_536) as usize), bytes };
        let (mut at, mut last) = (0, 0..0_usize);
        for _ in 0..runs {
            let shared = take(&page.bytes, &mut at)?;
            let rest = take_range(&page.bytes, &mut at)?;
            let begin = page.terms.len();
            let kept = last.start..last.start.checked_add(usize::try_from(shared).ok()?)?;
            if kept.end > last.end {
                return None;
            }
            let mut term = page.terms.as_bytes().get(kept)?.to_vec();
            term.extend_from_slice(page.bytes.get(rest)?);
            page.terms.push_str(std::str::from_utf8(&term).ok()?);
            last = begin..page.terms.len();
            let first = take(&page.bytes, &mut at)?;
            let data = take_range(&page.bytes, &mut at)?;
            page.bytes.get(data.clone())?;
            page.runs.push(RunAt { term: last.clone(), first, data });
        }
        (at == page.bytes.len()).then_some(page)
    }

    /// A run by its number.
    pub(super) fn run(&self, n: usize) -> Option<Run<'_>> {
        let RunAt { term, first, data } = self.runs.get(n)?;
        Some(Run { term: self.terms.get(term.clone())?, first: *first, data: self.bytes.get(data.clone())? })
    }

    /// How many runs begin before or at a term and feed number.
    pub(super) fn reaching(&self, term: &str, number: u64) -> usize {
        self.runs
            .partition_point(|run| (self.terms.get(run.term.clone()).unwrap_or_default(), run.first) <= (term, number))
    }
}

impl Run<'_> {
    /// Its feed numbers, which ascend; `None` if they are damaged.
    pub(super) fn numbers(&self) -> Option<Vec<u64>> {
        let (mut numbers, mut at, mut last) = (vec![self.first], 0, self.first);
        while at < self.data.len() {
            last = last.checked_add(take(self.data, &mut at)?)?;
            numbers.push(last);
        }
        Some(numbers)
    }

    /// Its counts; `None` if they are damaged.
    pub(super) fn counts(&self) -> Option<Counts> {
        let mut at = 0;
        let mut count = || {
            let folded = take(self.data, &mut at)?;
            Some((folded >> 1).cast_signed() ^ -((folded & 1).cast_signed()))
        };
        Some([count()?, count()?, count()?])
    }
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    loop {
        let [low, ..] = (number & 0x7f).to_le_bytes();
        number >>= 7;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

fn take(bytes: &[u8], at: &mut usize) -> Option<u64> {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = *bytes.get(*at)?;
        *at += 1;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(number);
        }
        shift += 7;
    }
}

/// A length, and the range of that many bytes after it.
fn take_range(bytes: &[u8], at: &mut usize) -> Option<Range<usize>> {
    let len = usize::try_from(take(bytes, at)?).ok()?;
    let begin = *at;
    *at = begin.checked_add(len)?;
    Some(begin..*at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_back() {
        let (mut draft, mut pages) = (Draft::default(), Vec::new());
        let many: Vec<u64> = (0..5000).map(|n| n * n).collect();
        pages.extend(draft.counts("#a", [-3, i64::MIN, i64::MAX]));
        pages.extend(draft.postings("w:otter", &[7]));
        pages.extend(draft.postings("w:otters", &many));
        pages.extend(draft.postings("w:ö", &[u64::MAX]));
        pages.extend(draft.complete());
        assert!(draft.complete().is_none());
        let (mut found, mut counts) = (Vec::new(), Vec::new());
        for ((term, first), runs, bytes) in pages {
            for len in 0..bytes.len().min(300) {
                assert!(Page::decode(runs, bytes[..len].to_vec()).is_none(), "{len} bytes");
            }
            let page = Page::decode(runs, bytes).unwrap();
            assert_eq!(page.run(0).map(|run| (run.term.to_owned(), run.first)), Some((term, first)));
            for n in 0..runs as usize {
                let run = page.run(n).unwrap();
                assert_eq!(page.reaching(run.term, run.first), n + 1);
                match run.term {
                    "#a" => counts.push(run.counts().unwrap()),
                    term => found.extend(run.numbers().unwrap().into_iter().map(|number| (term.to_owned(), number))),
                }
            }
        }
        let expected = [("w:otter".to_owned(), 7)].into_iter();
        let expected = expected.chain(many.iter().map(|&number| ("w:otters".to_owned(), number)));
        assert!(found.into_iter().eq(expected.chain([("w:ö".to_owned(), u64::MAX)])));
        assert_eq!(counts, [[-3, i64::MIN, i64::MAX]]);
    }

    #[test]
    fn damaged_pages_are_refused() {
        for (runs, bytes) in [(1, &[][..]), (1, &[1, 0, 0, 0]), (1, &[0, 1, 0xff, 0, 0]), (1, &[0xff; 11]), (0, &[0])] {
            assert!(Page::decode(runs, bytes.to_vec()).is_none(), "{bytes:?}");
        }
    }
}
