//! Finds the images that have any of several terms.

use std::collections::HashMap;

use burrow_model::error::Error;

use super::{Index, Source};
use crate::ports::Ports;

/// The most images of one term that are looked at.
const MAX_NUMBERS: usize = 1024;

impl<P: Ports> Index<P> {
    /// The feed numbers that have any of these terms, and how many of them each has. Of a term that very many images
    /// have, it finds only some, of the latest parts of the index. As everywhere in the index, these are hints.
    pub async fn having_any(&self, terms: &[String]) -> Result<HashMap<u64, usize>, Error> {
        let mut found = HashMap::new();
        for term in terms {
            let mut numbers = Vec::new();
            for source in &self.sources {
                if numbers.len() >= MAX_NUMBERS {
                    break;
                }
                match source {
                    Source::Recent(recent) => numbers.extend(recent.postings.get(term).into_iter().flatten()),
                    Source::Segment(reader) => {
                        let mut runs = reader.runs_from(term).await?;
                        while numbers.len() < MAX_NUMBERS
                            && let Some((page, run)) = runs.peek().await?
                            && let Some(run) = page.run(run).filter(|run| run.term == *term)
                        {
                            numbers.extend(run.numbers().ok_or_else(|| reader.damaged())?);
                            runs.skip();
                        }
                    }
                }
            }
            // Several parts may have the same.
            numbers.sort_unstable();
            numbers.dedup();
            for number in numbers {
                *found.entry(number).or_default() += 1;
            }
        }
        Ok(found)
    }
}
