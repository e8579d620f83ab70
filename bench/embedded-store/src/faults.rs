//! Tries the stores opened twice, damaged, and after power cuts.

use std::fs::{self, File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::cases::{Results, run_child};
use crate::data::{CHUNK, Random, chunk_key, files_in, value_of};
use crate::disk::PowerCutDisk;
use crate::load::{Shape, bulk_load, check};
use crate::store::{Engine, Op};

const SECTOR: usize = 4096;
/// Values in a store of which one is damaged. Each is in a commit of its own.
const VALUES: u64 = 16;
const JOURNAL_USED: u64 = 8 << 20;

/// Opens the store while it is open, in this process and in another.
pub fn second_open(engine: Engine, dir: &Path) -> Result<Results> {
    let _held = engine.open(dir)?;
    let same = match engine.open(dir) {
        Ok(_) => "opened".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    let other = match run_child(&["reopen", engine.name(), &dir.to_string_lossy()], "") {
        Ok(_) => "opened".to_owned(),
        Err(error) => format!("{error:#}"),
    };
    // Keep only the last cause of the child's error.
    let other = other.rsplit("Caused by:").next().unwrap_or_default();
    let other = other.rsplit("status: 1: Error: ").next().unwrap_or_default();
    let other = other.trim().to_owned();
    Ok([("same process", same), ("other process", other)].map(|(name, text)| (name.to_owned(), text)).into())
}

/// Changes one byte in the middle of a stored value, then opens the store and reads that value.
/// With `crashed`, the files are those of a store that was not closed.
pub fn flipped_byte(engine: Engine, dir: &Path, place: Place, crashed: bool, victim: u64) -> Result<Results> {
    let shape = Shape::Value(CHUNK);
    let (live, copy) = (dir.join("live"), dir.join("copy"));
    let mut store = engine.open(&live)?;
    for id in 0..VALUES {
        bulk_load(&*store, shape, id..id + 1)?;
    }
    // redb writes the value to its file at once; fjall moves it from the journal to a table later.
    if place == Place::Table && !engine.is_redb() {
        store.reclaim()?;
    }
    if crashed {
        copy_store(&live, &copy)?;
        store.close()?;
    } else {
        store.close()?;
        copy_store(&live, &copy)?;
    }
    let value = value_of(&chunk_key(victim, 0), CHUNK);
    let copies = flip(&copy, place, &value[CHUNK / 2..CHUNK / 2 + 32])?;
    ensure!(copies > 0, "the value is not in the files");
    let reading = catch_unwind(AssertUnwindSafe(|| read_damaged(engine, &copy, victim)));
    let outcome = reading.unwrap_or_else(|_| "panics".to_owned());
    Ok([("outcome".to_owned(), outcome)].into())
}

/// Describes how a store behaves after the value `victim` was damaged.
fn read_damaged(engine: Engine, dir: &Path, victim: u64) -> String {
    let shape = Shape::Value(CHUNK);
    let mut store = match engine.open(dir) {
        Ok(store) => store,
        Err(error) => return format!("**does not open**: {}", brief(&error)),
    };
    let read = match check(&*store, shape, victim..victim + 1) {
        Ok((1, _, _)) => "reads the right bytes".to_owned(),
        Ok((_, 1, _)) => "**says there is no such key**".to_owned(),
        Ok(_) => "**returns the wrong bytes as good**".to_owned(),
        Err(error) => format!("the read fails: {}", brief(&error)),
    };
    let rest = check(&*store, shape, (0..VALUES).filter(|id| *id != victim));
    let rest = rest.map_or_else(|error| brief(&error), |counts| counts.0.to_string());
    let verified = match store.verify() {
        Ok(None) => "no such function".to_owned(),
        Ok(Some(sound)) => format!("sound = {sound}"),
        Err(error) => format!("fails: {}", brief(&error)),
    };
    format!("{read}; exact of the 15 others: {rest}; check of the whole: {verified}")
}

/// The error's text without the values of its fields.
fn brief(error: &anyhow::Error) -> String {
    let text = error.root_cause().to_string();
    text.split(" {").next().unwrap_or_default().to_owned()
}

/// The files in which to damage a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Place {
    Journal,
    Table,
}

/// Inverts the first byte of every occurrence of `needle` in the files; returns how many.
fn flip(dir: &Path, place: Place, needle: &[u8]) -> Result<usize> {
    let mut count = 0;
    for path in files_in(dir)? {
        if is_journal(&path) != (place == Place::Journal) {
            continue;
        }
        let bytes = fs::read(&path)?;
        let file = OpenOptions::new().write(true).open(&path)?;
        for (offset, window) in bytes.windows(needle.len()).enumerate() {
            if window == needle {
                file.write_all_at(&[!needle[0]], offset as u64)?;
                count += 1;
            }
        }
    }
    Ok(count)
}

fn is_journal(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "jnl")
}

/// Reads a file; of a journal, which is preallocated, only the part that these tests use.
fn read_used(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    let limit = if is_journal(path) { JOURNAL_USED } else { u64::MAX };
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Counts how a store came back from power cuts.
#[derive(Default)]
struct Tally {
    sound: u64,
    lost: u64,
    refused: u64,
    panicked: u64,
    example: String,
}

impl Tally {
    fn add(&mut self, acked: std::ops::Range<u64>, open: impl FnOnce() -> Result<Box<dyn crate::store::Store>>) {
        let checked = catch_unwind(AssertUnwindSafe(|| check(&*open()?, Shape::Value(CUT_VALUE), acked)));
        match checked {
            Ok(Ok((_, 0, 0))) => self.sound += 1,
            Ok(Ok(_)) => self.lost += 1,
            Ok(Err(error)) => {
                self.refused += 1;
                self.example = brief(&error);
            }
            Err(_) => self.panicked += 1,
        }
    }

    fn results(self) -> Results {
        [
            ("sound", self.sound.to_string()),
            ("lost", self.lost.to_string()),
            ("refused", self.refused.to_string()),
            ("panicked", self.panicked.to_string()),
            ("example", self.example),
        ]
        .map(|(name, text)| (name.to_owned(), text))
        .into()
    }
}

const CUT_VALUE: usize = 20_000;

fn cut_batch(ids: std::ops::Range<u64>) -> Vec<Op> {
    ids.flat_map(|id| Shape::Value(CUT_VALUE).parts(id))
        .map(|(key, len)| Op { value: Some(value_of(&key, len)), key })
        .collect()
}

/// Runs redb on a disk that loses power at a random operation and keeps a random half of the unsynced sectors.
pub fn power_cut_redb(engine: Engine, runs: u64) -> Result<Results> {
    let mut tally = Tally::default();
    for seed in 0..runs {
        let mut random = Random::new(seed);
        let disk = PowerCutDisk::new(10 + random.below(150));
        let mut acked = 0;
        let written = catch_unwind(AssertUnwindSafe(|| -> Result<()> {
            let store = engine.open_redb_on(disk.clone())?;
            for group in 0..40 {
                let first = group * 4;
                store.write(cut_batch(first..first + 2), false)?;
                store.write(cut_batch(first + 2..first + 4), true)?;
                acked = first + 4;
            }
            Ok(())
        }));
        if matches!(written, Ok(Ok(()))) {
            bail!("seed {seed}: the power never went");
        }
        let image = disk.after_power_cut(&mut random)?;
        tally.add(0..acked, || engine.open_redb_on(image));
    }
    Ok(tally.results())
}

/// Opens fjall's files as they might be after a power cut: everything synced is there; of later writes there is a
/// prefix, or with `holes` a random half of the sectors.
pub fn power_cut_fjall(engine: Engine, dir: &Path, runs: u64, holes: bool) -> Result<Results> {
    let mut tally = Tally::default();
    for seed in 0..runs {
        let mut random = Random::new(seed);
        let (live, synced, torn) = (dir.join("live"), dir.join("synced"), dir.join("torn"));
        let acked = 4 + random.below(20);
        let store = engine.open(&live)?;
        for id in 0..acked {
            store.write(cut_batch(id..id + 1), true)?;
        }
        copy_store(&live, &synced)?;
        store.write(cut_batch(acked..acked + 2), false)?;
        store.write(cut_batch(acked + 2..acked + 4), false)?;
        copy_store(&live, &torn)?;
        tear(&synced, &torn, &mut random, holes)?;
        tally.add(0..acked, || engine.open(&torn));
        store.close()?;
        fs::remove_dir_all(dir)?;
    }
    Ok(tally.results())
}

fn copy_store(from: &Path, to: &Path) -> Result<()> {
    for path in files_in(from)? {
        let target = to.join(path.strip_prefix(from)?);
        fs::create_dir_all(target.parent().context("a file lies in a directory")?)?;
        let target = File::create(target)?;
        target.write_all_at(&read_used(&path)?, 0)?;
        target.set_len(path.metadata()?.len())?;
    }
    Ok(())
}

/// Reverts some of the sectors in which `torn` differs from `synced`.
fn tear(synced: &Path, torn: &Path, random: &mut Random, holes: bool) -> Result<()> {
    for path in files_in(synced)? {
        let target = torn.join(path.strip_prefix(synced)?);
        let (old, new) = (read_used(&path)?, read_used(&target)?);
        let sectors = old.chunks(SECTOR).zip(new.chunks(SECTOR)).enumerate();
        let changed: Vec<usize> = sectors.filter(|(_, (old, new))| old != new).map(|(sector, _)| sector).collect();
        let kept_prefix = random.below(changed.len() as u64 + 1) as usize;
        let file = OpenOptions::new().write(true).open(&target)?;
        for (index, sector) in changed.into_iter().enumerate() {
            let keep = if holes { random.below(2) == 0 } else { index < kept_prefix };
            if !keep {
                let range = sector * SECTOR..old.len().min((sector + 1) * SECTOR);
                file.write_all_at(&old[range], (sector * SECTOR) as u64)?;
            }
        }
    }
    Ok(())
}
