//! Reads the whole index, to compare it with the images.

use std::collections::{BTreeMap, HashMap};

use burrow_model::error::Error;
use burrow_model::record::Counts;
use xxhash_rust::xxh3::xxh3_64;

use super::recent::add;
use super::{ALL, GONE, Index, Source};
use crate::ports::Ports;
use crate::terms::COUNTED;

/// What the index says.
#[derive(Debug, Default)]
pub struct Said {
    /// For each feed number that has an image, the sum over its terms; see [`sum_of`].
    pub sums: HashMap<u64, u64>,
    /// All counts that are not 0.
    pub counts: BTreeMap<String, Counts>,
}

/// A number that is the same for the same terms, and different for others, except for one in 2^64.
pub fn sum_of<'a>(terms: impl IntoIterator<Item = &'a String>) -> u64 {
    terms.into_iter().fold(0, |sum, term| sum.wrapping_add(xxh3_64(term.as_bytes())))
}

impl Said {
    fn note(&mut self, term: &str, numbers: &[u64], owned: &HashMap<u64, bool>) {
        if term == ALL || term == GONE {
            return;
        }
        let hash = xxh3_64(term.as_bytes());
        for number in numbers.iter().filter(|number| owned.get(number) == Some(&true)) {
            let sum = self.sums.entry(*number).or_default();
            *sum = sum.wrapping_add(hash);
        }
    }
}

impl<P: Ports> Index<P> {
    /// Reads all of it. Its memory grows by about 60 bytes an image.
    pub async fn read_all(&self) -> Result<Said, Error> {
        let mut said = Said::default();
        // Whether this source has the last word on a number, or a later one.
        let mut owned = HashMap::<u64, bool>::new();
        for source in &self.sources {
            for is_ours in owned.values_mut() {
                *is_ours = false;
            }
            match source {
                Source::Recent(recent) => {
                    let all = recent.postings.get(ALL).into_iter().flatten();
                    owned.extend(all.map(|number| (*number, true)));
                    for (term, numbers) in &recent.postings {
                        said.note(term, numbers, &owned);
                    }
                    for (term, counts) in &recent.counts {
                        add(said.counts.entry(term.clone()).or_default(), *counts);
                    }
                }
                Source::Segment(reader) => {
                    for number in reader.numbers(ALL).await? {
                        owned.entry(number).or_insert(true);
                    }
                    let mut runs = reader.runs_from("").await?;
                    while let Some((page, run)) = runs.peek().await?
                        && let Some(run) = page.run(run)
                    {
                        if run.term.starts_with(COUNTED) {
                            let counts = run.counts().ok_or_else(|| reader.damaged())?;
                            add(said.counts.entry(run.term.to_owned()).or_default(), counts);
                        } else {
                            let numbers = run.numbers().ok_or_else(|| reader.damaged())?;
                            said.note(run.term, &numbers, &owned);
                        }
                        runs.skip();
                    }
                }
            }
        }
        said.counts.retain(|_, counts| *counts != [0; 3]);
        Ok(said)
    }
}
