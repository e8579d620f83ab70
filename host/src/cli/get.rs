//! `burrow get`

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::{Burrow, Content, Error, Image, VaultError};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// Write an image's original bytes to a file.
#[derive(Debug, clap::Args)]
pub(super) struct Get {
    /// Id or name of the image.
    image: String,

    /// Where to write; `-` is standard output [default: the image's name, here].
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Get {
    pub(super) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let image = find(burrow, &self.image).await.with_context(|| self.image.clone())?;
        let mut content = burrow.open(&image.id, None).await?;
        let output = self.output.unwrap_or_else(|| default_path(&image));
        if output == Path::new("-") {
            copy(&mut content, tokio::io::stdout()).await?;
        } else {
            write_whole(&mut content, &output).await?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

async fn find(burrow: &Burrow, image: &str) -> Result<Image, Error> {
    match burrow.get(image).await {
        // No id, so it is a name; a name may even look like an id.
        Err(Error::Vault(VaultError::InvalidInput(_) | VaultError::NotFound)) => burrow.get_by_name(image).await,
        found => found,
    }
}

/// The image's name as a file in this directory, whatever the name holds.
fn default_path(image: &Image) -> PathBuf {
    let name: String = image.name.chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    if matches!(name.as_str(), "." | ".." | "-") { image.id.clone().into() } else { name.into() }
}

/// Writes beside the file and renames, so that the file is whole or not there.
async fn write_whole(content: &mut Content, path: &Path) -> anyhow::Result<()> {
    let part = super::output::part(path);
    let written = async {
        let file = tokio::fs::File::create(&part).await.with_context(|| format!("cannot write {}", part.display()))?;
        copy(content, file).await?;
        tokio::fs::rename(&part, path).await.with_context(|| format!("cannot write {}", path.display()))
    };
    let written = written.await;
    if written.is_err() {
        // It may never have come to be.
        let _ = tokio::fs::remove_file(&part).await;
    }
    written
}

async fn copy(content: &mut Content, mut to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
    while let Some(bytes) = content.next().await? {
        to.write_all(&bytes).await?;
    }
    Ok(to.flush().await?)
}
