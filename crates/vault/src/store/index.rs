//! The index: which images have a term, over the four operations of the store.
//!
//! A change is one entry of a log. A range of the log becomes a segment, sorted by term; several segments become one of
//! the next level. So a change costs three calls of the store however many terms it has, and a search reads a few dozen
//! values however many images there are. docs/decisions/0013-index.md has the reasons.
//!
//! The index gives hints: an image that it leads to may be gone, or have other terms by now. Its record decides. But
//! every image is found by all of its terms: an entry is written before the record, and has the terms of the record
//! before and after the change.

mod build;
mod check;
mod counts;
mod near;
mod page;
mod recent;
mod search;
mod segment;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{Key, Vaultwide};
use burrow_model::record::{LogEntry, Segment};
use futures::{StreamExt as _, TryStreamExt as _};

use super::Store;
use crate::ports::Ports;

pub use check::sum_of;
pub use counts::Counted;
pub use recent::add;
pub use search::{Found, Order};

use recent::Recent;
use segment::Reader;

/// The term that every feed number has that a segment says something of.
const ALL: &str = "*";

/// The term of feed numbers that no image has any more.
const GONE: &str = "-";

/// Entries read at once.
const AT_ONCE: usize = 32;

/// What is added to the counter of a range's written entries before it becomes a segment without all of them: more than
/// a range has.
pub(super) const SEALED: i64 = 1 << 32;

/// How the index is divided. Only tests use another shape than the default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Entries of a range of the log, at least 2.
    pub range: u64,
    /// Segments that become one of the next level, at least 2.
    pub fan: u64,
    /// The highest level; segments of this level stay as they are.
    pub top: u32,
}

impl Default for Shape {
    /// A segment of the highest level has half a million entries: about 15 MB. A search in a vault of a million images,
    /// each with two entries, reads about 20 segments.
    fn default() -> Self {
        Self { range: 128, fan: 8, top: 4 }
    }
}

impl Shape {
    /// How many ranges a segment of a level has.
    pub(super) fn ranges(self, level: u32) -> u64 {
        self.fan.saturating_pow(level)
    }
}

/// What segments there are.
pub(super) struct Coverage {
    /// Level, first range, and segment; in the order of the log.
    pub(super) segments: Vec<(u32, u64, Segment)>,
    /// Ranges without a segment, the last of which may be incomplete.
    pub(super) open: Vec<u64>,
    /// The highest number given out.
    newest: u64,
    /// The range with which the index begins.
    pub(super) base: u64,
}

/// The index at one moment.
#[derive(Debug)]
pub struct Index<P> {
    /// Later ones come first: what they say of a feed number replaces what others say of it.
    sources: Vec<Source<P>>,
}

/// One part of the index.
#[derive(Debug)]
enum Source<P> {
    Recent(Recent),
    Segment(Reader<P>),
}

impl<P: Ports> Store<P> {
    /// Writes an entry of the log. The caller then writes what the entry says.
    pub async fn log(&self, entry: &LogEntry) -> Result<(), Error> {
        let Shape { range: len, .. } = self.shape;
        let n = loop {
            let n = self.add(Vaultwide::Log, 1).await?;
            self.save(&Key::log(n), entry).await?;
            if self.ports.increment(&Key::logged(self.range_of(n)), 1).await? < SEALED {
                break n;
            }
            // The range became a segment meanwhile, perhaps without this entry.
            self.ports.delete(&Key::log(n)).await?;
        };
        // Half a range later its writers have ended. A damaged segment must not hinder them.
        if n % len == len / 2 {
            passing_over(Box::pin(self.build_segments()).await.map(Some))?;
        }
        Ok(())
    }

    pub(super) fn range_of(&self, n: u64) -> u64 {
        n.saturating_sub(1) / self.shape.range
    }

    /// The numbers of a range's entries.
    fn numbers_of(&self, range: u64) -> std::ops::RangeInclusive<u64> {
        let first = range * self.shape.range;
        first + 1..=first + self.shape.range
    }

    /// Notes that the index has every image: it begins after this number of the log.
    pub async fn begin_index(&self, after: u64) -> Result<(), Error> {
        self.set_mark(Vaultwide::Indexed, after).await
    }

    /// Whether the index has every image.
    pub async fn is_indexed(&self) -> Result<bool, Error> {
        Ok(self.mark(Vaultwide::Indexed).await?.is_some())
    }

    /// Finds the segments: those of the highest levels that there are.
    pub(super) async fn coverage(&self) -> Result<Coverage, Error> {
        let Shape { range: len, top, .. } = self.shape;
        let base = self.mark(Vaultwide::Indexed).await?.unwrap_or(0) / len;
        let newest = self.count(Vaultwide::Log).await?;
        let (complete, all) = (newest / len, newest.div_ceil(len));
        let (mut segments, mut open, mut first) = (Vec::new(), Vec::new(), base);
        'ranges: while first < all {
            for level in (0..=top).rev() {
                let ranges = self.shape.ranges(level);
                let fits = (first - base).is_multiple_of(ranges) && first + ranges <= complete;
                if fits && let Some(segment) = self.load::<Segment>(&Key::segment(level, first)).await? {
                    segments.push((level, first, segment));
                    first += ranges;
                    continue 'ranges;
                }
            }
            open.push(first);
            first += 1;
        }
        Ok(Coverage { segments, open, newest, base })
    }

    /// The entries of ranges in their order. Entries that are missing or damaged are left out.
    async fn entries(&self, ranges: &[u64], newest: u64) -> Result<Vec<LogEntry>, Error> {
        let numbers: Vec<u64> =
            ranges.iter().flat_map(|&range| self.numbers_of(range)).filter(|&n| n <= newest).collect();
        let entries = futures::stream::iter(numbers)
            .map(async |n| passing_over(self.load::<LogEntry>(&Key::log(n)).await))
            .buffered(AT_ONCE);
        entries.try_filter_map(async |entry| Ok(entry)).try_collect().await
    }

    /// Opens the index. `None` if the vault is older than its index.
    pub async fn index(&self) -> Result<Option<Index<P>>, Error> {
        if !self.is_indexed().await? {
            return Ok(None);
        }
        let Coverage { segments, open, newest, .. } = self.coverage().await?;
        let recent = Recent::of(self.entries(&open, newest).await?);
        let segments = segments.into_iter().rev().map(|(_, _, segment)| Source::Segment(Reader::new(self, segment)));
        Ok(Some(Index { sources: std::iter::once(Source::Recent(recent)).chain(segments).collect() }))
    }
}
