//! The package for Debian and Ubuntu (deb(5)): two tar files in an ar archive.

use anyhow::Result;
use ar::{Builder, Header};

use crate::parts::Parts;
use crate::tree::{Tree, gzip};
use crate::{SUMMARY, VERSION};

/// Packs the package.
///
/// # Errors
///
/// A name is too long for tar.
pub(crate) fn pack(parts: &Parts) -> Result<Vec<u8>> {
    let files = files(parts)?;
    let bytes: usize = files.files().map(|(_, content)| content.len()).sum();
    let mut control = Tree::default();
    control.file("control", 0o644, control_file(bytes).as_bytes());
    control.file("conffiles", 0o644, b"/etc/burrow/config.toml\n");
    for (name, script) in &parts.scripts {
        control.file(name, 0o755, script);
    }
    let mut package = Builder::new(Vec::new());
    for (name, content) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar.gz", gzip(&control.tar("", parts.time)?)?),
        ("data.tar.gz", gzip(&files.tar("", parts.time)?)?),
    ] {
        let mut header = Header::new(name.into(), u64::try_from(content.len())?);
        header.set_mode(0o100_644);
        header.set_mtime(parts.time);
        package.append(&header, content.as_slice())?;
    }
    Ok(package.into_inner()?)
}

/// The files of the package, where Debian's policy has them.
fn files(parts: &Parts) -> Result<Tree> {
    let mut tree = Tree::default();
    tree.file("usr/bin/burrow", 0o755, &parts.program);
    tree.file("etc/burrow/config.toml", 0o644, &parts.config);
    tree.file("usr/share/doc/burrow/copyright", 0o644, &parts.license);
    for (name, page) in &parts.manual {
        tree.file(&format!("usr/share/man/man1/{name}.gz"), 0o644, &gzip(page)?);
    }
    let completions = &parts.completions;
    tree.file("usr/share/bash-completion/completions/burrow", 0o644, &completions.bash);
    tree.file("usr/share/fish/vendor_completions.d/burrow.fish", 0o644, &completions.fish);
    tree.file("usr/share/zsh/vendor-completions/_burrow", 0o644, &completions.zsh);
    let units = "usr/lib/systemd/system";
    for (name, content) in &parts.systemd {
        match name.as_str() {
            "sysusers.conf" => tree.file("usr/lib/sysusers.d/burrow.conf", 0o644, content),
            // Both services have the same limits.
            "hardening.conf" => {
                for service in ["burrow", "burrow-verify"] {
                    tree.file(&format!("{units}/{service}.service.d/{name}"), 0o644, content);
                }
            }
            unit => tree.file(&format!("{units}/{unit}"), 0o644, content),
        }
    }
    Ok(tree)
}

/// The package's description (deb-control(5)). `bytes` is what the files take when installed.
fn control_file(bytes: usize) -> String {
    let kilobytes = bytes.div_ceil(1024);
    format!(
        "Package: burrow
Version: {VERSION}
Architecture: amd64
Maintainer: The Burrow maintainers <burrow@localhost>
Installed-Size: {kilobytes}
Depends: systemd | systemd-standalone-sysusers
Section: web
Priority: optional
Description: {SUMMARY}
 The service listens on 127.0.0.1:3000 and keeps its images in
 /var/lib/burrow/vault. /etc/burrow/config.toml configures it. A timer
 verifies the images every week. Removing the package keeps the images.
"
    )
}
