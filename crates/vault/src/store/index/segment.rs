//! Writes and reads segments.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use burrow_model::envelope;
use burrow_model::error::Error;
use burrow_model::key::{Key, SegmentId};
use burrow_model::record::{Counts, Postings, Segment};

use super::super::Store;
use super::page::{Complete, Draft, Page};
use crate::ports::Ports;

/// The most pages that a reader keeps in memory.
const KEPT: usize = 64;

/// A segment that is being written. Nothing leads to its pages yet.
pub(super) struct Writer<'a, P> {
    store: &'a Store<P>,
    segment: Segment,
    draft: Draft,
}

impl<'a, P: Ports> Writer<'a, P> {
    pub(super) fn new(store: &'a Store<P>) -> Self {
        let id = SegmentId::new(store.ports.now(), &store.ports.ten_bytes());
        Self { store, segment: Segment { id, pages: Vec::new() }, draft: Draft::default() }
    }

    /// Writes feed numbers, which ascend, under a term. Terms ascend, too.
    pub(super) async fn postings(&mut self, term: &str, numbers: &[u64]) -> Result<(), Error> {
        for page in self.draft.postings(term, numbers) {
            self.page(page).await?;
        }
        Ok(())
    }

    /// Writes the counts of a term.
    pub(super) async fn counts(&mut self, term: &str, counts: Counts) -> Result<(), Error> {
        match self.draft.counts(term, counts) {
            Some(page) => self.page(page).await,
            None => Ok(()),
        }
    }

    /// Writes the last page. The caller makes something lead to the segment.
    pub(super) async fn finish(mut self) -> Result<Segment, Error> {
        if let Some(page) = self.draft.complete() {
            self.page(page).await?;
        }
        Ok(self.segment)
    }

    async fn page(&mut self, (first, runs, bytes): Complete) -> Result<(), Error> {
        let n = u32::try_from(self.segment.pages.len()).unwrap_or(u32::MAX);
        let key = Key::postings(self.segment.id, n);
        let value = envelope::encode_with(&key, &Postings { runs }, &bytes)?;
        self.store.ports.set(&key, value).await?;
        self.segment.pages.push(first);
        // Building a large segment takes long.
        self.store.ports.yield_now().await;
        Ok(())
    }
}

/// A segment that is being read.
#[derive(Debug)]
pub(super) struct Reader<P> {
    store: Store<P>,
    segment: Segment,
    pages: RefCell<HashMap<usize, Rc<Page>>>,
    read: RefCell<usize>,
}

impl<P: Ports> Reader<P> {
    pub(super) fn new(store: &Store<P>, segment: Segment) -> Self {
        Self { store: store.clone(), segment, pages: RefCell::default(), read: RefCell::default() }
    }

    /// How many pages were read from the store.
    pub(super) fn pages_read(&self) -> usize {
        *self.read.borrow()
    }

    /// A page by its number; `None` after the last.
    pub(super) async fn page(&self, n: usize) -> Result<Option<Rc<Page>>, Error> {
        if n >= self.segment.pages.len() {
            return Ok(None);
        }
        if let Some(page) = self.pages.borrow().get(&n) {
            return Ok(Some(page.clone()));
        }
        let key = Key::postings(self.segment.id, u32::try_from(n).unwrap_or(u32::MAX));
        let value = self.store.ports.get(&key).await?;
        let value = value.ok_or_else(|| Error::Corrupt(format!("page of postings {key} is missing")))?;
        let (Postings { runs }, bytes) = envelope::decode_with(&key, &value)?;
        let page = Page::decode(runs, bytes).ok_or_else(|| damaged(&key))?;
        let page = Rc::new(page);
        *self.read.borrow_mut() += 1;
        let mut pages = self.pages.borrow_mut();
        if pages.len() >= KEPT {
            pages.clear();
        }
        pages.insert(n, page.clone());
        Ok(Some(page))
    }

    /// Page and run of the last run that begins before or at a term and feed number.
    pub(super) async fn run_at(&self, term: &str, number: u64) -> Result<Option<(usize, usize)>, Error> {
        let reaching = self.segment.pages.partition_point(|(first, seq)| (first.as_str(), *seq) <= (term, number));
        let Some(n) = reaching.checked_sub(1) else { return Ok(None) };
        let Some(page) = self.page(n).await? else { return Ok(None) };
        Ok(page.reaching(term, number).checked_sub(1).map(|run| (n, run)))
    }

    /// Walks the runs from a term on.
    pub(super) async fn runs_from(&self, term: &str) -> Result<Runs<'_, P>, Error> {
        let (page, run) = match self.run_at(term, 0).await? {
            None => (0, 0),
            // This run may belong to an earlier term.
            Some((page, run)) => {
                let is_it = self.page(page).await?.is_some_and(|it| it.run(run).is_some_and(|run| run.term >= term));
                (page, if is_it { run } else { run + 1 })
            }
        };
        Ok(Runs { reader: self, page, run })
    }

    /// All feed numbers of a term.
    pub(super) async fn numbers(&self, term: &str) -> Result<Vec<u64>, Error> {
        let (mut runs, mut numbers) = (self.runs_from(term).await?, Vec::new());
        while let Some((page, run)) = runs.peek().await? {
            let Some(run) = page.run(run).filter(|run| run.term == term) else { break };
            numbers.extend(run.numbers().ok_or_else(|| self.damaged())?);
            runs.skip();
        }
        Ok(numbers)
    }

    /// The error that a run of this segment is damaged.
    pub(super) fn damaged(&self) -> Error {
        damaged(&Key::postings(self.segment.id, 0))
    }
}

fn damaged(key: &Key) -> Error {
    Error::Corrupt(format!("page of postings {key}: its runs are damaged"))
}

/// A walk over the runs of a segment.
pub(super) struct Runs<'a, P> {
    reader: &'a Reader<P>,
    page: usize,
    run: usize,
}

impl<P: Ports> Runs<'_, P> {
    /// The next run: its page, and its number there. `None` after the last.
    pub(super) async fn peek(&mut self) -> Result<Option<(Rc<Page>, usize)>, Error> {
        loop {
            let Some(page) = self.reader.page(self.page).await? else { return Ok(None) };
            if page.run(self.run).is_some() {
                return Ok(Some((page, self.run)));
            }
            (self.page, self.run) = (self.page + 1, 0);
        }
    }

    /// Goes past the next run.
    pub(super) fn skip(&mut self) {
        self.run += 1;
    }

    /// Goes past all runs of a term.
    pub(super) async fn skip_term(&mut self, term: &str) -> Result<(), Error> {
        if let Some((page, run)) = self.reader.run_at(term, u64::MAX).await? {
            (self.page, self.run) = (page, run + 1);
        }
        Ok(())
    }
}
