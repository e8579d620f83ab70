//! `burrow rename`: renames an image.

use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::Burrow;

use crate::find::find;

/// Give an image another name.
#[derive(Debug, clap::Args)]
pub(crate) struct Rename {
    /// Id or name of the image.
    image: String,

    /// The new name. Other images may have the same name.
    name: String,
}

impl Rename {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let renamed = async { burrow.update(&find(burrow, &self.image).await?.id, Some(self.name), None).await };
        renamed.await.with_context(|| self.image.clone())?;
        Ok(ExitCode::SUCCESS)
    }
}
