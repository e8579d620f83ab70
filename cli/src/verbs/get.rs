//! `burrow get`: writes images' original bytes to files.

use std::collections::HashSet;
use std::io::ErrorKind;
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

    /// Replace files that are there already.
    #[arg(long)]
    force: bool,
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
            write_whole(&mut content, &path, &mut written, self.force).await
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

/// A file name for the image: its name with `_` for `/` and `\`, or its id if [`is_safe`] refuses that. Whoever stored
/// the image chose its name.
fn file_name(image: &Image) -> String {
    let name: String = image.name.chars().map(|c| if matches!(c, '/' | '\\') { '_' } else { c }).collect();
    if is_safe(&name) { name } else { image.id.clone() }
}

/// Whether a file may have this name: not if it is hidden or a directory (`.`, `..`), if programs take it for an option,
/// or if Windows takes it for a device (Microsoft, "Naming Files, Paths, and Namespaces").
fn is_safe(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let is_numbered =
        |device: &str| stem.strip_prefix(device).is_some_and(|number| matches!(number.as_bytes(), [b'0'..=b'9']));
    let is_device = matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || is_numbered("COM") || is_numbered("LPT");
    !name.starts_with(['.', '-']) && !is_device
}

/// Writes a file completely or not at all.
///
/// # Errors
///
/// The content cannot be read, the file cannot be written, this run has `written` this path already, or something is
/// there and `force` is not given.
async fn write_whole(
    content: &mut ContentStream,
    path: &Path,
    written: &mut HashSet<PathBuf>,
    force: bool,
) -> anyhow::Result<()> {
    anyhow::ensure!(
        written.insert(path.to_owned()),
        "another of these images was written to {}; get this one alone, with --output",
        path.display()
    );
    let cannot = || format!("cannot write {}", path.display());
    let (part, file) = Part::create(path).with_context(cannot)?;
    let exists = || format!("{} exists; --force replaces it", path.display());
    // Also a link to nowhere exists.
    anyhow::ensure!(force || part.is_special() || path.symlink_metadata().is_err(), exists());
    copy(content, tokio::fs::File::from_std(file)).await?;
    if force {
        return part.keep().with_context(cannot);
    }
    match part.keep_new() {
        // Somebody made it meanwhile.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => anyhow::bail!(exists()),
        kept => kept.with_context(cannot),
    }
}

async fn copy(content: &mut ContentStream, mut to: impl AsyncWrite + Unpin) -> anyhow::Result<()> {
    while let Some(bytes) = content.next().await? {
        to.write_all(&bytes).await?;
    }
    Ok(to.flush().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_is_hidden_an_option_or_a_device() {
        for safe in ["cat.png", "a-b", "console.png", "com.png", "COM10", "~", "_.bashrc", "lpt"] {
            assert!(is_safe(safe), "{safe}");
        }
        for unsafe_name in
            [".", "..", "-", ".bashrc", "-o", "--help", "con", "NUL.png", "com1.tar.gz", "LPT9", "aux .x"]
        {
            assert!(!is_safe(unsafe_name), "{unsafe_name}");
        }
    }
}
