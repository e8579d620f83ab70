//! `burrow:vault/tags`: the tags of a vault's images, for programs that embed the component.

use std::time::Duration;

use burrow_vault::vault;

use super::Component;
use crate::bindings::burrow::vault::types as wit;
use crate::bindings::exports::burrow::vault::tags::{Guest, Renaming, TagCount, TagsPage};
use crate::wasi::vault;

impl Guest for Component {
    async fn list_tags(prefix: String, after: Option<String>, limit: u32) -> Result<TagsPage, wit::Error> {
        let vault::Tags { tags, next, unindexed } =
            vault().await?.tags(&prefix, after.as_deref(), limit as usize).await?;
        let tags = tags.into_iter().map(|vault::TagCount { tag, images }| TagCount { tag, images }).collect();
        Ok(TagsPage { tags, next, unindexed })
    }

    async fn rename_tag(old: String, new: String, seconds: u32) -> Result<Renaming, wit::Error> {
        let time = Duration::from_secs(seconds.into());
        let vault::Renaming { renamed, waiting, is_done, .. } = vault().await?.rename_tag(&old, &new, time).await?;
        Ok(Renaming { renamed, waiting, done: is_done })
    }
}
