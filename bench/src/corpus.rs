//! The corpus: real images from packages.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};
use burrow_bench::Image;
use sha2::{Digest as _, Sha256};

use crate::{Bench, say};

/// The packages, and how many images of each are in the corpus. A package of Debian is a name, a Python package
/// a name with its version.
const SOURCES: [(&str, usize); 8] = [
    ("lomiri-wallpapers-20.04", 10),
    ("lomiri-wallpapers-16.04", 20),
    ("ukui-wallpapers", 30),
    ("propaganda-debian", 30),
    ("desktop-base", 60),
    ("tuxpaint-data", 90),
    ("tango-icon-theme", 50),
    ("pillow==11.3.0", 190),
];

/// The image of a package that `--short` makes do with: small, and all of its icons are alike.
const SHORT: &str = "tango-icon-theme";

/// An image smaller than this says nothing that the made ones do not say better.
const SMALLEST: u64 = 1000;

/// The bytes of several images together.
pub(crate) fn size(images: &[Image]) -> u64 {
    images.iter().map(|image| image.bytes.len() as u64).sum()
}

/// One line of corpus.tsv.
struct Entry {
    source: String,
    sha256: String,
    /// The subtype of the media type that Burrow detects.
    kind: String,
    path: PathBuf,
}

/// The images of corpus.tsv, in its order. Downloads the packages of those that are not there yet.
///
/// # Errors
///
/// More than one in ten of the images is in no package any more.
pub(crate) fn mixed(bench: &Bench) -> Result<Vec<Image>> {
    let file = bench.home.join("corpus.tsv");
    let list = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let mut entries = list.lines().map(Entry::parse).collect::<Result<Vec<_>>>()?;
    if bench.short {
        entries.retain(|entry| entry.source == SHORT);
    }
    let directory = bench.directory.join("corpus");
    std::fs::create_dir_all(&directory)?;
    for (source, _) in SOURCES {
        let missing: Vec<&Entry> =
            entries.iter().filter(|entry| entry.source == source && !directory.join(&entry.sha256).exists()).collect();
        if !missing.is_empty() {
            let package = unpack(bench, source)?;
            for entry in missing {
                keep(&package.join(&entry.path), &directory.join(&entry.sha256), &entry.sha256)?;
            }
            std::fs::remove_dir_all(package)?;
        }
    }
    let mut images = Vec::new();
    for entry in &entries {
        if let Ok(bytes) = std::fs::read(directory.join(&entry.sha256)) {
            let name = format!("{}.{}", entry.sha256.get(..16).unwrap_or_default(), entry.kind);
            images.push(Image { name, bytes: bytes.into() });
        }
    }
    let megabytes = size(&images) as f64 / 1e6;
    say(&format!("the corpus has {} images, {megabytes:.1} MB", images.len()));
    if images.len() < entries.len() {
        say(&format!("{} images are other ones in this system's packages, and left out", entries.len() - images.len()));
    }
    ensure!(images.len() * 10 >= entries.len() * 9, "too few images; `--choose-corpus` chooses others");
    Ok(images)
}

/// Copies an image of a package, if it is there and still has this digest.
fn keep(from: &Path, to: &Path, sha256: &str) -> Result<()> {
    if let Ok(bytes) = std::fs::read(from)
        && digest(&bytes) == sha256
    {
        std::fs::write(to, bytes).with_context(|| format!("cannot write {}", to.display()))?;
    }
    Ok(())
}

/// Writes corpus.tsv: of each package the images with the lowest digests, so that chance chooses, always alike.
pub(crate) fn choose(bench: &Bench) -> Result<()> {
    let mut chosen: HashMap<String, Entry> = HashMap::new();
    for (source, count) in SOURCES {
        let package = unpack(bench, source)?;
        let mut entries = Vec::new();
        for file in walkdir::WalkDir::new(&package) {
            let file = file?;
            if !file.file_type().is_file() || file.metadata()?.len() < SMALLEST {
                continue;
            }
            let bytes = std::fs::read(file.path())?;
            let path = file.path().strip_prefix(&package)?.to_owned();
            if let Some(sniffed) = burrow_vault::sniff::sniff(&bytes) {
                let kind = sniffed.media_type.rsplit('/').next().unwrap_or_default().to_owned();
                entries.push(Entry { source: source.to_owned(), sha256: digest(&bytes), kind, path });
            }
        }
        // Of copies within a package always the same one.
        entries.sort_by(|one, other| (&one.sha256, &one.path).cmp(&(&other.sha256, &other.path)));
        entries.dedup_by(|one, other| one.sha256 == other.sha256);
        for entry in entries.into_iter().take(count) {
            chosen.entry(entry.sha256.clone()).or_insert(entry);
        }
        std::fs::remove_dir_all(package)?;
    }
    let mut entries: Vec<Entry> = chosen.into_values().collect();
    // By digest: big and small ones, and those of all packages, come mixed.
    entries.sort_by(|one, other| one.sha256.cmp(&other.sha256));
    let mut list = String::new();
    for Entry { source, sha256, kind, path } in &entries {
        // Writing to a string cannot fail.
        let _ = writeln!(list, "{source}\t{sha256}\t{kind}\t{}", path.display());
    }
    std::fs::write(bench.home.join("corpus.tsv"), list)?;
    say(&format!("chose {} images", entries.len()));
    Ok(())
}

impl Entry {
    fn parse(line: &str) -> Result<Self> {
        let [source, sha256, kind, path] = line.split('\t').collect::<Vec<_>>()[..] else {
            bail!("a line of corpus.tsv has four fields, not as in {line:?}");
        };
        Ok(Self { source: source.into(), sha256: sha256.into(), kind: kind.into(), path: path.into() })
    }
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Downloads a package and unpacks it, without installing it. Returns the directory with what was in it.
fn unpack(bench: &Bench, source: &str) -> Result<PathBuf> {
    say(&format!("downloading {source}"));
    let download = bench.directory.join("download");
    let package = bench.directory.join("package");
    for directory in [&download, &package] {
        if directory.exists() {
            std::fs::remove_dir_all(directory)?;
        }
        std::fs::create_dir_all(directory)?;
    }
    let is_debian = !source.contains("==");
    if is_debian {
        run(Command::new("apt-get")
            .args(["-o", "APT::Sandbox::User=root", "--quiet", "--quiet", "download", source])
            .current_dir(&download))
        .context("`apt-get update` may help")?;
    } else {
        let mut pip = Command::new(&bench.programs.python);
        pip.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
        run(pip.args(["--no-binary", ":all:", source]).current_dir(&download))?;
    }
    let file = std::fs::read_dir(&download)?.next().context("nothing was downloaded")??.path();
    let mut unpack = Command::new(if is_debian { "dpkg-deb" } else { "tar" });
    if is_debian {
        unpack.arg("-x").arg(&file).arg(&package);
    } else {
        unpack.arg("-xf").arg(&file).arg("-C").arg(&package);
    }
    run(&mut unpack)?;
    std::fs::remove_dir_all(&download)?;
    Ok(package)
}

fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{} {:?}", command.get_program().to_string_lossy(), command.get_args());
    let status = command.status().with_context(|| format!("{shown} cannot be started"))?;
    ensure!(status.success(), "{shown} failed ({status})");
    Ok(())
}
