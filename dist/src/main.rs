//! Packs what a release of Burrow consists of, from a program and a component that are built already.
//!
//! `cargo xtask dist` builds both, and runs this program. The same commit gives the same bytes: files have the time of
//! the commit, and are in a fixed order.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]

mod archive;
mod artifact;
mod deb;
mod image;
mod oci;
mod parts;
mod sbom;
mod spin;
mod tree;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};

use crate::parts::Parts;

/// The version of the release: that of the workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// One sentence on Burrow, for the packages that have room for one.
const SUMMARY: &str = "Keeps images: downloads them, makes them smaller without loss, and serves the same bytes";

const USAGE: &str = "\
usage: dist PROGRAM COMPONENT CHECKOUT SECONDS DIRECTORY

  PROGRAM    the program burrow, static, for Linux on x86-64, with the component built in
  COMPONENT  the component, burrow.wasm
  CHECKOUT   the checkout that both were built from
  SECONDS    the time of all files, in seconds since 1970: that of the commit
  DIRECTORY  an empty directory for everything that is made";

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().skip(1).collect();
    let done = match args.as_slice() {
        [program, component, checkout, time, into] => {
            pack(program.as_ref(), component.as_ref(), checkout.as_ref(), &time.to_string_lossy(), into.as_ref())
        }
        _ => Err(anyhow!(USAGE)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("dist: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn pack(program: &Path, component: &Path, checkout: &Path, time: &str, into: &Path) -> Result<()> {
    let time = time.parse::<u64>().with_context(|| format!("{time} is no number of seconds"))?;
    let parts = Parts::read(program, component, checkout, time)?;
    let named = |ending: &str| format!("burrow-{VERSION}{ending}");
    let files = [
        ("burrow.wasm".to_owned(), parts.component.clone()),
        (named("-x86_64-linux.tar.gz"), archive::pack(&parts)?),
        (format!("burrow_{VERSION}_amd64.deb"), deb::pack(&parts)?),
        (named("-image-amd64.oci.tar"), image::pack(&parts)?),
        (named("-component.oci.tar"), artifact::pack(&parts)?),
        (named("-spin.tar.gz"), spin::pack(&parts, checkout)?),
        (named("-spin-template.tar.gz"), spin::pack_template(&parts, checkout)?),
        (named(".cdx.json"), sbom::write(checkout, &parts.created)?),
        ("compose.yaml".to_owned(), read(&checkout.join("deploy/compose/compose.yaml"))?),
        ("compose.redis.yaml".to_owned(), read(&checkout.join("deploy/compose/compose.redis.yaml"))?),
    ];
    let mut sums = String::new();
    for (name, bytes) in files {
        write(&into.join(&name), &bytes)?;
        sums.extend([&oci::hex_sha256(&bytes), "  ", &name, "\n"]);
        println!("{:>12}  {name}", bytes.len());
    }
    write(&into.join("SHA256SUMS"), sums.as_bytes())
}

/// The bytes of a file.
///
/// # Errors
///
/// It cannot be read; the error names it.
fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_operators_start_is_of_this_version() {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
        for file in [
            "compose/compose.yaml",
            "compose/compose.redis.yaml",
            "kubernetes/burrow.yaml",
            "kubernetes/burrow-redis.yaml",
            "spinkube/burrow.yaml",
        ] {
            let text = String::from_utf8(read(&deploy.join(file)).unwrap()).unwrap();
            let images = text.lines().filter_map(|line| line.trim().strip_prefix("image: "));
            let versions: Vec<&str> =
                images.filter(|name| name.contains("/burrow")).map(|name| name.rsplit(':').next().unwrap()).collect();
            assert_eq!(versions, [VERSION], "{file}");
        }
    }
}
