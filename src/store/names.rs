//! Names: each leads to the images that became ready under it.

use super::Store;
use crate::error::{Error, passing_over};
use crate::key::Key;
use crate::ports::Ports;
use crate::record::{ImageRecord, Namesake, Namesakes, Status};

/// How many images one name leads to: the newest and those behind it, should it be removed or renamed.
const MAX_NAMESAKES: usize = 64;

impl<P: Ports> Store<P> {
    /// Lets the image's name lead to it. Twice does no harm.
    pub async fn enter_name(&self, record: &ImageRecord) -> Result<(), Error> {
        let key = Key::name(&record.name);
        let me = Namesake { seq: record.seq, id: record.id };
        // Without compare-and-swap another writer may overwrite this entry with a list read before it; so it is looked
        // for again, until it stays.
        loop {
            let Namesakes(mut list) = self.load(&key).await?.unwrap_or_default();
            let Err(at) = list.binary_search(&me) else {
                return Ok(());
            };
            list.insert(at, me);
            if list.len() > MAX_NAMESAKES {
                self.forget_strangers(&record.name, me, &mut list).await?;
            }
            let surplus = list.len().saturating_sub(MAX_NAMESAKES);
            list.drain(..surplus);
            if !list.contains(&me) {
                return Ok(());
            }
            self.save(&key, &Namesakes(list)).await?;
        }
    }

    /// Leaves out of a name's list those that are gone or called otherwise; not `me`, who is not ready yet.
    async fn forget_strangers(&self, name: &str, me: Namesake, list: &mut Vec<Namesake>) -> Result<(), Error> {
        let mut kept = Vec::with_capacity(list.len());
        for namesake in list.drain(..) {
            let bears_it = |record: ImageRecord| record.name == name && record.status() == Status::Ready;
            if namesake == me || passing_over(self.image(namesake.id).await)?.is_some_and(bears_it) {
                kept.push(namesake);
            }
        }
        *list = kept;
        Ok(())
    }

    /// Returns the newest ready image of that name.
    pub async fn image_named(&self, name: &str) -> Result<Option<ImageRecord>, Error> {
        let Namesakes(list) = self.load(&Key::name(name)).await?.unwrap_or_default();
        for namesake in list.iter().rev() {
            if let Some(record) = self.image(namesake.id).await?
                && record.status() == Status::Ready
                && record.name == name
            {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
