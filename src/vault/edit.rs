//! Changing what a ready image is called.

use super::Vault;
use super::label::{checked_name, checked_tags};
use crate::error::Error;
use crate::ports::Ports;
use crate::record::{ImageRecord, Status};

/// What to change: checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edit {
    name: Option<String>,
    tags: Option<Vec<String>>,
}

impl Edit {
    /// Checks a change. An image cannot do without a name.
    pub fn new(name: Option<&str>, tags: Option<&[String]>) -> Result<Self, Error> {
        let name = name.map(|name| checked_name(name.trim())).transpose()?;
        if name.as_deref() == Some("") {
            return Err(Error::Invalid { field: "name", reason: "an image has a name, and this is empty".into() });
        }
        Ok(Self { name, tags: tags.map(checked_tags).transpose()? })
    }
}

impl<P: Ports> Vault<P> {
    /// Changes a ready image's name, tags or both, and returns its new record. While it is worked on it cannot be
    /// changed, for the worker writes the record; of two changes at once one is lost.
    pub async fn edit(&self, mut record: ImageRecord, edit: Edit) -> Result<ImageRecord, Error> {
        if record.status() != Status::Ready {
            return Err(Error::NotReady(record.status()));
        }
        let renamed = edit.name.as_ref().is_some_and(|name| *name != record.name);
        record.name = edit.name.unwrap_or(record.name);
        record.tags = edit.tags.unwrap_or(record.tags);
        record.updated = self.ports.now();
        if renamed {
            // The old name leads here no more once the record says the new one.
            self.store.enter_name(&record).await?;
        }
        self.commit(&record).await?;
        Ok(record)
    }
}
