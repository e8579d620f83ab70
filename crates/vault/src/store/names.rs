//! Names: each leads to the images that became ready under it.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::{Key, Sha256Hex};
use burrow_model::record::{Content, ImageRecord, Namesake};
use futures::future::try_join_all;

use super::Store;
use crate::ports::Ports;

/// How many of a name's newest entries are looked at.
pub(super) const WINDOW: u64 = 64;

/// How many images a name leads to at least: the newest and those behind it, should it be removed or renamed.
pub(super) const KEPT: usize = 32;

impl<P: Ports> Store<P> {
    /// Lets the image's name lead to it. Twice does no harm.
    pub async fn enter_name(&self, record: &ImageRecord) -> Result<(), Error> {
        if self.name_entries(record).await?.is_empty() { self.enter_name_anew(record).await } else { Ok(()) }
    }

    /// The same by an entry of its own, whatever entries there are: they may be about to go.
    pub async fn enter_name_anew(&self, record: &ImageRecord) -> Result<(), Error> {
        let name = Sha256Hex::of(record.name.as_bytes());
        let (mut entering, mut entered_before) = (Namesake { seq: record.seq, id: record.id }, None);
        loop {
            // A number of its own, too: without compare-and-swap a list is overwritten by whoever read it before.
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
            // It falls out of the window only because others came and went, so it comes in again.
            (entering, entered_before) = (falling, Some(last));
        }
    }

    /// The entries that lead from the image's name to it.
    pub async fn name_entries(&self, record: &ImageRecord) -> Result<Vec<Key>, Error> {
        let name = Sha256Hex::of(record.name.as_bytes());
        let mut entries = self.namesakes(&name).await?;
        entries.retain(|(_, namesake)| namesake.id == record.id);
        Ok(entries.into_iter().map(|(n, _)| Key::namesake(&name, n)).collect())
    }

    /// Deletes such entries.
    pub async fn delete_name_entries(&self, entries: &[Key]) -> Result<(), Error> {
        for entry in entries {
            self.ports.delete(entry).await?;
        }
        Ok(())
    }

    /// Takes an image out of its name.
    pub async fn leave_name(&self, record: &ImageRecord) -> Result<(), Error> {
        self.delete_name_entries(&self.name_entries(record).await?).await
    }

    /// Returns the newest ready image of that name whose content is such.
    pub async fn image_named(
        &self,
        name: &str,
        is_such: impl Fn(&Content) -> bool,
    ) -> Result<Option<ImageRecord>, Error> {
        let mut namesakes = self.namesakes(&Sha256Hex::of(name.as_bytes())).await?;
        namesakes.sort_unstable_by_key(|(_, namesake)| std::cmp::Reverse(*namesake));
        for (_, namesake) in namesakes {
            if let Some(record) = self.image(namesake.id).await?
                && record.name == name
                && record.content().is_ok_and(&is_such)
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The entries of a name with their numbers, oldest first. All are asked for at once: one round trip to a store that
    /// is far away.
    async fn namesakes(&self, name: &Sha256Hex) -> Result<Vec<(u64, Namesake)>, Error> {
        let newest = u64::try_from(self.ports.increment(&Key::name(name), 0).await?).unwrap_or(0);
        let numbers = newest.saturating_sub(WINDOW - 1).max(1)..=newest;
        let entries = try_join_all(numbers.map(async |n| {
            // A damaged entry must not stand in the way of the name's other images.
            let namesake = passing_over(self.load::<Namesake>(&Key::namesake(name, n)).await)?;
            Ok::<_, Error>(namesake.map(|namesake| (n, namesake)))
        }));
        Ok(entries.await?.into_iter().flatten().collect())
    }
}
