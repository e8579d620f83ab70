//! The Spin app: the component with its manifest, to be started where it was unpacked; and the template for new apps.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::parts::Parts;
use crate::tree::{Tree, gzip};
use crate::{VERSION, read};

/// Packs the app, a tar file in gzip with all files in one directory.
///
/// # Errors
///
/// A file of the app cannot be read, or spin.toml is not as this expects it.
pub(crate) fn pack(parts: &Parts, checkout: &Path) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    let manifest = String::from_utf8(read(&checkout.join("spin.toml"))?)?;
    tree.file("spin.toml", 0o644, released(&manifest)?.as_bytes());
    tree.file("runtime-config.toml", 0o644, &read(&checkout.join("runtime-config.toml"))?);
    tree.file("burrow.wasm", 0o644, &parts.component);
    tree.file("LICENSE", 0o644, &parts.license);
    gzip(&tree.tar(&format!("burrow-{VERSION}-spin/"), parts.time)?)
}

/// The files of the template, in templates/burrow.
const TEMPLATE: [&str; 7] = [
    "content/.gitignore",
    "content/README.md",
    "content/runtime-config.toml",
    "content/spin.toml",
    "metadata/snippets/component.txt",
    "metadata/snippets/variables.txt",
    "metadata/spin-template.toml",
];

/// Packs the template with the component in it, as `spin templates install` takes it.
///
/// # Errors
///
/// A file of the template cannot be read.
pub(crate) fn pack_template(parts: &Parts, checkout: &Path) -> Result<Vec<u8>> {
    let mut tree = Tree::default();
    for file in TEMPLATE {
        let path = format!("templates/burrow/{file}");
        tree.file(&path, 0o644, &read(&checkout.join(&path))?);
    }
    tree.file("templates/burrow/content/burrow.wasm", 0o644, &parts.component);
    tree.file("LICENSE", 0o644, &parts.license);
    gzip(&tree.tar(&format!("burrow-{VERSION}-spin-template/"), parts.time)?)
}

/// The manifest for a component beside it that needs no building.
fn released(manifest: &str) -> Result<String> {
    let (before, after) =
        manifest.split_once("source = \"target/burrow.wasm\"").context("spin.toml does not name target/burrow.wasm")?;
    let (kept, _) = after.split_once("\n[component.burrow.build]").context("spin.toml does not end with the build")?;
    Ok(format!("{before}source = \"burrow.wasm\"{kept}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_released_manifest_builds_nothing() {
        let manifest = released(include_str!("../../spin.toml")).unwrap();
        assert!(manifest.contains("source = \"burrow.wasm\"\nkey_value_stores"), "{manifest}");
        assert!(manifest.contains("write_token = \"{{ write_token }}\""), "{manifest}");
        assert!(!manifest.contains("target/") && !manifest.contains("build"), "{manifest}");
    }
}
