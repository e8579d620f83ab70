//! The tags of a vault's images: lists and renames them.

use std::time::Duration;

use crate::bindings::exports::burrow::vault::tags::{Renaming, TagsPage};
use crate::vault::call;
use crate::{Burrow, Error};

impl Burrow {
    /// Lists the tags that begin with `prefix` and come after `after` (the `next` of the page before; `None` for the
    /// first page), at most `limit` (1 to 1000).
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (limit), `store-failed`.
    pub async fn list_tags(&self, prefix: &str, after: Option<String>, limit: u32) -> Result<TagsPage, Error> {
        let prefix = prefix.to_owned();
        Ok(call!(self, burrow_vault_tags.call_list_tags(prefix, after, limit)))
    }

    /// Renames a tag, on every image that has it and on those that come in meanwhile, for about this time, in whole
    /// seconds. If it is not done by then, call it again; a server over this store goes on, too.
    ///
    /// # Errors
    ///
    /// [`Error::Vault`]: `invalid-input` (a tag, the same tag twice, or another tag is being renamed), `corrupt`,
    /// `store-failed`.
    pub async fn rename_tag(&self, old: &str, new: &str, time: Duration) -> Result<Renaming, Error> {
        let (old, new, seconds) = (old.to_owned(), new.to_owned(), u32::try_from(time.as_secs()).unwrap_or(u32::MAX));
        Ok(call!(self, burrow_vault_tags.call_rename_tag(old, new, seconds)))
    }
}
