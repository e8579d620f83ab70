//! Seeded keys and values, and the kernel's figures for this process and its files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};

/// The largest chunk of Burrow: 252 KiB.
pub const CHUNK: usize = 252 * 1024;
pub const RECORD: usize = 300;

/// SplitMix64: small, fast, and its output does not compress.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

/// 64 hex digits that stand for the content hash of item `id`.
fn digest(id: u64) -> String {
    let mut random = Random::new(id ^ 0x5eed_0000_0000_0000);
    (0..4).map(|_| format!("{:016x}", random.next())).collect()
}

pub fn chunk_key(id: u64, part: u64) -> String {
    format!("b1:c:{}:{part}", digest(id))
}

pub fn record_key(id: u64) -> String {
    format!("b1:r:{}", digest(id))
}

/// Returns the value of a key: the same bytes in every process.
pub fn value_of(key: &str, len: usize) -> Vec<u8> {
    let seed = key
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    let mut random = Random::new(seed);
    let mut value = vec![0; len];
    for word in value.chunks_mut(8) {
        let bytes = random.next().to_le_bytes();
        word.copy_from_slice(&bytes[..word.len()]);
    }
    value
}

/// Returns the bytes that the directory's files occupy on disk; holes do not count.
pub fn disk_bytes(dir: &Path) -> Result<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        // A file may vanish under a running store.
        let Ok(meta) = entry.metadata() else { continue };
        total += if meta.is_dir() { disk_bytes(&entry.path())? } else { meta.blocks() * 512 };
    }
    Ok(total)
}

/// Every file below the directory.
pub fn files_in(dir: &Path) -> Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_in(&path)?);
        } else {
            found.push(path);
        }
    }
    Ok(found)
}

/// Peak resident memory of this process, in MiB.
pub fn peak_rss_mib() -> Result<f64> {
    Ok(proc_field("/proc/self/status", "VmHWM:")? / 1024.0)
}

/// Bytes this process has caused to be written to storage.
pub fn written_bytes() -> Result<f64> {
    proc_field("/proc/self/io", "write_bytes:")
}

fn proc_field(file: &str, field: &str) -> Result<f64> {
    let text = fs::read_to_string(file)?;
    text.lines()
        .find_map(|line| line.strip_prefix(field))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .with_context(|| format!("{file} has no {field}"))
}

/// Returns the value at or below which the given share (0 to 1) of the values lies.
pub fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    let index = (share * last as f64).round() as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
