//! The measured cases. Each runs in its own process, so peak memory is that of the case.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write, stdin};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::data::{disk_bytes, files_in, peak_rss_mib, quantile, written_bytes};
use crate::load::{Limit, Shape, bulk_load, check, read_load, write_load};
use crate::store::Engine;

const MIB: f64 = 1024.0 * 1024.0;
/// The first unit that the killed process writes.
const CRASH_IDS: u64 = 1 << 40;

/// Named results of one case. A child process prints them as lines `name<TAB>value`.
pub type Results = BTreeMap<String, String>;

pub fn print_results(results: &Results) {
    for (name, value) in results {
        println!("{name}\t{}", value.replace(['\n', '\t'], " "));
    }
}

/// Runs this program again as `child ARGUMENTS`, feeds it `input`, and returns its results.
pub fn run_child(arguments: &[&str], input: &str) -> Result<Results> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg("child")
        .args(arguments)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    if let Some(mut pipe) = child.stdin.take() {
        pipe.write_all(input.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    ensure!(
        output.status.success(),
        "{arguments:?} ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let text = String::from_utf8(output.stdout)?;
    let pairs = text.lines().filter_map(|line| line.split_once('\t'));
    Ok(pairs.map(|(k, v)| (k.to_owned(), v.to_owned())).collect())
}

fn put(results: &mut Results, name: &str, value: f64) {
    results.insert(name.to_owned(), value.to_string());
}

/// Measures concurrent durable writers on a fresh store.
pub fn write(engine: Engine, shape: Shape, writers: usize, dir: &Path, time: Duration) -> Result<Results> {
    let limit = Limit { time, units: (768.0 * MIB) as u64 / shape.bytes() };
    let store = engine.open(dir)?;
    let outcome = write_load(&*store, shape, writers, 0, limit, &|_| ())?;
    store.close()?;
    let mut results = Results::new();
    let seconds = outcome.elapsed.as_secs_f64();
    let bytes = (outcome.units * shape.bytes()) as f64;
    put(&mut results, "units", outcome.units as f64 / seconds);
    put(&mut results, "mb", bytes / 1e6 / seconds);
    put(&mut results, "p50", quantile(&outcome.latencies, 0.50));
    put(&mut results, "p99", quantile(&outcome.latencies, 0.99));
    put(&mut results, "written", written_bytes()? / bytes);
    put(&mut results, "rss", peak_rss_mib()?);
    Ok(results)
}

/// Measures a store of `total` bytes: loading, small sets, reads, opening after a clean close and after a kill.
pub fn vault(engine: Engine, shape: Shape, total: u64, dir: &Path) -> Result<Results> {
    let mut results = Results::new();
    let units = total / shape.bytes();
    let store = engine.open(dir)?;
    let start = Instant::now();
    bulk_load(&*store, shape, 0..units)?;
    put(&mut results, "load_mb", total as f64 / 1e6 / start.elapsed().as_secs_f64());
    put(&mut results, "load_written", written_bytes()? / total as f64);
    put(&mut results, "load_rss", peak_rss_mib()?);
    let limit = Limit { time: Duration::from_millis(700), units: u64::MAX };
    let records = Shape::Value(crate::data::RECORD);
    let small = write_load(&*store, records, 1, 0, limit, &|_| ())?;
    put(&mut results, "record_sets", small.units as f64 / small.elapsed.as_secs_f64());
    store.close()?;

    let store = engine.open(dir)?;
    read_load(&*store, shape, units, 4, Duration::from_secs(1))?;
    let (mut alone, mut four) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        for (rates, threads) in [(&mut alone, 1), (&mut four, 4)] {
            let time = Duration::from_millis(500);
            rates.push(read_load(&*store, shape, units, threads, time)?);
        }
    }
    for (name, rates) in [("reads_1", &mut alone), ("reads_4", &mut four)] {
        rates.sort_by(f64::total_cmp);
        put(&mut results, name, quantile(rates, 0.5));
    }
    put(&mut results, "rss", peak_rss_mib()?);
    store.close()?;

    let dir_name = dir.to_string_lossy();
    let mut opens = Vec::new();
    for _ in 0..3 {
        let opened = run_child(&["reopen", engine.name(), &dir_name], "")?;
        opens.push(number(&opened, "open_ms"));
    }
    opens.sort_by(f64::total_cmp);
    put(&mut results, "open_warm", quantile(&opens, 0.5));
    evict(dir)?;
    let cold = run_child(&["reopen", engine.name(), &dir_name], "")?;
    put(&mut results, "open_cold", number(&cold, "open_ms"));

    let acked = write_until_killed(engine, dir)?;
    let lines: String = acked.iter().map(|id| format!("{id}\n")).collect();
    put(&mut results, "acked", acked.len() as f64);
    let after = run_child(&["reopen", engine.name(), &dir_name], &lines)?;
    for name in ["open_ms", "open_rss", "exact", "missing", "wrong"] {
        put(&mut results, &format!("killed_{name}"), number(&after, name));
    }
    let store = engine.open(dir)?;
    let (_, missing, wrong) = check(&*store, shape, 0..units)?;
    put(&mut results, "old_damaged", (missing + wrong) as f64);
    store.close()?;
    Ok(results)
}

fn number(results: &Results, name: &str) -> f64 {
    results.get(name).and_then(|value| value.parse().ok()).unwrap_or(f64::NAN)
}

/// Drops the files of the directory from the kernel's page cache.
fn evict(dir: &Path) -> Result<()> {
    for file in files_in(dir)? {
        let mut input = std::ffi::OsString::from("if=");
        input.push(&file);
        let status = Command::new("dd").arg(input).args(["iflag=nocache", "count=0", "status=none"]).status()?;
        ensure!(status.success(), "dd could not evict {}", file.display());
    }
    Ok(())
}

/// Kills (`SIGKILL`) a process that ingests with 16 writers. Returns the units that it had acknowledged.
fn write_until_killed(engine: Engine, dir: &Path) -> Result<Vec<u64>> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["child", "ingest-forever", engine.name()])
        .arg(dir)
        .stdout(Stdio::piped())
        .spawn()?;
    let pipe = child.stdout.take().context("the child has no stdout")?;
    let reader = std::thread::spawn(move || -> std::io::Result<Vec<u64>> {
        let mut ids = Vec::new();
        for line in BufReader::new(pipe).lines() {
            ids.extend(line?.parse::<u64>());
        }
        Ok(ids)
    });
    sleep(Duration::from_millis(1200));
    child.kill()?;
    child.wait()?;
    Ok(reader.join().map_err(|_| anyhow::anyhow!("the reader panicked"))??)
}

/// Child of `vault`: prints each unit once it is acknowledged, until killed.
pub fn ingest_forever(engine: Engine, dir: &Path) -> Result<()> {
    let store = engine.open(dir)?;
    let limit = Limit { time: Duration::from_secs(60), units: u64::MAX - CRASH_IDS };
    write_load(&*store, Shape::Ingest, 16, CRASH_IDS, limit, &|id| println!("{id}"))?;
    Ok(())
}

/// Child of `vault`: times opening the store, then checks the units listed on its input.
pub fn reopen(engine: Engine, dir: &Path) -> Result<Results> {
    let mut results = Results::new();
    let start = Instant::now();
    let store = engine.open(dir)?;
    put(&mut results, "open_ms", start.elapsed().as_secs_f64() * 1000.0);
    put(&mut results, "open_rss", peak_rss_mib()?);
    let mut ids = Vec::new();
    for line in stdin().lock().lines() {
        ids.push(line?.parse()?);
    }
    let (exact, missing, wrong) = check(&*store, Shape::Ingest, ids.into_iter())?;
    put(&mut results, "exact", exact as f64);
    put(&mut results, "missing", missing as f64);
    put(&mut results, "wrong", wrong as f64);
    store.close()?;
    Ok(results)
}

/// Measures bytes on disk per byte of live values while a store fills, turns over and is compacted.
pub fn space(engine: Engine, len: usize, total: u64, dir: &Path) -> Result<Results> {
    let mut results = Results::new();
    let shape = Shape::Value(len);
    let units = total / len as u64;
    let mut store = engine.open(dir)?;
    let start = Instant::now();
    bulk_load(&*store, shape, 0..units)?;
    put(&mut results, "load_mb", total as f64 / 1e6 / start.elapsed().as_secs_f64());
    let loaded = (units * len as u64) as f64;
    put(&mut results, "loaded", disk_bytes(dir)? as f64 / loaded);

    bulk_load(&*store, shape, (0..units).filter(|id| id % 4 == 1))?;
    let mut live = units;
    for ids in (0..units).step_by(4).collect::<Vec<_>>().chunks(32) {
        let keys = ids.iter().flat_map(|id| shape.parts(*id));
        let deletions = keys.map(|(key, _)| crate::store::Op { key, value: None });
        store.write(deletions.collect(), true)?;
        live -= ids.len() as u64;
    }
    let live = (live * len as u64) as f64;
    put(&mut results, "churned", disk_bytes(dir)? as f64 / live);
    sleep(Duration::from_secs(1));
    put(&mut results, "idle", disk_bytes(dir)? as f64 / live);
    let start = Instant::now();
    store.reclaim()?;
    put(&mut results, "reclaim_s", start.elapsed().as_secs_f64());
    put(&mut results, "reclaimed", disk_bytes(dir)? as f64 / live);
    sleep(Duration::from_secs(1));
    put(&mut results, "reclaimed_idle", disk_bytes(dir)? as f64 / live);
    store.close()?;
    let store = engine.open(dir)?;
    sleep(Duration::from_millis(300));
    store.close()?;
    put(&mut results, "reopened", disk_bytes(dir)? as f64 / live);
    put(&mut results, "written", written_bytes()? / (loaded * 1.25));
    Ok(results)
}
