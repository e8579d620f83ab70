//! Names: each leads to the images that became ready under it.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{Key, Sha256Hex};
use burrow_model::name::normal;
use burrow_model::record::{Content, ImageRecord, Namesake};
use futures::future::try_join_all;

use super::Store;
use crate::ports::Ports;

/// How many of a name's newest entries count.
pub(super) const WINDOW: u64 = 64;

/// How many images a name leads to at least, if it has as many: if the newest is removed or renamed, the next one is
/// found.
pub(super) const KEPT: usize = 32;

/// The hash of a name, under which its entries are: the same for all ways to compose its characters.
pub(super) fn hash(name: &str) -> Sha256Hex {
    Sha256Hex::of(normal(name).as_bytes())
}

impl<P: Ports> Store<P> {
    /// Makes the image's name lead to it, if it does not yet.
    pub async fn enter_name(&self, record: &ImageRecord) -> Result<(), Error> {
        if self.name_entries(record).await?.is_empty() { self.enter_name_anew(record).await } else { Ok(()) }
    }

    /// Writes a new entry for the image's name, whatever entries there are: they may be about to be deleted.
    pub async fn enter_name_anew(&self, record: &ImageRecord) -> Result<(), Error> {
        let name = hash(&record.name);
        let (mut entering, mut entered_before) = (Namesake { seq: record.seq, id: record.id }, None);
        loop {
            // Each entry has a number of its own: without compare-and-swap, a writer of a common list would overwrite
            // what others added since it read the list.
            let n = u64::try_from(self.ports.increment(&Key::name(&name), 1).await?).unwrap_or(0);
            self.save(&Key::namesake(&name, n), &entering).await?;
            if let Some(key) = entered_before.take() {
                self.ports.delete(&key).await?;
            }
            let Some(last) = n.checked_sub(WINDOW).filter(|last| *last > 0) else { return Ok(()) };
            let last = Key::namesake(&name, last);
            let (Some(falling), kept) =
                (passing_over(self.load::<Namesake>(&last).await)?, self.namesakes(&name).await?)
            else {
                return Ok(self.ports.delete(&last).await?);
            };
            if kept.len() >= KEPT || kept.iter().any(|(_, namesake)| namesake.id == falling.id) {
                return Ok(self.ports.delete(&last).await?);
            }
            // The entry falls out of the window only because newer ones came and went, so it is entered again.
            (entering, entered_before) = (falling, Some(last));
        }
    }

    /// The entries by which the image's name leads to it.
    pub async fn name_entries(&self, record: &ImageRecord) -> Result<Vec<Key>, Error> {
        let name = hash(&record.name);
        let mut entries = self.namesakes(&name).await?;
        entries.retain(|(_, namesake)| namesake.id == record.id);
        Ok(entries.into_iter().map(|(n, _)| Key::namesake(&name, n)).collect())
    }

    /// Deletes entries of names.
    pub async fn delete_name_entries(&self, entries: &[Key]) -> Result<(), Error> {
        for entry in entries {
            self.ports.delete(entry).await?;
        }
        Ok(())
    }

    /// Deletes the entries of the image's name that lead to it.
    pub async fn leave_name(&self, record: &ImageRecord) -> Result<(), Error> {
        self.delete_name_entries(&self.name_entries(record).await?).await
    }

    /// Returns the newest ready image of that name whose content `is_such`. Its name may be composed otherwise.
    pub async fn image_named(
        &self,
        name: &str,
        is_such: impl Fn(&Content) -> bool,
    ) -> Result<Option<ImageRecord>, Error> {
        let normal_name = normal(name);
        let mut namesakes = self.namesakes(&hash(name)).await?;
        if normal_name != name {
            // Burrow 0.1 entered such a name as it came.
            namesakes.extend(self.namesakes(&Sha256Hex::of(name.as_bytes())).await?);
        }
        namesakes.sort_unstable_by_key(|(_, namesake)| std::cmp::Reverse(*namesake));
        for (_, namesake) in namesakes {
            if let Some(record) = self.image(namesake.id).await?
                && normal(&record.name) == normal_name
                && record.content().is_ok_and(&is_such)
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The entries of a name that count, with their numbers, oldest first. All are read at once: that takes one round
    /// trip to a distant store.
    async fn namesakes(&self, name: &Sha256Hex) -> Result<Vec<(u64, Namesake)>, Error> {
        let newest = u64::try_from(self.ports.increment(&Key::name(name), 0).await?).unwrap_or(0);
        let numbers = newest.saturating_sub(WINDOW - 1).max(1)..=newest;
        let entries = try_join_all(numbers.map(async |n| {
            // A damaged entry must not hide the other images of the name.
            let namesake = passing_over(self.load::<Namesake>(&Key::namesake(name, n)).await)?;
            Ok::<_, Error>(namesake.map(|namesake| (n, namesake)))
        }));
        Ok(entries.await?.into_iter().flatten().collect())
    }
}
