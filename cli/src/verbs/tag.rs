//! `burrow tag`: adds and removes tags of images.

use std::process::ExitCode;

use burrow_host::Burrow;

use crate::find::{find, for_each};

/// Add and remove tags of images.
#[derive(Debug, clap::Args)]
pub(crate) struct Tag {
    /// Ids or names of images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    /// Tag to add; may be repeated.
    #[arg(long, value_name = "TAG", required_unless_present = "remove")]
    add: Vec<String>,

    /// Tag to remove; may be repeated.
    #[arg(long, value_name = "TAG")]
    remove: Vec<String>,
}

impl Tag {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        for_each(&self.images, async |image| {
            let image = find(burrow, image).await?;
            let kept = image.tags.iter().filter(|tag| !self.remove.contains(tag));
            let added = self.add.iter().filter(|tag| !image.tags.contains(tag));
            let tags: Vec<String> = kept.chain(added).cloned().collect();
            if tags != image.tags {
                burrow.update(&image.id, None, Some(tags)).await?;
            }
            Ok(())
        })
        .await
    }
}
