//! The archive for any Linux: the program with manual pages, completions and systemd units, to be unpacked anywhere.

use anyhow::Result;

use crate::VERSION;
use crate::parts::Parts;
use crate::tree::{Tree, gzip};

/// Packs the archive, a tar file in gzip with all files in one directory.
///
/// # Errors
///
/// A name is too long for tar.
pub(crate) fn pack(parts: &Parts) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    tree.file("burrow", 0o755, &parts.program);
    tree.file("LICENSE", 0o644, &parts.license);
    tree.file("config.toml", 0o644, &parts.config);
    for (name, page) in &parts.manual {
        tree.file(&format!("man/man1/{name}"), 0o644, page);
    }
    tree.file("completions/burrow.bash", 0o644, &parts.completions.bash);
    tree.file("completions/burrow.fish", 0o644, &parts.completions.fish);
    tree.file("completions/_burrow", 0o644, &parts.completions.zsh);
    for (name, unit) in &parts.systemd {
        tree.file(&format!("systemd/{name}"), 0o644, unit);
    }
    gzip(&tree.tar(&format!("burrow-{VERSION}/"), parts.time)?)
}
