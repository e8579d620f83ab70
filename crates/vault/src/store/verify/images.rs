//! Verifies images: reads every record, and compares feed, names and sources with it.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{ImageId, Key, Sha256Hex};
use burrow_model::record::{ImageRecord, Pointer, State};

use super::super::Store;
use super::super::index::{add, sum_of};
use super::super::names::{KEPT, hash};
use super::found::Found;
use super::indexes::Indexes;
use super::survey::Survey;
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;
use crate::terms;

/// Records held in memory at once.
const WINDOW: usize = 1024;

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Reads all images, and takes the entries that they confirm out of the indexes.
    pub(super) async fn images(&mut self, survey: &Survey, indexes: &mut Indexes) -> Result<Found, Error> {
        let mut found = Found::default();
        for window in survey.images.chunks(WINDOW) {
            for (id, record) in self.load_all::<_, ImageRecord>(window, |&id| Key::image(id)).await? {
                match record {
                    Ok(Some(record)) => self.image(survey, &record, indexes, &mut found).await?,
                    Ok(None) => {}
                    Err(error) => {
                        self.blind = true;
                        self.verified.images += 1;
                        found.damaged.insert(id);
                        let key = Key::image(id);
                        let kind = FaultKind::of_unreadable(&error, FaultKind::DamagedRecord);
                        self.tell(kind, key.as_str(), Some(id), error.to_string(), false).await;
                    }
                }
            }
        }
        found.uses.sort_unstable();
        Ok(found)
    }

    async fn image(
        &mut self,
        survey: &Survey,
        record: &ImageRecord,
        indexes: &mut Indexes,
        found: &mut Found,
    ) -> Result<(), Error> {
        let (store, id) = (self.store, record.id);
        let is_claimed = self.is_alone() && survey.removals.binary_search(&id).is_ok();
        if is_claimed && store.is_removed(id).await? {
            found.half_removed = true;
            let detail = "its removal began and did not end".into();
            // Its blob, which no image uses then, and the counters are examined later.
            let how = store.take_out(record);
            return self.mend(FaultKind::HalfRemoved, &Key::image(id), Some(id), detail, how).await;
        }
        self.verified.images += 1;
        found.highest = found.highest.max(record.seq);
        found.terms.push((record.seq, sum_of(&terms::terms_of(record))));
        for (term, counts) in terms::counted(None, Some(record)) {
            add(found.counts.entry(term).or_default(), counts);
        }
        match indexes.feed.get(&record.seq) {
            Some(&listed) if listed == id => {
                indexes.feed.remove(&record.seq);
            }
            // The image may have been retried, or added, after the keys were listed.
            _ if store.is_listed(id).await? => {}
            _ => found.unlisted.push((id, record.seq)),
        }
        if let Some(source) = &record.source {
            let url = Sha256Hex::of(source.as_bytes());
            if indexes.sources.get(&url) == Some(&id) {
                indexes.sources.remove(&url);
            }
        }
        let name = hash(&record.name);
        let many = indexes.names.counts.get(&name).is_some_and(|&count| count >= KEPT);
        let is_entered = indexes.names.entries.remove(&(name, id)).is_some();
        match &record.state {
            State::Ready(content) => {
                found.ready += 1;
                found.original_bytes += content.size;
                found.uses.push((content.blob, id));
                // A name with `KEPT` entries need not lead to more images.
                if !is_entered && !many && store.name_entries(record).await?.is_empty() {
                    found.unnamed.push(id);
                }
            }
            State::Pending { lease } | State::Storing { lease, .. } => {
                found.pending += 1;
                found.generation = found.generation.max(lease.generation.unwrap_or(0));
                found.unfinished = Some(found.unfinished.map_or(record.seq, |lowest| lowest.min(record.seq)));
            }
            State::Failed { .. } => found.failed += 1,
        }
        Ok(())
    }
}

impl<P: Ports> Store<P> {
    /// Whether the feed leads to the image, or the image is removed or about to be.
    async fn is_listed(&self, id: ImageId) -> Result<bool, Error> {
        let Some(record) = self.image(id).await? else { return Ok(true) };
        let is_listed = passing_over(self.feed(record.seq).await)?.is_some_and(|listed| listed.id == id);
        Ok(is_listed || self.is_removed(id).await?)
    }

    /// Lists an image under its feed number, or under a new one if that number leads to another image.
    pub(super) async fn list_again(&self, id: ImageId) -> Result<(), Error> {
        let Some(mut record) = self.image(id).await? else { return Ok(()) };
        let key = Key::feed(record.seq);
        match self.load(&key).await? {
            None => self.save(&key, &Pointer::Image(id)).await,
            Some(Pointer::Image(other)) if other == id => Ok(()),
            Some(_) => {
                let before = record.clone();
                record.seq = self.next_seq().await?;
                self.list_image(Some(&before), &record).await
            }
        }
    }
}
