//! Finds the images that meet several conditions, in the order of the feed.

use burrow_model::error::Error;

use super::recent::Recent;
use super::segment::Reader;
use super::{ALL, Index, Source};
use crate::ports::Ports;
use crate::terms::Clause;

/// The most terms of a range that are looked at in one segment, and the most pages read to find them.
const MAX_TERMS: usize = 4096;
const MAX_PAGES: usize = 64;

/// The most conditions that decide which images are looked at. The records decide about the others.
const MAX_CLAUSES: usize = 16;

/// Work of one search: each step in a list counts 1.
const MAX_STEPS: usize = 500_000;

/// What reading a page of a segment counts.
const PAGE_STEPS: usize = 200;

/// The order in which images are listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Those accepted last come first.
    #[default]
    Newest,
    /// Those accepted first come first.
    Oldest,
}

impl Order {
    /// Whether a number comes before another.
    fn is_before(self, one: u64, other: u64) -> bool {
        match self {
            Self::Newest => one > other,
            Self::Oldest => one < other,
        }
    }

    /// The number after this one; `None` if there is none.
    pub fn after(self, number: u64) -> Option<u64> {
        match self {
            Self::Newest => number.checked_sub(1),
            Self::Oldest => number.checked_add(1),
        }
    }

    /// The number before this one.
    pub fn before(self, number: u64) -> u64 {
        match self {
            Self::Newest => number.saturating_add(1),
            Self::Oldest => number.saturating_sub(1),
        }
    }

    /// Of ascending numbers, the first in this order that does not come before `target`.
    fn first_of(self, numbers: &[u64], target: u64) -> Option<u64> {
        match self {
            Self::Newest => numbers.partition_point(|&number| number <= target).checked_sub(1),
            Self::Oldest => Some(numbers.partition_point(|&number| number < target)),
        }
        .and_then(|at| numbers.get(at).copied())
    }
}

/// What a search finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The feed number of an image that probably meets all conditions.
    Image(u64),
    /// The search did as much as one search does. What comes before this number in the order was found.
    Spent(u64),
    /// There are no more.
    End,
}

/// The feed numbers that meet one condition, in one part of the index.
#[derive(Debug, Default)]
struct List {
    /// Those of terms with few images, ascending.
    few: Vec<u64>,
    /// Terms with many images, each with the run read last.
    many: Vec<(String, Vec<u64>)>,
}

impl List {
    fn of_term(term: &str) -> Self {
        Self { few: Vec::new(), many: vec![(term.to_owned(), Vec::new())] }
    }

    /// The first number in the order that does not come before `target`.
    async fn seek<P: Ports>(&mut self, source: &Source<P>, order: Order, target: u64) -> Result<Option<u64>, Error> {
        let mut first = order.first_of(&self.few, target);
        for (term, run) in &mut self.many {
            let found = match source {
                Source::Recent(recent) => recent.postings.get(term).and_then(|numbers| order.first_of(numbers, target)),
                Source::Segment(reader) => seek_run(reader, term, run, order, target).await?,
            };
            first = match (first, found) {
                (Some(one), Some(other)) => Some(if order.is_before(other, one) { other } else { one }),
                (one, other) => one.or(other),
            };
        }
        Ok(first)
    }
}

/// Seeks in the runs of a term. `last` is the run read last.
async fn seek_run<P: Ports>(
    reader: &Reader<P>,
    term: &str,
    last: &mut Vec<u64>,
    order: Order,
    target: u64,
) -> Result<Option<u64>, Error> {
    if last.first().is_some_and(|first| *first <= target) && last.last().is_some_and(|end| target <= *end) {
        return Ok(order.first_of(last, target));
    }
    let at = reader.run_at(term, target).await?;
    if let Some((n, run)) = at
        && let Some(page) = reader.page(n).await?
        && let Some(run) = page.run(run).filter(|run| run.term == term)
    {
        *last = run.numbers().ok_or_else(|| reader.damaged())?;
        if let Some(found) = order.first_of(last, target) {
            return Ok(Some(found));
        }
    }
    if order == Order::Newest {
        // Every run of the term begins after the target.
        return Ok(None);
    }
    let (mut n, mut next) = at.map_or((0, 0), |(n, run)| (n, run + 1));
    loop {
        let Some(page) = reader.page(n).await? else { return Ok(None) };
        let Some(run) = page.run(next) else {
            (n, next) = (n + 1, 0);
            continue;
        };
        return Ok((run.term == term).then_some(run.first));
    }
}

impl<P: Ports> Source<P> {
    /// The images that meet a condition; `None` if the condition is to be left to the records.
    async fn list(&self, clause: &Clause) -> Result<Option<List>, Error> {
        let Clause::Range { from, end, or } = clause else {
            let Clause::Term(term) = clause else { return Ok(None) };
            return Ok(Some(List::of_term(term)));
        };
        let all = match self {
            Self::Recent(recent) => Some(range_of_recent(recent, from, end)),
            Self::Segment(reader) => range_of(reader, from, end).await?,
        };
        Ok(all.or_else(|| or.as_deref().map(List::of_term)))
    }

    fn pages_read(&self) -> usize {
        match self {
            Self::Recent(_) => 0,
            Self::Segment(reader) => reader.pages_read(),
        }
    }
}

fn range_of_recent(recent: &Recent, from: &str, end: &str) -> List {
    let range = (std::ops::Bound::Included(from), std::ops::Bound::Excluded(end));
    let mut few: Vec<u64> = recent.postings.range::<str, _>(range).flat_map(|(_, numbers)| numbers).copied().collect();
    few.sort_unstable();
    few.dedup();
    List { few, many: Vec::new() }
}

/// The images that have a term of a range; `None` if there are too many terms.
async fn range_of<P: Ports>(reader: &Reader<P>, from: &str, end: &str) -> Result<Option<List>, Error> {
    let (mut list, mut terms, before) = (List::default(), 0, reader.pages_read());
    let mut runs = reader.runs_from(from).await?;
    while let Some((page, n)) = runs.peek().await?
        && let Some(run) = page.run(n).filter(|run| run.term < end)
    {
        terms += 1;
        if terms > MAX_TERMS || reader.pages_read() > before + MAX_PAGES {
            return Ok(None);
        }
        // A term with one run in this page, and another term after it.
        if page.run(n + 1).is_some_and(|next| next.term != run.term) {
            list.few.extend(run.numbers().ok_or_else(|| reader.damaged())?);
            runs.skip();
        } else {
            list.many.push((run.term.to_owned(), Vec::new()));
            runs.skip_term(run.term).await?;
        }
    }
    list.few.sort_unstable();
    list.few.dedup();
    Ok(Some(list))
}

/// The search in one part of the index.
#[derive(Debug)]
struct Part {
    lists: Vec<List>,
    /// What this part says anything of.
    all: List,
    /// Where the search in this part goes on.
    target: Option<u64>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The next one is not known yet.
    Open,
    /// The next one.
    At(u64),
    /// What comes before this number was found.
    Spent(u64),
    End,
}

/// A search.
#[derive(Debug)]
pub struct Search<'a, P> {
    index: &'a Index<P>,
    order: Order,
    parts: Vec<Part>,
    steps: usize,
}

impl<P: Ports> Index<P> {
    /// Searches for images that meet all conditions, from the feed number `from` on.
    pub async fn search(&self, clauses: &[Clause], order: Order, from: u64) -> Result<Search<'_, P>, Error> {
        let mut parts = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            let mut lists = Vec::new();
            for clause in clauses.iter().take(MAX_CLAUSES) {
                lists.extend(source.list(clause).await?);
            }
            if lists.is_empty() {
                lists.push(List::of_term(ALL));
            }
            parts.push(Part { lists, all: List::of_term(ALL), target: Some(from), state: State::Open });
        }
        Ok(Search { index: self, order, parts, steps: 0 })
    }
}

impl<P: Ports> Search<'_, P> {
    /// Finds the next image.
    pub async fn next(&mut self) -> Result<Found, Error> {
        loop {
            for n in 0..self.parts.len() {
                self.settle(n).await?;
            }
            let order = self.order;
            let mut first: Option<(usize, u64)> = None;
            let mut spent: Option<u64> = None;
            for (n, part) in self.parts.iter().enumerate() {
                match part.state {
                    State::At(at) if first.is_none_or(|(_, first)| order.is_before(at, first)) => first = Some((n, at)),
                    State::Spent(at) if spent.is_none_or(|first| order.is_before(at, first)) => spent = Some(at),
                    _ => {}
                }
            }
            let Some((n, at)) = first.filter(|(_, at)| spent.is_none_or(|spent| order.is_before(*at, spent))) else {
                return Ok(spent.map_or(Found::End, Found::Spent));
            };
            if let Some(part) = self.parts.get_mut(n) {
                part.target = order.after(at);
                part.state = State::Open;
            }
            if !self.is_replaced(n, at).await? {
                return Ok(Found::Image(at));
            }
        }
    }

    /// Finds the next number in a part, if it is not known.
    async fn settle(&mut self, n: usize) -> Result<(), Error> {
        let (Some(part), Some(source)) = (self.parts.get_mut(n), self.index.sources.get(n)) else { return Ok(()) };
        if part.state != State::Open {
            return Ok(());
        }
        let Some(mut target) = part.target else {
            part.state = State::End;
            return Ok(());
        };
        // Each list in turn moves the target on, until all have it.
        let (mut agreeing, mut list) = (0, 0);
        while agreeing < part.lists.len() {
            let before = source.pages_read();
            let Some(lists) = part.lists.get_mut(list) else { break };
            let found = lists.seek(source, self.order, target).await?;
            self.steps += 1 + PAGE_STEPS * (source.pages_read() - before);
            let Some(found) = found else {
                part.state = State::End;
                return Ok(());
            };
            agreeing = if found == target { agreeing + 1 } else { 1 };
            target = found;
            list = (list + 1) % part.lists.len();
            if self.steps > MAX_STEPS && agreeing < part.lists.len() {
                part.state = State::Spent(target);
                return Ok(());
            }
        }
        part.state = State::At(target);
        Ok(())
    }

    /// Whether a later part has the last word on a number.
    async fn is_replaced(&mut self, n: usize, number: u64) -> Result<bool, Error> {
        for (part, source) in self.parts.iter_mut().zip(&self.index.sources).take(n) {
            let before = source.pages_read();
            let found = part.all.seek(source, self.order, number).await?;
            self.steps += 1 + PAGE_STEPS * (source.pages_read() - before);
            if found == Some(number) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl<P: Ports> Index<P> {
    /// Whether the index leads from each of these terms to a feed number.
    pub async fn leads_to(&self, number: u64, terms: impl IntoIterator<Item = &String>) -> Result<bool, Error> {
        for source in &self.sources {
            if List::of_term(ALL).seek(source, Order::Oldest, number).await? == Some(number) {
                for term in terms {
                    if List::of_term(term).seek(source, Order::Oldest, number).await? != Some(number) {
                        return Ok(false);
                    }
                }
                return Ok(true);
            }
        }
        Ok(false)
    }
}
