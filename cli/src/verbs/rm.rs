//! `burrow rm`: removes images.

use std::process::ExitCode;

use burrow_host::{Burrow, VaultError};

use crate::find::{find, for_each};

/// Remove images. Other images with the same content keep it.
#[derive(Debug, clap::Args)]
pub(crate) struct Rm {
    /// Ids or names of images; of images that share a name, the newest is removed.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
}

impl Rm {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        for_each(&self.images, async |image| {
            let image = find(burrow, image).await?;
            // Another process may have removed the image meanwhile.
            anyhow::ensure!(burrow.remove(&image.id).await?, burrow_host::Error::from(VaultError::NotFound));
            Ok(())
        })
        .await
    }
}
