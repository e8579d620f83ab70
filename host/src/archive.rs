//! A whole vault as one tar file, for any other vault, and for people without Burrow.
//!
//! ```text
//! burrow.json                     {"format":"burrow-archive","version":1}
//! images/{id}.json                an image, in the order of ids, which is that of their making
//! content/{sha256}.{extension}    its original bytes, before the second image that has the same
//! SHA256SUMS                      every entry before, for `sha256sum -c`; without it the archive is cut short
//! ```
//!
//! The same images give the same bytes, whatever store they are in. Times of entries are those of the images, owners and
//! modes are fixed.

mod entry;
mod export;
mod import;

use std::collections::HashSet;
use std::io::Read;

pub use export::{Exported, export};
pub use import::{Imported, import};

use crate::Error;

/// The version that is written and read.
const VERSION: u32 = 1;

const HEAD: &str = "burrow.json";
const SUMS: &str = "SHA256SUMS";

/// The first entry.
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

/// What archives hold already: lines of their `SHA256SUMS`.
#[derive(Clone, Debug, Default)]
pub struct Known(HashSet<String>);

impl Known {
    /// Adds what an archive holds. Reads it to its end, and blocks.
    ///
    /// # Errors
    ///
    /// [`Error::Archive`] if it is none, or cut short.
    pub fn add(&mut self, archive: impl Read) -> Result<(), Error> {
        let mut archive = tar::Archive::new(archive);
        let mut sums = None;
        for (n, entry) in archive.entries().map_err(|error| broken(&error))?.enumerate() {
            let mut entry =
                entry.map_err(|error| if n == 0 { foreign("it is no tar file") } else { broken(&error) })?;
            match (n, &*entry.path_bytes()) {
                (0, name) if name == HEAD.as_bytes() => Head::check(&entry::read_small(&mut entry)?)?,
                (0, _) => return Err(foreign(&format!("it does not begin with {HEAD}"))),
                (_, name) if name == SUMS.as_bytes() => sums = Some(entry::read_sums(&mut entry)?),
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

/// A line of `SHA256SUMS`.
fn line(sha256: &str, name: &str) -> String {
    format!("{sha256}  {name}")
}

#[cfg(test)]
mod tests;
