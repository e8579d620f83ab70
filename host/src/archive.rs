//! A whole vault as one tar file, for any other vault and for people without Burrow.
//!
//! ```text
//! burrow.json                     {"format":"burrow-archive","version":1}
//! images/{id}.json                an image; images are sorted by id, which is the order of their creation
//! content/{sha256}.{extension}    its original bytes, right after the first image that has this content
//! SHA256SUMS                      digests of all entries before, for `sha256sum -c`; if missing, the rest is cut off
//! ```
//!
//! The same images give the same archive, byte for byte, from any store: an entry has its image's time, and fixed owner
//! and mode.

mod entry;
mod export;
mod import;

use std::collections::HashSet;
use std::io::Read;

pub use export::{Exported, export};
pub use import::{Imported, import};

use crate::Error;

/// The version of archives that this Burrow writes and reads.
const VERSION: u32 = 1;

const HEAD: &str = "burrow.json";
const SUMS: &str = "SHA256SUMS";

/// The first entry: format and version.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Head {
    format: String,
    version: u32,
}

impl Head {
    fn new() -> Self {
        Self { format: "burrow-archive".into(), version: VERSION }
    }

    fn check(json: &[u8]) -> Result<(), Error> {
        let head: Self =
            serde_json::from_slice(json).map_err(|_| foreign(&format!("its {HEAD} is another program's")))?;
        if head.format != Self::new().format {
            return Err(foreign(&format!("its {HEAD} is another program's")));
        }
        if head.version != VERSION {
            let version = head.version;
            return Err(Error::Archive(format!(
                "the archive has version {version}, and this Burrow knows only {VERSION}"
            )));
        }
        Ok(())
    }
}

fn foreign(why: &str) -> Error {
    Error::Archive(format!("this is no archive of Burrow's: {why}"))
}

fn cut_short() -> Error {
    Error::Archive(format!("the archive is cut short: its last entry, {SUMS}, is missing"))
}

fn broken(error: &std::io::Error) -> Error {
    Error::Archive(format!("cannot read the archive: {error}"))
}

/// The contents of archives, as lines of their `SHA256SUMS`.
#[derive(Clone, Debug, Default)]
pub struct Known(HashSet<String>);

impl Known {
    /// Adds the contents of an archive. Reads it to its end, and blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Archive`] if it is no archive, damaged or cut short.
    pub fn add(&mut self, archive: impl Read) -> Result<(), Error> {
        let mut archive = tar::Archive::new(archive);
        let mut sums = None;
        for file in entry::files(&mut archive)? {
            let (name, mut entry) = file?;
            match name.as_str() {
                _ if sums.is_some() => return Err(foreign(&format!("something follows its {SUMS}"))),
                HEAD => Head::check(&entry::read_small(&mut entry)?)?,
                SUMS => sums = Some(entry::read_sums(&mut entry)?),
                _ => {}
            }
        }
        self.0.extend(sums.ok_or_else(cut_short)?.lines().map(str::to_owned));
        Ok(())
    }

    fn has(&self, line: &str) -> bool {
        self.0.contains(line)
    }
}

/// Formats a line of `SHA256SUMS`.
fn line(sha256: &str, name: &str) -> String {
    format!("{sha256}  {name}")
}

#[cfg(test)]
mod tests;
