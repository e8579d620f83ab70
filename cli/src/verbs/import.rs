//! `burrow import`: reads images from archives.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use burrow_host::archive::{Known, import};

use crate::open::Opened;
use crate::output::{self, Progress};

/// Read images from archives that `burrow export` wrote. Images that are stored already stay as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Import {
    /// Archives; an archive comes before those that were exported --since it. `-` is standard input.
    #[arg(required = true)]
    archives: Vec<PathBuf>,
}

impl Import {
    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        for path in self.archives {
            let open = || File::open(&path).with_context(|| format!("cannot read {}", path.display()));
            let mut known = None;
            let archive: Box<dyn Read + Send> = if path == Path::new("-") {
                Box::new(std::io::stdin())
            } else {
                let file = open()?;
                // A file can be read twice: the whole archive is checked before the first image is stored.
                if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                    let mut sums = Known::default();
                    sums.add(std::io::BufReader::with_capacity(1 << 20, open()?))
                        .with_context(|| path.display().to_string())?;
                    known = Some(sums);
                }
                Box::new(file)
            };
            let mut progress = Progress::new();
            let archive = std::io::BufReader::with_capacity(1 << 20, archive);
            let imported = import(&opened.burrow, archive, known.as_ref(), |imported| {
                let images = imported.restored + imported.present;
                progress.show(|| format!("{images} images, {}", output::bytes(imported.bytes)));
            });
            let imported = imported.await;
            progress.clear();
            let imported = imported.with_context(|| path.display().to_string())?;
            for (name, error) in &imported.failed {
                output::complain(&format!("{name}: {error}"));
                code = ExitCode::FAILURE;
            }
            let (restored, present, bytes) = (imported.restored, imported.present, output::bytes(imported.bytes));
            output::note(&format!("{}: {restored} images added ({bytes}), {present} here already", path.display()));
        }
        Ok(code)
    }
}
