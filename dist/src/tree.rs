//! Trees of files, packed as tar: in the order of their paths, all of one time.

use std::collections::BTreeMap;
use std::io::Write as _;

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};
use tar::{EntryType, Header};

/// Files and directories by their path in the tree, which begins without a slash.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    entries: BTreeMap<String, Entry>,
}

#[derive(Debug)]
struct Entry {
    mode: u32,
    /// Number of the user and the group.
    owner: u64,
    /// The bytes of a file, or `None` for a directory.
    content: Option<Vec<u8>>,
}

impl Tree {
    /// Adds a file of root's, and the directories above it that are not there yet.
    pub(crate) fn file(&mut self, path: &str, mode: u32, content: &[u8]) {
        for (end, _) in path.match_indices('/') {
            let above = path.get(..end).unwrap_or_default();
            self.entries.entry(above.to_owned()).or_insert(Entry { mode: 0o755, owner: 0, content: None });
        }
        self.entries.insert(path.to_owned(), Entry { mode, owner: 0, content: Some(content.to_owned()) });
    }

    /// Adds a directory.
    pub(crate) fn directory(&mut self, path: &str, mode: u32, owner: u64) {
        self.entries.insert(path.to_owned(), Entry { mode, owner, content: None });
    }

    /// The files with their content.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().filter_map(|(path, entry)| Some((path.as_str(), entry.content.as_deref()?)))
    }

    /// The tree as a tar file. `prefix` comes before each path.
    ///
    /// # Errors
    ///
    /// A path is too long for tar.
    pub(crate) fn tar(&self, prefix: &str, time: u64) -> Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, entry) in &self.entries {
            let mut header = Header::new_ustar();
            header.set_mode(entry.mode);
            header.set_uid(entry.owner);
            header.set_gid(entry.owner);
            header.set_mtime(time);
            let content = entry.content.as_deref().unwrap_or_default();
            header.set_size(u64::try_from(content.len())?);
            let kind = if entry.content.is_some() { EntryType::Regular } else { EntryType::Directory };
            header.set_entry_type(kind);
            let slash = if entry.content.is_some() { "" } else { "/" };
            let name = format!("{prefix}{path}{slash}");
            archive.append_data(&mut header, &name, content).with_context(|| format!("cannot pack {name}"))?;
        }
        Ok(archive.into_inner()?)
    }
}

/// Packs bytes as gzip (RFC 1952), without a time.
///
/// # Errors
///
/// None that is known: the writer is memory.
pub(crate) fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut packed = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    packed.write_all(bytes)?;
    Ok(packed.finish()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_tree_keeps_bytes_modes_and_owners() {
        let mut tree = Tree::default();
        tree.file("usr/bin/burrow", 0o755, b"program");
        tree.file("usr/share/doc/burrow/copyright", 0o644, b"terms");
        tree.directory("data", 0o700, 65532);
        let packed = tree.tar("burrow/", 1_795_740_628).unwrap();
        assert_eq!(packed, tree.tar("burrow/", 1_795_740_628).unwrap(), "the same tree gives the same bytes");
        let mut found = Vec::new();
        for entry in tar::Archive::new(packed.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut content = String::new();
            entry.read_to_string(&mut content).unwrap();
            let (header, path) = (entry.header(), entry.path().unwrap().to_string_lossy().into_owned());
            assert_eq!(header.mtime().unwrap(), 1_795_740_628);
            found.push((path, header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap(), content));
        }
        let entry = |path: &str, mode, owner, content: &str| (path.to_owned(), mode, owner, owner, content.to_owned());
        let expected = [
            entry("burrow/data/", 0o700, 65532, ""),
            entry("burrow/usr/", 0o755, 0, ""),
            entry("burrow/usr/bin/", 0o755, 0, ""),
            entry("burrow/usr/bin/burrow", 0o755, 0, "program"),
            entry("burrow/usr/share/", 0o755, 0, ""),
            entry("burrow/usr/share/doc/", 0o755, 0, ""),
            entry("burrow/usr/share/doc/burrow/", 0o755, 0, ""),
            entry("burrow/usr/share/doc/burrow/copyright", 0o644, 0, "terms"),
        ];
        assert_eq!(found, expected);
    }
}
