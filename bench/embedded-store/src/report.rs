//! Runs every case in a child process and prints the tables.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::Options;
use crate::cases::{Results, run_child};
use crate::data::{CHUNK, quantile};
use crate::store::Engine;

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const WRITERS: [u64; 3] = [1, 16, 64];
/// The engines of the write cases. The larger cache matters only to a filled store.
const WRITING: [Engine; 5] = [Engine::Redb, Engine::Redb2pc, Engine::RedbQuick, Engine::Fjall, Engine::FjallBlob];
const FILLED: [Engine; 5] = [Engine::Redb, Engine::RedbQuick, Engine::RedbBigCache, Engine::Fjall, Engine::FjallBlob];
const POWER_CUTS: u64 = 40;

pub fn run(options: &Options) -> Result<()> {
    fs::create_dir_all(&options.dir)?;
    let wanted = |name: &str| options.only.as_deref().is_none_or(|only| only == name);
    let start = Instant::now();
    baseline(&options.dir)?;
    if wanted("writes") {
        writes(options)?;
    }
    if wanted("vault") {
        vault(options)?;
    }
    if wanted("space") {
        space(options)?;
    }
    if wanted("faults") {
        faults(options)?;
    }
    fs::remove_dir_all(&options.dir)?;
    println!("\nTook {:.0} s.", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs one case on an empty directory.
fn case(options: &Options, kind: &str, engine: Engine, numbers: &[u64]) -> Result<Results> {
    let dir = options.dir.join("store");
    let dir_name = dir.to_string_lossy().into_owned();
    let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
    let mut words = vec![kind, engine.name(), &dir_name];
    words.extend(numbers.iter().map(String::as_str));
    let results = run_child(&words, "");
    if dir.exists() {
        fs::remove_dir_all(&dir)?;
    }
    results
}

fn values(runs: &[Results], name: &str) -> Vec<f64> {
    let values = runs.iter().filter_map(|run| run.get(name)?.parse().ok());
    values.collect()
}

fn median(runs: &[Results], name: &str) -> f64 {
    let mut values = values(runs, name);
    values.sort_by(f64::total_cmp);
    quantile(&values, 0.5)
}

fn sum(runs: &[Results], name: &str) -> f64 {
    values(runs, name).iter().sum()
}

fn heading(title: &str, columns: &str) {
    println!("\n### {title}\n\n| {columns} |");
    println!("|{}", "---|".repeat(columns.split('|').count()));
}

/// Measures the disk alone: append, `fdatasync`, repeat.
fn baseline(dir: &Path) -> Result<()> {
    heading("Disk alone: append and fdatasync", "bytes | p50 ms | p99 ms | MB/s");
    for (len, times) in [(4 * KIB, 300), (256 * KIB, 200), (8 * MIB, 40)] {
        let path = dir.join("baseline");
        let mut file = File::create(&path)?;
        let bytes = vec![0x5a; len as usize];
        let mut times_ms = Vec::new();
        for _ in 0..times {
            let start = Instant::now();
            file.write_all(&bytes)?;
            file.sync_data()?;
            times_ms.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        let rate = (len * times) as f64 / 1e3 / times_ms.iter().sum::<f64>();
        times_ms.sort_by(f64::total_cmp);
        let (p50, p99) = (quantile(&times_ms, 0.5), quantile(&times_ms, 0.99));
        println!("| {len} | {p50:.2} | {p99:.2} | {rate:.0} |");
        fs::remove_file(path)?;
    }
    Ok(())
}

fn writes(options: &Options) -> Result<()> {
    let millis = (options.seconds * 1000.0) as u64;
    for (title, len) in [
        ("4 KiB values", 4 * KIB),
        ("64 KiB values", 64 * KIB),
        ("252 KiB values", CHUNK as u64),
        ("image ingest (2 x 252 KiB lazily + 300 B durably)", 0),
    ] {
        heading(
            &format!("Durable writes, {title}: units/s, MB/s, p50 / p99 ms"),
            "store | 1 writer | 16 writers | 64 writers | 64 writers: written / value bytes | and peak RSS MiB",
        );
        // The stores take turns, so that a slow spell of the machine does not hit one alone.
        let mut runs = vec![vec![Vec::new(); WRITERS.len()]; WRITING.len()];
        for _ in 0..options.reps {
            for (engine, runs) in WRITING.into_iter().zip(&mut runs) {
                for (writers, runs) in WRITERS.into_iter().zip(runs) {
                    runs.push(case(options, "write", engine, &[len, writers, millis])?);
                }
            }
        }
        for (engine, runs) in WRITING.into_iter().zip(&runs) {
            let mut row = format!("| {} |", engine.name());
            let (mut written, mut rss) = (0.0, 0.0);
            for runs in runs {
                let of = |name| median(runs, name);
                let (units, mb, p50, p99) = (of("units"), of("mb"), of("p50"), of("p99"));
                row += &format!(" {units:.0}/s, {mb:.1} MB/s, {p50:.1} / {p99:.1} |");
                (written, rss) = (of("written"), of("rss"));
            }
            println!("{row} {written:.2} | {rss:.0} |");
        }
    }
    Ok(())
}

fn vault(options: &Options) -> Result<()> {
    for (title, len, total) in [
        ("4 KiB values, 128 MiB", 4 * KIB, 128 * MIB),
        ("64 KiB values, 512 MiB", 64 * KIB, 512 * MIB),
        ("252 KiB values, 1 GiB", CHUNK as u64, 1024 * MIB),
    ] {
        heading(
            &format!("A filled store, {title}"),
            "store | load MB/s | written / value | 300 B sets/s, 1 writer | reads/s 1 thread \
             | 4 threads | peak RSS MiB | open ms warm | cold | after SIGKILL | its RSS MiB \
             | units acked | parts exact / missing / wrong | older damaged",
        );
        let mut runs = vec![Vec::new(); FILLED.len()];
        for _ in 0..options.vault_reps {
            for (engine, runs) in FILLED.into_iter().zip(&mut runs) {
                runs.push(case(options, "vault", engine, &[len, total])?);
            }
        }
        for (engine, runs) in FILLED.into_iter().zip(&runs) {
            let of = |name| median(runs, name);
            // Losses must never happen, so they are summed over all runs.
            let sum = |name| sum(runs, name);
            println!(
                "| {} | {:.0} | {:.2} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} | {:.0} \
                 | {:.0} | {} | {} / {} / {} | {} |",
                engine.name(),
                of("load_mb"),
                of("load_written"),
                of("record_sets"),
                of("reads_1"),
                of("reads_4"),
                of("rss"),
                of("open_warm"),
                of("open_cold"),
                of("killed_open_ms"),
                of("killed_open_rss"),
                sum("acked"),
                sum("killed_exact"),
                sum("killed_missing"),
                sum("killed_wrong"),
                sum("old_damaged"),
            );
        }
    }
    Ok(())
}

/// Lengths that run without blob files: those that show how redb rounds up, and records, which are too small.
fn fits(len: u64) -> bool {
    [300, 3840, 63 * KIB].contains(&len)
}

fn space(options: &Options) -> Result<()> {
    heading(
        "Bytes on disk per byte of live values",
        "value bytes | store | loaded | 1/4 deleted, 1/4 overwritten | 1 s idle | compacted \
         | took s | 1 s later | reopened | written / value | load MB/s",
    );
    for (len, total) in [
        (300, 32 * MIB),
        (3840, 128 * MIB),
        (4096, 128 * MIB),
        (63 * KIB, 256 * MIB),
        (64 * KIB, 256 * MIB),
        (252 * KIB, 512 * MIB),
        (256 * KIB, 512 * MIB),
    ] {
        for engine in [Engine::Redb, Engine::Fjall, Engine::FjallBlob, Engine::FjallBlobGc] {
            if fits(len) && !matches!(engine, Engine::Redb | Engine::Fjall) {
                continue;
            }
            let runs = [case(options, "space", engine, &[len, total])?];
            let of = |name| median(&runs, name);
            println!(
                "| {len} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.1} | {:.2} | {:.2} | {:.2} | {:.0} |",
                engine.name(),
                of("loaded"),
                of("churned"),
                of("idle"),
                of("reclaimed"),
                of("reclaim_s"),
                of("reclaimed_idle"),
                of("reopened"),
                of("written"),
                of("load_mb"),
            );
        }
    }
    Ok(())
}

fn faults(options: &Options) -> Result<()> {
    let text = |results: &Results, name: &str| results.get(name).cloned().unwrap_or_default();
    heading("Opening a second time", "store | in the same process | in another");
    for engine in [Engine::Redb, Engine::Fjall] {
        let results = case(options, "second-open", engine, &[])?;
        let (same, other) = (text(&results, "same process"), text(&results, "other process"));
        println!("| {} | {same} | {other} |", engine.name());
    }

    heading(
        "One byte changed in the middle of one of 16 values of 252 KiB, each committed alone",
        "store | where | closed before | then",
    );
    for (engine, place, journal, victim) in [
        (Engine::Redb, "file, an older value", 0, 7),
        (Engine::Redb, "file, the last value", 0, 15),
        (Engine::RedbQuick, "file, an older value", 0, 7),
        (Engine::Fjall, "journal", 1, 7),
        (Engine::Fjall, "table", 0, 7),
        (Engine::FjallBlob, "blob file", 0, 7),
    ] {
        for (closed, crashed) in [("yes", 0), ("no, crashed", 1)] {
            let results = case(options, "flip", engine, &[journal, crashed, victim])?;
            let outcome = text(&results, "outcome");
            println!("| {} | {place} | {closed} | {outcome} |", engine.name());
        }
    }

    heading(
        "Simulated power cuts",
        "store | of the unsynced writes survive | acknowledged all there | some lost \
         | does not open | panics | last error",
    );
    for (engine, kept, numbers) in [
        (Engine::Redb, "random sectors", [5 * POWER_CUTS, 1]),
        (Engine::Redb2pc, "random sectors", [5 * POWER_CUTS, 1]),
        (Engine::RedbQuick, "random sectors", [5 * POWER_CUTS, 1]),
        (Engine::Fjall, "a prefix", [POWER_CUTS, 0]),
        (Engine::Fjall, "random sectors", [POWER_CUTS, 1]),
        (Engine::FjallBlob, "random sectors", [POWER_CUTS, 1]),
    ] {
        let results = case(options, "power-cut", engine, &numbers)?;
        let cells = ["sound", "lost", "refused", "panicked", "example"];
        let cells = cells.map(|name| text(&results, name)).join(" | ");
        println!("| {} | {kept} | {cells} |", engine.name());
    }
    Ok(())
}
