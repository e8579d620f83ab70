//! `burrow export`: writes all images to an archive.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::archive::{Known, export};

use crate::open::Opened;
use crate::output::{self, Part, Progress};

/// Write all images to an archive: a tar file that `burrow import` reads, and that can be read without Burrow.
#[derive(Debug, clap::Args)]
pub(crate) struct Export {
    /// Where to write; `-` is standard output.
    archive: PathBuf,

    /// Leave out images and contents that this archive holds; may be repeated.
    #[arg(long, value_name = "ARCHIVE")]
    since: Vec<PathBuf>,
}

impl Export {
    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let mut known = Known::default();
        for path in &self.since {
            let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
            known.add(std::io::BufReader::new(file)).with_context(|| path.display().to_string())?;
        }
        let path = &self.archive;
        let part = (path != Path::new("-")).then(|| Part::create(path)).transpose();
        let part = part.with_context(|| format!("cannot write {}", path.display()))?;
        let out: Box<dyn Write + Send> = match &part {
            Some((_, file)) => Box::new(file.try_clone()?),
            None => Box::new(std::io::stdout()),
        };
        let mut progress = Progress::new();
        let exported = export(&opened.burrow, out, &known, |exported| {
            progress.show(|| format!("{} images, {}", exported.images, output::bytes(exported.bytes)));
        });
        let exported = exported.await;
        progress.clear();
        let exported = exported?;
        if let Some((part, file)) = part {
            // A pipe or a device cannot be synced to a disk.
            let synced = if part.is_special() { Ok(()) } else { file.sync_all() };
            let kept = synced.and_then(|()| part.keep());
            kept.with_context(|| format!("cannot write {}", path.display()))?;
        }
        for (id, error) in &exported.damaged {
            output::complain(&format!("{id} was left out: {error}"));
        }
        let (images, contents, bytes) = (exported.images, exported.contents, output::bytes(exported.bytes));
        output::note(&format!("{images} images with {contents} contents of {bytes} written"));
        Ok(if exported.damaged.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
