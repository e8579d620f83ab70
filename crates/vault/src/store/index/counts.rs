//! Counts over all images: of tags, media types and days.

use std::collections::BTreeMap;
use std::ops::Bound;

use burrow_model::error::Error;
use burrow_model::record::Counts;

use super::recent::add;
use super::{Index, Source};
use crate::ports::Ports;

/// Counts of terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Terms that some image has, with their counts, sorted.
    pub counts: Vec<(String, Counts)>,
    /// The term after which the rest comes; `None` if these are all.
    pub next: Option<String>,
}

impl<P: Ports> Index<P> {
    /// The counts of the terms after `after` that begin with `prefix`: the first `most`, if there are more.
    pub async fn counts(&self, prefix: &str, after: &str, most: usize) -> Result<Counted, Error> {
        let (mut sums, mut known) = (BTreeMap::<String, Counts>::new(), None::<String>);
        // A term may count nothing any more, so some more are read than are asked for.
        let enough = most.saturating_mul(2).saturating_add(100);
        let from = prefix.max(after);
        for source in &self.sources {
            let mut read = 0;
            match source {
                Source::Recent(recent) => {
                    let counts = recent.counts.range::<str, _>((Bound::Included(from), Bound::Unbounded));
                    for (term, counts) in counts.take_while(|(term, _)| term.starts_with(prefix)) {
                        add(sums.entry(term.clone()).or_default(), *counts);
                    }
                }
                Source::Segment(reader) => {
                    let mut runs = reader.runs_from(from).await?;
                    while let Some((page, run)) = runs.peek().await?
                        && let Some(run) = page.run(run).filter(|run| run.term.starts_with(prefix))
                    {
                        if read > enough {
                            // Of terms after this one, this source may count more.
                            if known.as_deref().is_none_or(|known| run.term < known) {
                                known = Some(run.term.to_owned());
                            }
                            break;
                        }
                        read += 1;
                        let counts = run.counts().ok_or_else(|| reader.damaged())?;
                        add(sums.entry(run.term.to_owned()).or_default(), counts);
                        runs.skip();
                    }
                }
            }
        }
        let is_known = |term: &str| known.as_deref().is_none_or(|known| term < known);
        sums.retain(|term, _| term.as_str() > after && is_known(term));
        let mut next = known.as_ref().and_then(|_| sums.keys().next_back().cloned());
        let mut counts: Vec<_> = sums.into_iter().filter(|(_, [images, ..])| *images > 0).collect();
        if counts.len() > most {
            counts.truncate(most);
            next = counts.last().map(|(term, _)| term.clone());
        }
        Ok(Counted { counts, next })
    }
}
