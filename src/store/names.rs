//! Names: each leads to the images that became ready under it.

use futures::future::try_join_all;

use super::Store;
use crate::error::{Error, passing_over};
use crate::key::Key;
use crate::ports::Ports;
use crate::record::{ImageRecord, Namesake, Status};

/// How many images one name leads to: the newest and those behind it, should it be removed or renamed.
const MAX_NAMESAKES: u64 = 64;

impl<P: Ports> Store<P> {
    /// Lets the image's name lead to it. Twice does no harm.
    pub async fn enter_name(&self, record: &ImageRecord) -> Result<(), Error> {
        let me = Namesake { seq: record.seq, id: record.id };
        if self.namesakes(&record.name).await?.iter().any(|(_, namesake)| *namesake == me) {
            return Ok(());
        }
        // An entry of its own, with a number of its own: without compare-and-swap a list is overwritten by whoever read
        // it before.
        let n = u64::try_from(self.ports.increment(&Key::name(&record.name), 1).await?).unwrap_or(0);
        self.save(&Key::namesake(&record.name, n), &me).await?;
        self.ports.delete(&Key::namesake(&record.name, n.saturating_sub(MAX_NAMESAKES))).await?;
        Ok(())
    }

    /// Takes an image out of its name.
    pub async fn leave_name(&self, record: &ImageRecord) -> Result<(), Error> {
        for (n, namesake) in self.namesakes(&record.name).await? {
            if namesake.id == record.id {
                self.ports.delete(&Key::namesake(&record.name, n)).await?;
            }
        }
        Ok(())
    }

    /// Returns the newest ready image of that name.
    pub async fn image_named(&self, name: &str) -> Result<Option<ImageRecord>, Error> {
        let mut namesakes = self.namesakes(name).await?;
        namesakes.sort_unstable_by_key(|(_, namesake)| std::cmp::Reverse(*namesake));
        for (_, namesake) in namesakes {
            if let Some(record) = self.image(namesake.id).await?
                && record.status() == Status::Ready
                && record.name == name
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    /// The entries of a name with their numbers, oldest first. All are asked for at once: one round trip to a store that
    /// is far away.
    async fn namesakes(&self, name: &str) -> Result<Vec<(u64, Namesake)>, Error> {
        let newest = u64::try_from(self.ports.increment(&Key::name(name), 0).await?).unwrap_or(0);
        let numbers = newest.saturating_sub(MAX_NAMESAKES - 1).max(1)..=newest;
        let entries = try_join_all(numbers.map(async |n| {
            // A damaged entry must not stand in the way of the name's other images.
            let namesake = passing_over(self.load::<Namesake>(&Key::namesake(name, n)).await)?;
            Ok::<_, Error>(namesake.map(|namesake| (n, namesake)))
        }));
        Ok(entries.await?.into_iter().flatten().collect())
    }
}
