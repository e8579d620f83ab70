//! Builds segments: of ranges of the log, and of segments of a lower level.
//!
//! Whoever notices that a segment can be built claims it and builds it. Its pages are written first, under keys of its
//! own; the one write of its record makes it count. What it replaces stays for an hour, for those who are reading it.

use std::collections::HashMap;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{Key, SegmentId, Vaultwide};
use burrow_model::record::{Counts, LogEntry, Rubbish, Segment};

use super::super::{LEASE, Store};
use super::recent::{Recent, add};
use super::segment::{Reader, Runs, Writer};
use super::{ALL, Coverage, GONE, SEALED, Shape};
use crate::ports::Ports;
use crate::terms::COUNTED;

impl<P: Ports> Store<P> {
    /// Builds every segment that can be built now, and that no other caller builds.
    pub async fn build_segments(&self) -> Result<(), Error> {
        let mut coverage = self.coverage().await?;
        for range in std::mem::take(&mut coverage.open) {
            if *self.numbers_of(range).end() <= coverage.newest
                && let Some(segment) = self.build(range, coverage.newest).await?
            {
                coverage.segments.push((0, range, segment));
            }
        }
        coverage.segments.sort_unstable_by_key(|(_, first, _)| *first);
        while let Some(at) = self.mergeable(&coverage) {
            let fan = usize::try_from(self.shape.fan).unwrap_or(usize::MAX);
            let parts: Vec<_> = coverage.segments.drain(at..at + fan).collect();
            let Some(merged) = self.merge(&coverage, parts).await? else { return Ok(()) };
            coverage.segments.insert(at, merged);
        }
        Ok(())
    }

    /// The position of the first of as many segments of one level as become one of the next level.
    fn mergeable(&self, coverage: &Coverage) -> Option<usize> {
        let Shape { fan, top, .. } = self.shape;
        let fan = usize::try_from(fan).ok()?;
        coverage.segments.windows(fan).position(|parts| {
            let Some(&(level, first, _)) = parts.first() else { return false };
            let ranges = self.shape.ranges(level);
            level < top
                && (first - coverage.base).is_multiple_of(self.shape.ranges(level + 1))
                && (0..).zip(parts).all(|(n, part)| (part.0, part.1) == (level, first + n * ranges))
        })
    }

    /// Makes a segment of a range. `None` if it has to wait, or if another caller builds it.
    async fn build(&self, range: u64, newest: u64) -> Result<Option<Segment>, Error> {
        let len = i64::try_from(self.shape.range).unwrap_or(i64::MAX);
        let written = self.ports.increment(&Key::logged(range), 0).await?;
        // Some writer has not written its entry yet. If many came after it, it is taken for dead.
        if written < len && newest < (range + 3).saturating_mul(self.shape.range) {
            return Ok(None);
        }
        if !self.claim_building(0, range).await? || self.load::<Segment>(&Key::segment(0, range)).await?.is_some() {
            return Ok(None);
        }
        if written < len {
            // Whoever writes an entry of this range from now on writes it again, with another number. This comes before
            // the entries are read, so that none is missed.
            self.ports.increment(&Key::logged(range), SEALED).await?;
        }
        let segment = self.write_segment(Recent::of(self.entries(&[range], newest).await?)).await?;
        self.save(&Key::segment(0, range), &segment).await?;
        self.discard(Rubbish::Log(range)).await?;
        Ok(Some(segment))
    }

    async fn write_segment(&self, recent: Recent) -> Result<Segment, Error> {
        let mut writer = Writer::new(self);
        // The terms of counts come before all others.
        for (term, counts) in recent.counts {
            writer.counts(&term, counts).await?;
        }
        for (term, numbers) in recent.postings {
            writer.postings(&term, &numbers).await?;
        }
        writer.finish().await
    }

    /// Makes one segment of several of a lower level, which come in the order of the log. `None` if another caller
    /// does.
    async fn merge(
        &self,
        coverage: &Coverage,
        parts: Vec<(u32, u64, Segment)>,
    ) -> Result<Option<(u32, u64, Segment)>, Error> {
        let Some(&(below, first, _)) = parts.first() else { return Ok(None) };
        let level = below + 1;
        let key = Key::segment(level, first);
        if !self.claim_building(level, first).await? || self.load::<Segment>(&key).await?.is_some() {
            return Ok(None);
        }
        let readers: Vec<_> = parts.iter().map(|(_, _, part)| Reader::new(self, part.clone())).collect();
        // Which part has the last word on a feed number.
        let mut owners = HashMap::new();
        for (n, reader) in readers.iter().enumerate() {
            owners.extend(reader.numbers(ALL).await?.into_iter().map(|number| (number, n)));
            if first == coverage.base {
                // No earlier part could lead to them.
                for number in reader.numbers(GONE).await? {
                    owners.remove(&number);
                }
            }
        }
        let mut writer = Writer::new(self);
        let mut walks = Vec::new();
        for reader in &readers {
            walks.push(reader.runs_from("").await?);
        }
        while let Some((term, numbers, counts)) = next_term(&mut walks, &readers, &owners).await? {
            if term.starts_with(COUNTED) {
                if counts != [0; 3] {
                    writer.counts(&term, counts).await?;
                }
            } else if !numbers.is_empty() {
                writer.postings(&term, &numbers).await?;
            }
        }
        let segment = writer.finish().await?;
        self.save(&key, &segment).await?;
        for (level, first, part) in parts {
            self.discard(Rubbish::Segment(level, first, part.id)).await?;
        }
        Ok(Some((level, first, segment)))
    }

    /// Claims to build a segment. If the owner dies, another term has another claim.
    async fn claim_building(&self, level: u32, first: u64) -> Result<bool, Error> {
        let term = self.term(LEASE);
        if self.ports.increment(&Key::building(level, first, term), 1).await? != 1 {
            return Ok(false);
        }
        self.discard(Rubbish::Building(level, first, term)).await?;
        // A claim made at the end of a term must hold when the next one begins.
        Ok(self.ports.increment(&Key::building(level, first, term + 1), 1).await? == 1)
    }

    /// Deletes the entries of a range that has been a segment for an hour.
    pub(in crate::store) async fn forget_log(&self, range: u64) -> Result<(), Error> {
        for n in self.numbers_of(range) {
            self.ports.delete(&Key::log(n)).await?;
        }
        // If it was sealed, a late writer must still see that.
        if self.ports.increment(&Key::logged(range), 0).await? < SEALED {
            self.ports.delete(&Key::logged(range)).await?;
        }
        Ok(())
    }

    /// Deletes a segment that a higher one replaced an hour ago.
    pub(in crate::store) async fn forget_segment(&self, level: u32, first: u64, id: SegmentId) -> Result<(), Error> {
        let key = Key::segment(level, first);
        let Some(segment) = passing_over(self.load::<Segment>(&key).await)? else { return Ok(()) };
        if segment.id == id {
            // The record is deleted last, because it has the number of pages.
            for n in 0..u32::try_from(segment.pages.len()).unwrap_or(u32::MAX) {
                self.ports.delete(&Key::postings(segment.id, n)).await?;
            }
            self.ports.delete(&key).await?;
        }
        Ok(())
    }

    /// Makes the index anew from entries, each of another image or only of counts; `more` returns some, and none after
    /// the last. Nobody else may use the vault. The old index counts until the new one is complete.
    pub async fn rebuild_index(
        &self,
        mut more: impl AsyncFnMut(usize) -> Result<Vec<LogEntry>, Error>,
    ) -> Result<(), Error> {
        let Shape { range: len, fan, top } = self.shape;
        // Segments of this level are small enough to be held in memory.
        let level = top.min(2);
        let ranges = self.shape.ranges(level);
        let batch = usize::try_from(len * fan.saturating_pow(level)).unwrap_or(usize::MAX);
        let given_out = self.count(Vaultwide::Log).await?;
        let base = given_out.div_ceil(len);
        let (mut first, mut reached) = (base, given_out);
        loop {
            let entries = more(batch).await?;
            if entries.is_empty() {
                break;
            }
            let end = (first + ranges) * len;
            self.add(Vaultwide::Log, (end - reached).cast_signed()).await?;
            reached = end;
            let segment = self.write_segment(Recent::of(entries)).await?;
            self.save(&Key::segment(level, first), &segment).await?;
            first += ranges;
        }
        if reached < base * len {
            self.add(Vaultwide::Log, (base * len - reached).cast_signed()).await?;
        }
        self.begin_index(base * len).await?;
        self.build_segments().await
    }
}

/// The next term of several segments: its feed numbers, each only from the part that has the last word on it, and the
/// sum of its counts.
async fn next_term<P: Ports>(
    walks: &mut [Runs<'_, P>],
    readers: &[Reader<P>],
    owners: &HashMap<u64, usize>,
) -> Result<Option<(String, Vec<u64>, Counts)>, Error> {
    let mut term: Option<String> = None;
    for walk in walks.iter_mut() {
        if let Some((page, run)) = walk.peek().await?
            && let Some(run) = page.run(run)
            && term.as_deref().is_none_or(|lowest| run.term < lowest)
        {
            term = Some(run.term.to_owned());
        }
    }
    let Some(term) = term else { return Ok(None) };
    let (mut numbers, mut counts) = (Vec::new(), [0; 3]);
    for (n, (walk, reader)) in walks.iter_mut().zip(readers).enumerate() {
        while let Some((page, run)) = walk.peek().await?
            && let Some(run) = page.run(run).filter(|run| run.term == term)
        {
            if term.starts_with(COUNTED) {
                add(&mut counts, run.counts().ok_or_else(|| reader.damaged())?);
            } else {
                let all = run.numbers().ok_or_else(|| reader.damaged())?;
                numbers.extend(all.into_iter().filter(|number| owners.get(number) == Some(&n)));
            }
            walk.skip();
        }
    }
    numbers.sort_unstable();
    Ok(Some((term, numbers, counts)))
}
