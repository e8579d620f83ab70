//! Remembers from one run to the next which files of a watched directory became which images, in a file of the user.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use burrow_model::key::ImageId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::files::Sight;
use crate::output::{Part, hex};

/// The longest line that can be one of this file.
const LINE: usize = 4096;

/// A file and the image that it became: a line of JSON. It is a hint, and the vault is asked whether it has the image.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    sight: Sight,
    image: ImageId,
}

/// The file of one watched directory and one store.
#[derive(Debug)]
pub(crate) struct Memory {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Memory {
    /// The memory of a directory whose files are kept in this store. `None` if the environment names no place for it.
    pub(crate) fn of(directory: &Path, store: &str) -> Option<Self> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let state = absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
        let digest = Sha256::new()
            .chain_update(directory.as_os_str().as_encoded_bytes())
            .chain_update([0_u8])
            .chain_update(store)
            .finalize();
        let name = hex(digest.get(..16).unwrap_or_default());
        Some(Self { path: state.join("burrow").join(format!("watched-{name}.jsonl")), file: None })
    }

    /// What is remembered. Passes over lines that cannot be read.
    pub(crate) fn read(&self) -> Vec<(Sight, ImageId)> {
        let Ok(file) = File::open(&self.path) else { return Vec::new() };
        let lines = BufReader::new(file).split(b'\n').map_while(Result::ok).filter(|line| line.len() <= LINE);
        let lines = lines.filter_map(|line| serde_json::from_slice::<Line>(&line).ok());
        lines.map(|Line { sight, image }| (sight, image)).collect()
    }

    /// Remembers one file more.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn add(&mut self, sight: Sight, image: ImageId) -> std::io::Result<()> {
        if self.file.is_none() {
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            self.file = Some(BufWriter::new(File::options().create(true).append(true).open(&self.path)?));
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        writeln!(file, "{}", serde_json::to_string(&Line { sight, image })?)?;
        file.flush()
    }

    /// Remembers these files and no other.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub(crate) fn replace(&mut self, images: &[(Sight, ImageId)]) -> std::io::Result<()> {
        if images.is_empty() && !self.path.exists() {
            return Ok(());
        }
        self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
        let (part, file) = Part::create(&self.path)?;
        let mut file = BufWriter::new(file);
        for &(sight, image) in images {
            writeln!(file, "{}", serde_json::to_string(&Line { sight, image })?)?;
        }
        file.flush()?;
        self.file = None;
        part.keep()
    }
}
