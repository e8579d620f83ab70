//! Changing what a ready image is called.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;

use super::Vault;
use super::label::{checked_name, checked_tags};
use crate::ports::Ports;

/// What to change: checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    name: Option<String>,
    tags: Option<Vec<String>>,
}

impl Edit {
    /// Checks a change. An image cannot do without a name.
    pub fn new(name: Option<&str>, tags: Option<&[String]>) -> Result<Self, Error> {
        let name = name.map(checked_name).transpose()?;
        if name.as_deref() == Some("") {
            return Err(Error::Invalid { field: "name", reason: "an image has a name, and this is empty".into() });
        }
        Ok(Self { name, tags: tags.map(checked_tags).transpose()? })
    }
}

/// How often a change is tried while others are made, and the wait between: longer than a change takes.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

impl<P: Ports> Vault<P> {
    /// Changes a ready image's name, tags or both, if `check` lets its record through, and returns the new record. While
    /// it is worked on it cannot be changed, for the worker writes the record. Of two changes at once one comes first;
    /// the other is checked and made anew.
    pub async fn edit<E: From<Error>>(
        &self,
        id: ImageId,
        edit: &Edit,
        check: impl Fn(&ImageRecord) -> Result<(), E>,
    ) -> Result<ImageRecord, E> {
        for _ in 0..TRIES {
            let record = self.get(id).await?;
            check(&record)?;
            if record.status() != Status::Ready {
                return Err(Error::NotReady(record.status()).into());
            }
            if self.store.claim_job(&record).await? {
                return Ok(self.change_label(record, edit).await?);
            }
            self.ports.sleep(PAUSE).await;
        }
        Err(Error::Changed.into())
    }

    async fn change_label(&self, mut record: ImageRecord, edit: &Edit) -> Result<ImageRecord, Error> {
        let renamed = edit.name.as_ref().is_some_and(|name| *name != record.name);
        let old = if renamed { self.store.name_entries(&record).await? } else { Vec::new() };
        record.name = edit.name.clone().unwrap_or(record.name);
        record.tags = edit.tags.clone().unwrap_or(record.tags);
        // Claims are by this time, so it must be another.
        record.updated = self.ports.now().max(record.updated + 1);
        if renamed {
            // The old name leads here no more once the record says the new one. Whoever renames it back enters it anew,
            // so that what is deleted below is not what leads here then.
            self.store.enter_name_anew(&record).await?;
        }
        let committed = self.commit(&record).await;
        if let Ok(()) | Err(Error::Removed) = committed {
            self.store.delete_name_entries(&old).await?;
        }
        committed.map(|()| record)
    }
}
