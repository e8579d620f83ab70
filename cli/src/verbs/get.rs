//! `burrow get`: writes images' original bytes to files.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::{Burrow, ContentStream, Image};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use crate::find::{find, for_each};
use crate::output::Part;

/// Write images' original bytes to files.
#[derive(Debug, clap::Args)]
pub(crate) struct Get {
    /// Ids or names of images.
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,

    /// Where to write: a file; for several images a directory, which is made if it is missing; `-` is standard output
    /// [default: files in the current directory, named after the images].
    #[arg(long, short, value_name = "PATH")]
    output: Option<PathBuf>,
}

/// Where to write images.
enum Place {
    Stdout,
    File(PathBuf),
    Directory(PathBuf),
}

impl Get {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let place = Place::new(self.output, self.images.len() > 1);
        if let Place::Directory(directory) = &place {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        }
        let mut written = HashSet::new();
        for_each(&self.images, async |image| {
            let image = find(burrow, image).await?;
            let mut content = burrow.open(&image.id, None).await?;
            let path = match &place {
                Place::Stdout => return copy(&mut content, tokio::io::stdout()).await,
                Place::File(path) => path.clone(),
                Place::Directory(directory) => directory.join(file_name(&image)),
            };
            write_whole(&mut content, &path, &mut written).await
        })
        .await
    }
}

impl Place {
    fn new(output: Option<PathBuf>, several: bool) -> Self {
        match output {
            None => Self::Directory(".".into()),
            Some(path) if path == Path::new("-") => Self::Stdout,
            Some(path) if several || path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
                Self::Directory(path)
            }
            Some(path) => Self::File(path),
        }
    }
}

/// A file name for the image: its name with `_` for `/` and `\`, or its id if the name is `.`, `..` or `-`.
fn file_name(image: &Image) -> String {
    let name: String = image.name.chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    if matches!(name.as_str(), "." | ".." | "-") { image.id.clone() } else { name }
}

/// Writes a file completely or not at all.
///
/// # Errors
///
/// The content cannot be read, the file cannot be written, or this run has `written` this path already.
async fn write_whole(content: &mut ContentStream, path: &Path, written: &mut HashSet<PathBuf>) -> anyhow::Result<()> {
    anyhow::ensure!(
        written.insert(path.to_owned()),
        "another of these images was written to {}; get this one alone, with --output",
        path.display()
    );
    let part = Part::new(path);
    let cannot = || format!("cannot write {}", path.display());
    let file = tokio::fs::File::create(part.path()).await.with_context(cannot)?;
    copy(content, file).await?;
    part.keep().with_context(cannot)
}

async fn copy(content: &mut ContentStream, mut to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
    while let Some(bytes) = content.next().await? {
        to.write_all(&bytes).await?;
    }
    Ok(to.flush().await?)
}
