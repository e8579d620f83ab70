//! What the log says that no segment has, in memory.

use std::collections::{BTreeMap, HashMap};

use burrow_model::record::{Counts, LogEntry};

use super::{ALL, GONE};

/// Postings and counts, by term.
#[derive(Debug, Default)]
pub(super) struct Recent {
    /// Feed numbers, which ascend.
    pub(super) postings: BTreeMap<String, Vec<u64>>,
    pub(super) counts: BTreeMap<String, Counts>,
}

impl Recent {
    /// Reads entries in their order: of several with one feed number, the last counts.
    pub(super) fn of(entries: impl IntoIterator<Item = LogEntry>) -> Self {
        let (mut recent, mut last) = (Self::default(), HashMap::new());
        for LogEntry { seq, terms, counts } in entries {
            for (term, added) in counts {
                add(recent.counts.entry(term).or_default(), added);
            }
            if let Some(seq) = seq {
                last.insert(seq, terms);
            }
        }
        let mut last: Vec<_> = last.into_iter().collect();
        last.sort_unstable_by_key(|(seq, _)| *seq);
        for (seq, terms) in last {
            let terms = terms.unwrap_or_else(|| vec![GONE.into()]);
            for term in terms.into_iter().chain([ALL.into()]) {
                recent.postings.entry(term).or_default().push(seq);
            }
        }
        recent
    }
}

/// Adds counts.
pub fn add(sum: &mut Counts, added: Counts) {
    for (sum, added) in sum.iter_mut().zip(added) {
        *sum = sum.saturating_add(added);
    }
}
