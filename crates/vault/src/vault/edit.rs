//! Changes the name and tags of a ready image.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::key::ImageId;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;

use super::Vault;
use super::label::{checked_name, checked_tags};
use crate::ports::Ports;
use crate::terms;

/// A checked change of name, tags or both.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    name: Option<String>,
    tags: Option<Vec<String>>,
}

impl Edit {
    /// Checks a change. An image must have a name.
    pub fn new(name: Option<&str>, tags: Option<&[String]>) -> Result<Self, Error> {
        let name = name.map(checked_name).transpose()?;
        if name.as_deref() == Some("") {
            return Err(Error::Invalid { field: "name", reason: "an image has a name, and this is empty".into() });
        }
        Ok(Self { name, tags: tags.map(checked_tags).transpose()? })
    }

    /// A change of tags that are checked.
    pub(super) fn of_tags(tags: Vec<String>) -> Self {
        Self { name: None, tags: Some(tags) }
    }
}

/// How often a change is tried while other callers change the image, and the wait in between, which is longer than a
/// change takes.
const TRIES: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

impl<P: Ports> Vault<P> {
    /// Changes the name, tags or both of a ready image, if `check` accepts its record, and returns the new record. A
    /// job cannot be changed, because its worker writes the record. Of two concurrent changes one is made first; the
    /// other is then checked and made on the new record.
    pub async fn edit<E: From<Error>>(
        &self,
        id: ImageId,
        edit: &Edit,
        check: impl Fn(&ImageRecord) -> Result<(), E>,
    ) -> Result<ImageRecord, E> {
        for _ in 0..TRIES {
            let since = self.ports.now();
            let record = self.find(id).await?;
            check(&self.as_stored(record.clone()).await?)?;
            if record.status() != Status::Ready {
                return Err(Error::NotReady(record.status()).into());
            }
            if self.store.claim_job(&record).await? {
                let mut edit = edit.clone();
                if let Some(tags) = edit.tags.take() {
                    edit.tags = Some(self.renamed(tags, since).await?);
                }
                let record = self.change_label(record, &edit).await?;
                let record = if edit.tags.is_some() { self.catch_up(record, since).await? } else { record };
                return Ok(self.as_stored(record).await?);
            }
            self.ports.sleep(PAUSE).await;
        }
        Err(Error::Changed.into())
    }

    pub(super) async fn change_label(&self, mut record: ImageRecord, edit: &Edit) -> Result<ImageRecord, Error> {
        let renamed = edit.name.as_ref().is_some_and(|name| *name != record.name);
        let old = if renamed { self.store.name_entries(&record).await? } else { Vec::new() };
        let before = record.clone();
        record.name = edit.name.clone().unwrap_or(record.name);
        record.tags = edit.tags.clone().unwrap_or(record.tags);
        // A claim names a record by this time, so it must differ.
        record.updated = self.ports.now().max(record.updated + 1);
        if renamed {
            // Once the record has the new name, entries of the old name do not count. A caller that renames the image
            // back writes a new entry, so the entries deleted below are not the ones that count then.
            self.store.enter_name_anew(&record).await?;
        }
        self.store.log(&terms::change(Some(&before), &record)).await?;
        let committed = self.commit(&record).await;
        if let Ok(()) | Err(Error::Removed) = committed {
            self.store.delete_name_entries(&old).await?;
        }
        committed.map(|()| record)
    }
}
