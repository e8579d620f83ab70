//! Verifies the index: whether every image is found by its terms, and whether all of the index is used.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, SegmentId, Vaultwide};
use burrow_model::record::{Counts, ImageRecord, LogEntry, Rubbish, Segment, State};

use super::super::Store;
use super::super::index::{SEALED, add, sum_of};
use super::blobs::Blobs;
use super::claims::Trashed;
use super::found::Found;
use super::survey::Survey;
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;
use crate::terms::{self, LIKENESS};

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Compares the index with the images. If it lacks something, it is made anew.
    pub(super) async fn terms(
        &mut self,
        survey: &Survey,
        found: &Found,
        blobs: &Blobs,
        trashed: &Trashed,
    ) -> Result<(), Error> {
        let (store, key) = (self.store, Key::vaultwide(Vaultwide::Indexed));
        let (len, top) = (store.shape.range, store.shape.top);
        let last_segment = survey
            .segments
            .iter()
            .map(|(level, first)| first.saturating_add(store.shape.ranges((*level).min(top))).saturating_mul(len));
        // The sweep will delete the entries of these ranges, so no new entry may have such a number.
        let last_trashed = trashed.logs.iter().map(|range| range.saturating_add(1).saturating_mul(len));
        let highest = last_segment.chain(last_trashed).chain(survey.log.last().copied()).max().unwrap_or(0);
        self.reaches(&Key::vaultwide(Vaultwide::Log), true, highest).await?;
        let is_usable = match passing_over(store.is_indexed().await.map(Some))? {
            Some(true) => self.compare(found, blobs).await?,
            _ if !self.plan.repair || store.count(Vaultwide::Feed).await? == 0 => return Ok(()),
            _ => {
                let detail = "this vault is older than its index; now it has one".into();
                self.tell(FaultKind::Unlisted, key.as_str(), None, detail, true).await;
                false
            }
        };
        if self.plan.repair && !is_usable {
            self.rebuild(survey, blobs).await
        } else if self.is_alone() && is_usable {
            self.unsearched(survey, trashed).await
        } else {
            Ok(())
        }
    }

    /// Whether the index is as the images say.
    async fn compare(&mut self, found: &Found, blobs: &Blobs) -> Result<bool, Error> {
        let (store, key) = (self.store, Key::vaultwide(Vaultwide::Indexed));
        let read = async {
            let Some(index) = store.index().await? else { return Ok(None) };
            index.read_all().await.map(Some)
        };
        let mut said = match read.await {
            Ok(Some(said)) => said,
            Ok(None) => return Ok(true),
            Err(error @ (Error::Corrupt(_) | Error::Newer(_))) => {
                let kind = FaultKind::of_unreadable(&error, FaultKind::DamagedRecord);
                let is_repaired = self.plan.repair && kind == FaultKind::DamagedRecord;
                self.tell(kind, key.as_str(), None, error.to_string(), is_repaired).await;
                return Ok(kind == FaultKind::Newer);
            }
            Err(error) => return Err(error),
        };
        let mut is_right = true;
        let suspects: Vec<u64> =
            found.terms.iter().filter(|(seq, sum)| said.sums.remove(seq) != Some(*sum)).map(|(seq, _)| *seq).collect();
        for seq in suspects {
            if let Some(image) = self.not_found(seq).await? {
                is_right = false;
                let detail = "the index does not lead to the image by all of its terms".into();
                let repaired = self.plan.repair;
                self.tell(FaultKind::Unlisted, key.as_str(), Some(image), detail, repaired).await;
            }
        }
        // What concerns images that cannot be read is not known.
        if !self.is_alone() || self.blind || (found.half_removed && !self.plan.repair) {
            return Ok(is_right);
        }
        let likenesses = said.sums;
        let mut left: Vec<u64> = likenesses.keys().copied().collect();
        left.sort_unstable();
        for seq in left {
            let detail = if seq < LIKENESS {
                format!("the index leads to number {seq}, which no image has")
            } else if is_likeness(store, seq & !LIKENESS, likenesses.get(&seq).copied().unwrap_or_default()).await? {
                continue;
            } else {
                format!("the index leads by a likeness to number {}, which has no such likeness", seq & !LIKENESS)
            };
            is_right = false;
            self.tell(FaultKind::Stale, key.as_str(), None, detail, self.plan.repair).await;
        }
        let mut right = found.counts.clone();
        for (kind, counts) in &blobs.counts {
            add(right.entry(kind.clone()).or_default(), *counts);
        }
        let known = |mut all: BTreeMap<String, Counts>| {
            // What was saved by a blob whose manifest cannot be read is not known, so nor are stored bytes.
            all.values_mut().filter(|_| blobs.damaged).for_each(|[.., stored]| *stored = 0);
            all.retain(|_, counts| *counts != [0; 3]);
            all
        };
        let [said, right] = [said.counts, right].map(known);
        if said != right {
            is_right = false;
            let wrong = |term: &&String| said.get(*term) != right.get(*term);
            let term = said.keys().chain(right.keys()).find(wrong).cloned().unwrap_or_default();
            let [is, should] = [&said, &right].map(|counts| counts.get(&term).copied().unwrap_or_default());
            let detail = format!("the counts of {term} are {is:?}, and should be {should:?}");
            self.tell(FaultKind::WrongCount, key.as_str(), None, detail, self.plan.repair).await;
        }
        Ok(is_right)
    }

    /// The image with a feed number, if the index does not lead to it by all terms, even at a second look.
    async fn not_found(&self, seq: u64) -> Result<Option<ImageId>, Error> {
        let mut last = None;
        for _ in 0..2 {
            let Some(image) = passing_over(self.store.feed(seq).await)? else { return Ok(None) };
            let terms = terms::terms_of(&image);
            let Some(index) = self.store.index().await? else { return Ok(None) };
            if index.leads_to(seq, &terms).await? || self.store.is_removed(image.id).await? {
                return Ok(None);
            }
            last = Some(image.id);
        }
        Ok(last)
    }

    /// Makes the index anew, and deletes the old one.
    async fn rebuild(&mut self, survey: &Survey, blobs: &Blobs) -> Result<(), Error> {
        let (store, mut images) = (self.store, survey.images.as_slice());
        let this = &*self;
        let mut saved = Some(blobs.counts.clone()).filter(|counts| !counts.is_empty());
        let more = async |most: usize| {
            let mut entries: Vec<LogEntry> = Vec::new();
            while entries.is_empty() && !images.is_empty() {
                let (some, rest) = images.split_at(images.len().min((most / 2).max(1)));
                images = rest;
                for (_, record) in this.load_all::<_, ImageRecord>(some, |&id| Key::image(id)).await? {
                    let Some(record) = record.ok().flatten() else { continue };
                    entries.push(terms::change(None, &record));
                    if let State::Ready(content) = &record.state
                        && let Some(Some(bits)) = store.likeness(content.blob).await?
                    {
                        entries.push(terms::of_likeness(record.seq, bits));
                    }
                }
            }
            if !entries.is_empty() {
                entries.extend(saved.take().map(|counts| terms::only(counts.into_iter().collect())));
            }
            Ok(entries)
        };
        store.rebuild_index(more).await?;
        // Listed again: this repair may have written to the log.
        let (survey, base) = (store.survey().await?, store.coverage().await?.base);
        let mut new = HashSet::new();
        for &(level, first) in survey.segments.iter().filter(|(_, first)| *first >= base) {
            new.extend(store.load::<Segment>(&Key::segment(level, first)).await?.map(|segment| segment.id));
        }
        let log = survey.log.iter().filter(|n| store.range_of(**n) < base).map(|&n| Key::log(n));
        let logged = survey.logged.iter().filter(|range| **range < base).map(|&range| Key::logged(range));
        let old = |first: &u64| *first < base;
        let segments = survey.segments.iter().filter(|(_, first)| old(first));
        let segments = segments.map(|&(level, first)| Key::segment(level, first));
        let claims = survey.buildings.iter().filter(|(_, first, _)| old(first));
        let claims = claims.map(|&(level, first, window)| Key::building(level, first, window));
        let pages = survey.postings.iter().filter(|(segment, _)| !new.contains(segment));
        let pages = pages.map(|&(segment, n)| Key::postings(segment, n));
        for key in log.chain(logged).chain(segments).chain(claims).chain(pages) {
            store.ports.delete(&key).await?;
        }
        Ok(())
    }

    /// Discards what no part of the index uses.
    async fn unsearched(&mut self, survey: &Survey, trashed: &Trashed) -> Result<(), Error> {
        let (store, detail) = (self.store, || "no search uses it".to_owned());
        let coverage = store.coverage().await?;
        let open: HashSet<u64> = coverage.open.iter().copied().collect();
        let covering: HashMap<(u32, u64), SegmentId> =
            coverage.segments.iter().map(|(level, first, segment)| ((*level, *first), segment.id)).collect();
        let mut used: HashSet<SegmentId> = covering.values().copied().chain(trashed.segments.iter().copied()).collect();
        for &(level, first) in survey.segments.iter().filter(|at| !covering.contains_key(at)) {
            let key = Key::segment(level, first);
            match store.load::<Segment>(&key).await {
                Ok(Some(segment)) if !trashed.segments.contains(&segment.id) => {
                    used.insert(segment.id);
                    let how = store.discard(Rubbish::Segment(level, first, segment.id));
                    self.mend(FaultKind::Orphan, &key, None, detail(), how).await?;
                }
                Ok(_) => {}
                Err(error) => self.forget(&key, error).await?,
            }
        }
        for key in survey.postings.iter().filter(|(id, _)| !used.contains(id)).map(|&(id, n)| Key::postings(id, n)) {
            let how = async { Ok(store.ports.delete(&key).await?) };
            self.mend(FaultKind::Orphan, &key, None, detail(), how).await?;
        }
        let logs = survey.log.iter().map(|&n| store.range_of(n));
        let mut counted = Vec::new();
        for &range in &survey.logged {
            let is_sealed = store.ports.increment(&Key::logged(range), 0).await? >= SEALED;
            if !is_sealed || range < coverage.base {
                counted.push(range);
            }
        }
        let ranges: BTreeSet<u64> = logs.chain(counted).collect();
        for range in ranges.into_iter().filter(|range| !open.contains(range) && !trashed.logs.contains(range)) {
            let how = store.discard(Rubbish::Log(range));
            self.mend(FaultKind::Orphan, &Key::logged(range), None, detail(), how).await?;
        }
        for &(level, first, window) in &survey.buildings {
            let windows = [window.saturating_sub(1), window];
            if windows.iter().all(|&window| !trashed.buildings.contains(&(level, first, window))) {
                let how = store.discard(Rubbish::Building(level, first, window));
                self.mend(FaultKind::Orphan, &Key::building(level, first, window), None, detail(), how).await?;
            }
        }
        Ok(())
    }
}

/// Whether the image with a feed number has a likeness whose terms have this [sum](sum_of). What cannot be known now is
/// taken for right.
async fn is_likeness<P: Ports>(store: &Store<P>, seq: u64, sum: u64) -> Result<bool, Error> {
    let Some(image) = passing_over(store.feed(seq).await)? else { return Ok(false) };
    let State::Ready(content) = &image.state else { return Ok(false) };
    Ok(match store.likeness(content.blob).await? {
        Some(Some(bits)) => sum == sum_of(&terms::likeness_terms(bits)),
        // It is too plain, so it never had one.
        Some(None) => false,
        // The preview was lost or is of another version.
        None => true,
    })
}
