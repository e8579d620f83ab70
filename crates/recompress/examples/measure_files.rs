//! Packs and unpacks files, compares, and prints how small they become and how fast: `measure [--each] [--fast] FILE...`.
//!
//! Arguments that begin with `@` name lists of files. Sums are printed for each directory that the list's lines begin
//! with, up to a colon, or for all files.

#![allow(clippy::print_stdout, reason = "this is its purpose")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "it stops at what it does not expect")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use burrow_recompress::{Effort, Limits, Refused, pack, unpack};
use futures::executor::block_on;

#[derive(Default)]
struct Sum {
    files: u32,
    original: u64,
    /// With refused files as they are.
    stored: u64,
    packed_files: u32,
    packed_original: u64,
    packed: u64,
    work: u64,
    packing: Duration,
    unpacking: Duration,
    refused: BTreeMap<String, (u32, u64)>,
    wrong: u32,
}

/// The time that this process ran on a core: other processes do not disturb it. Linux says it in nanoseconds.
fn now() -> Duration {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(text.split(' ').next().unwrap().parse().unwrap())
}

fn main() {
    let limits = Limits { length: 1 << 30, memory: 256 << 20, work: u64::MAX };
    let mut sums = BTreeMap::<String, Sum>::new();
    let (mut is_each, mut effort) = (false, Effort::Best);
    let mut files = Vec::new();
    for argument in std::env::args().skip(1) {
        match argument.strip_prefix('@') {
            None if argument == "--each" => is_each = true,
            None if argument == "--fast" => effort = Effort::Fast,
            None => files.push((String::new(), argument)),
            Some(list) => files.extend(std::fs::read_to_string(list).unwrap().lines().map(|line| {
                let (kind, path) = line.split_once(':').unwrap_or(("", line));
                (kind.to_owned(), path.to_owned())
            })),
        }
    }
    for (kind, path) in files {
        let Ok(file) = std::fs::read(&path) else { continue };
        let sum = sums.entry(kind).or_default();
        sum.files += 1;
        sum.original += file.len() as u64;
        let start = now();
        let result = block_on(pack(&file, effort, &limits, async || {}));
        let packing = now().saturating_sub(start);
        sum.packing += packing;
        match result {
            Err(reason) => {
                sum.stored += file.len() as u64;
                let key = match reason {
                    Refused::Work { .. } => "work".to_owned(),
                    Refused::Memory { .. } => "memory".to_owned(),
                    reason => reason.to_string(),
                };
                let entry = sum.refused.entry(key).or_default();
                entry.0 += 1;
                entry.1 += file.len() as u64;
                if is_each {
                    println!("{path}: {} bytes, refused: {reason}", file.len());
                }
            }
            Ok(packed) => {
                let start = now();
                let unpacked = RefCell::new(Vec::new());
                let mut sink = async |bytes: &[u8]| -> Result<(), ()> {
                    unpacked.borrow_mut().extend_from_slice(bytes);
                    Ok(())
                };
                let outcome = block_on(unpack(&packed, &limits, &mut sink, async || {}));
                let unpacking = now().saturating_sub(start);
                sum.unpacking += unpacking;
                if outcome.is_err() || *unpacked.borrow() != file {
                    sum.wrong += 1;
                    println!("WRONG {path}: {outcome:?}");
                }
                let info = burrow_recompress::info(&packed).unwrap();
                sum.packed_files += 1;
                sum.packed_original += file.len() as u64;
                sum.packed += packed.len() as u64;
                sum.stored += packed.len() as u64;
                sum.work += info.work;
                if is_each {
                    println!(
                        "{path}: {} -> {} {:.3}, pack {packing:.1?}, unpack {unpacking:.1?}, work {} ms, memory {} KiB; {}",
                        file.len(),
                        packed.len(),
                        packed.len() as f64 / file.len() as f64,
                        info.work / 1_000_000,
                        info.memory >> 10,
                        sections(&packed),
                    );
                }
            }
        }
    }
    for (kind, sum) in &sums {
        let speed = |bytes: u64, time: Duration| bytes as f64 / 1e6 / time.as_secs_f64().max(1e-9);
        println!(
            "{kind:12} {} files, {:.2} MB: {:.3} stored; {} packed to {:.3}, pack {:.2} MB/s, unpack {:.2} MB/s (stated {:.2}), {} wrong",
            sum.files,
            sum.original as f64 / 1e6,
            sum.stored as f64 / sum.original as f64,
            sum.packed_files,
            sum.packed as f64 / sum.packed_original.max(1) as f64,
            speed(sum.original, sum.packing),
            speed(sum.packed_original, sum.unpacking),
            speed(sum.packed_original, Duration::from_nanos(sum.work)),
            sum.wrong,
        );
        for (reason, (files, bytes)) in &sum.refused {
            println!("{:12} refused {files} ({bytes} bytes): {reason}", "");
        }
    }
}

/// The lengths of the sections of a packed form.
fn sections(packed: &[u8]) -> String {
    let mut rest = &packed[1..];
    let number = |rest: &mut &[u8]| {
        let mut number = 0_usize;
        for shift in (0..63).step_by(7) {
            let byte = rest[0];
            *rest = &rest[1..];
            number |= usize::from(byte & 127) << shift;
            if byte < 128 {
                break;
            }
        }
        number
    };
    for _ in 0..3 {
        number(&mut rest);
    }
    rest = &rest[4..];
    let mut lengths = Vec::new();
    while !rest.is_empty() {
        let length = number(&mut rest);
        lengths.push(length.to_string());
        rest = &rest[length..];
    }
    lengths.truncate(12);
    format!("skeleton, corrections, filters, pixels: {}", lengths.join(" "))
}
