//! Verifies what only leads to images: feed, names and sources.
//!
//! Feed and names can be rebuilt from the images' records.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::Hash;

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex, Vaultwide};
use burrow_model::record::{Namesake, Pointer};

use super::super::names::{WINDOW, hash};
use super::found::Found;
use super::survey::Survey;
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;

/// The entries read. Each one that an image confirms is taken out.
#[derive(Debug, Default)]
pub(super) struct Indexes {
    pub(super) feed: HashMap<u64, ImageId>,
    pub(super) names: Names,
    pub(super) sources: HashMap<Sha256Hex, ImageId>,
}

/// A counter that exceeds the highest number in use by more than this is damaged: a walk up to it would not end.
const FAR: i64 = 10_000_000;

/// The numbers of the entries by which a name leads to an image.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) entries: HashMap<(Sha256Hex, ImageId), Vec<u64>>,
    /// Entries so old that no reader looks at them.
    unseen: Vec<(Sha256Hex, ImageId, u64)>,
    /// How many entries of each name count.
    pub(super) counts: HashMap<Sha256Hex, usize>,
}

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Reads the entries. Damaged ones are deleted, and rebuilt when their image is examined.
    pub(super) async fn indexes(&mut self, survey: &Survey) -> Result<Indexes, Error> {
        let mut indexes = Indexes::default();
        let newest = self.name_counters(survey).await?;
        indexes.feed = self.pointers(&survey.feed, |&seq| Key::feed(seq)).await?;
        indexes.sources = self.pointers(&survey.sources, Key::source).await?;
        let key = |(name, n): &(Sha256Hex, u64)| Key::namesake(name, *n);
        for ((name, n), entry) in self.load_all::<_, Namesake>(&survey.namesakes, key).await? {
            match entry {
                // Readers do not look back this far.
                Ok(Some(namesake)) if newest.get(&name).is_some_and(|newest| n + WINDOW <= *newest) => {
                    indexes.names.unseen.push((name, namesake.id, n));
                }
                Ok(Some(namesake)) => {
                    *indexes.names.counts.entry(name.clone()).or_default() += 1;
                    indexes.names.entries.entry((name, namesake.id)).or_default().push(n);
                }
                Ok(None) => {}
                Err(error) => self.forget(&Key::namesake(&name, n), error).await?,
            }
        }
        Ok(indexes)
    }

    /// Reads entries that lead to one image each.
    async fn pointers<T: Clone + Eq + Hash>(
        &mut self,
        what: &[T],
        key: impl Fn(&T) -> Key,
    ) -> Result<HashMap<T, ImageId>, Error> {
        let mut pointers = HashMap::with_capacity(what.len());
        for (one, entry) in self.load_all::<_, Pointer>(what, &key).await? {
            match entry {
                Ok(Some(Pointer::Image(id))) => drop(pointers.insert(one, id)),
                Ok(None) => {}
                Ok(Some(other)) => {
                    let why = Error::Corrupt(format!("it leads to no image: {other:?}"));
                    self.forget(&key(&one), why).await?;
                }
                Err(error) => self.forget(&key(&one), error).await?,
            }
        }
        Ok(pointers)
    }

    /// Checks that each name's counter has reached the highest number of its entries. Returns the counters.
    async fn name_counters(&mut self, survey: &Survey) -> Result<HashMap<Sha256Hex, u64>, Error> {
        let mut highest = BTreeMap::<&Sha256Hex, u64>::new();
        for (name, n) in &survey.namesakes {
            let highest = highest.entry(name).or_default();
            *highest = (*highest).max(*n);
        }
        let mut newest = HashMap::with_capacity(highest.len());
        for (name, highest) in highest {
            let is_there = survey.names.binary_search(name).is_ok();
            newest.insert(name.clone(), self.reaches(&Key::name(name), is_there, highest).await?);
        }
        Ok(newest)
    }

    /// Checks that a counter has reached the highest number that it gave out, and does not exceed it by far. Returns
    /// its value, after repair. Some stores keep a counter that was only read, so it is read only if it exists.
    pub(super) async fn reaches(&mut self, key: &Key, is_there: bool, highest: u64) -> Result<u64, Error> {
        let store = self.store;
        let count = if is_there { self.counter(key).await? } else { 0 };
        let right = i64::try_from(highest).unwrap_or(i64::MAX);
        let too_high = self.is_alone() && count.saturating_sub(right) > FAR;
        if count >= right && !too_high {
            return Ok(u64::try_from(count).unwrap_or(0));
        }
        let detail = format!("it is {count}, and the highest number in use is {highest}");
        let how = async { Ok(store.ports.increment(key, right.saturating_sub(count)).await.map(drop)?) };
        self.mend(FaultKind::WrongCount, key, None, detail, how).await?;
        Ok(highest)
    }

    /// Checks that the counter of generations has reached the highest in which a lease began. It may exceed it by far.
    pub(super) async fn generation(&mut self, found: &Found) -> Result<(), Error> {
        let (store, key) = (self.store, Key::vaultwide(Vaultwide::Generation));
        let right = i64::try_from(found.generation).unwrap_or(i64::MAX);
        // Some stores keep a counter that was only read.
        let count = if right > 0 { self.counter(&key).await? } else { return Ok(()) };
        if count >= right {
            return Ok(());
        }
        let detail = format!("it is {count}, and the lease of a job has generation {right}");
        let how = async { Ok(store.ports.increment(&key, right - count).await.map(drop)?) };
        self.mend(FaultKind::WrongCount, &key, None, detail, how).await
    }

    /// Lists images that the feed does not lead to. The rest of `entries` leads to no image.
    pub(super) async fn feed(
        &mut self,
        survey: &Survey,
        entries: HashMap<u64, ImageId>,
        found: &Found,
    ) -> Result<(), Error> {
        let store = self.store;
        let key = Key::vaultwide(Vaultwide::Feed);
        let highest = survey.feed.last().copied().unwrap_or(0).max(found.highest);
        self.reaches(&key, true, highest).await?;
        for &(id, seq) in &found.unlisted {
            let detail = format!("the image is not listed under its number {seq}");
            self.mend(FaultKind::Unlisted, &Key::feed(seq), Some(id), detail, store.list_again(id)).await?;
        }
        let entries: BTreeMap<_, _> = if self.is_alone() { entries.into_iter().collect() } else { BTreeMap::new() };
        for (seq, id) in entries {
            // This number may belong to an image whose record is damaged.
            if found.damaged.contains(&id) {
                continue;
            }
            if !survey.has(id) && passing_over(store.image(id).await)?.is_some() {
                return Err(Error::Corrupt(format!("the list of keys lacks {}, which is there", Key::image(id))));
            }
            let key = Key::feed(seq);
            let detail = format!("no image {id} has this number");
            let how = async { Ok(store.ports.delete(&key).await?) };
            self.mend(FaultKind::Stale, &key, Some(id), detail, how).await?;
        }
        // Sweeps and lists of jobs begin after the mark.
        let key = Key::vaultwide(Vaultwide::Settled);
        if let (Some(settled), Some(unfinished)) = (store.mark(Vaultwide::Settled).await?, found.unfinished)
            && unfinished <= settled
        {
            let detail = format!("it is {settled}, and number {unfinished} is an unfinished job");
            let how = store.set_mark(Vaultwide::Settled, unfinished.saturating_sub(1));
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        Ok(())
    }

    /// Deletes the rest of `sources`, which leads to no image or to images of other URLs. A URL need not lead to an
    /// image.
    pub(super) async fn sources(&mut self, sources: HashMap<Sha256Hex, ImageId>, found: &Found) -> Result<(), Error> {
        let store = self.store;
        let mut stale: Vec<_> = sources.into_iter().filter(|(_, id)| !found.damaged.contains(id)).collect();
        stale.sort_unstable();
        for (url, id) in stale {
            let key = Key::source(&url);
            let detail = format!("no image {id} came from this URL");
            let how = async { Ok(store.ports.delete(&key).await?) };
            self.mend(FaultKind::Stale, &key, Some(id), detail, how).await?;
        }
        Ok(())
    }

    /// Makes names lead to their images. The rest of `names` leads to no image.
    pub(super) async fn names(&mut self, survey: &Survey, names: Names, found: &Found) -> Result<(), Error> {
        let store = self.store;
        if self.plan.repair {
            self.forget_names(survey).await?;
        }
        for &id in &found.unnamed {
            let Some(record) = passing_over(store.image(id).await)? else { continue };
            // It may have been renamed meanwhile.
            if !store.name_entries(&record).await?.is_empty() || store.is_removed(id).await? {
                continue;
            }
            let key = Key::name(&hash(&record.name));
            let detail = "the image's name does not lead to it".into();
            self.mend(FaultKind::Unlisted, &key, Some(id), detail, store.enter_name_anew(&record)).await?;
        }
        let mut stale: Vec<_> = if self.is_alone() { names.entries.into_iter().collect() } else { Vec::new() };
        stale.extend(names.unseen.into_iter().map(|(name, id, n)| ((name, id), vec![n])));
        stale.sort_unstable();
        for ((name, id), numbers) in stale {
            if found.damaged.contains(&id) {
                continue;
            }
            for key in numbers.iter().map(|&n| Key::namesake(&name, n)) {
                let detail = format!("no image {id} bears this name, or newer entries say so");
                let how = async { Ok(store.ports.delete(&key).await?) };
                self.mend(FaultKind::Stale, &key, Some(id), detail, how).await?;
            }
        }
        Ok(())
    }

    /// Deletes the counters of names without entries: they are no fault, but of no use.
    async fn forget_names(&self, survey: &Survey) -> Result<(), Error> {
        let entered: HashSet<&Sha256Hex> = survey.namesakes.iter().map(|(name, _)| name).collect();
        for name in survey.names.iter().filter(|name| !entered.contains(name)) {
            self.store.ports.delete(&Key::name(name)).await?;
        }
        Ok(())
    }
}
