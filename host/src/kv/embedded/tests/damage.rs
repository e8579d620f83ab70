//! Damaged files: every read returns a value, nothing or an error, and never panics or hangs.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use futures::executor::block_on;

use super::super::Embedded;
use super::simulation::{Random, seed};
use crate::kv::{KeyValue, KvError};

const VALUES: u32 = 300;

fn key(n: u32) -> String {
    format!("b1:{}:{:08x}", ['i', 'c', 'm'][n as usize % 3], n.wrapping_mul(2_654_435_761))
}

fn value(n: u32) -> Vec<u8> {
    (0..n * n % 3000).map(|at| u8::try_from((at + n) % 251).unwrap()).collect()
}

fn fill(directory: &Path) {
    let store = Embedded::open(directory).unwrap();
    for n in 0..VALUES {
        block_on(store.set(&key(n), value(n))).unwrap();
    }
    for n in (0..VALUES).step_by(5) {
        block_on(store.set(&key(n), value(n))).unwrap();
    }
}

#[derive(Debug, Default)]
struct Outcome {
    opened: u32,
    refused: u32,
    right: u32,
    absent: u32,
    errors: u32,
    /// Wrong values. redb does not check values when it reads them; the vault's own checksums do.
    other: u32,
}

/// Opens a damaged store, reads all keys, lists them, writes, and closes it.
async fn meet(directory: &Path, outcome: &mut Outcome) {
    let check = |error: &KvError| {
        assert!(error.0.contains("vault.redb") && !error.0.contains('\n'), "{error}");
    };
    let store = match Embedded::open(directory) {
        Ok(store) => store,
        Err(error) => {
            check(&error);
            outcome.refused += 1;
            return;
        }
    };
    outcome.opened += 1;
    for n in 0..VALUES {
        match store.get(&key(n)).await {
            Ok(Some(read)) if read == value(n) => outcome.right += 1,
            Ok(Some(_)) => outcome.other += 1,
            Ok(None) => outcome.absent += 1,
            Err(error) => {
                check(&error);
                outcome.errors += 1;
            }
        }
    }
    let mut listed = 0;
    let mut batches = store.keys("");
    while let Some(batch) = batches.next().await {
        match batch {
            Ok(batch) => listed += batch.len(),
            Err(error) => check(&error),
        }
    }
    assert!(listed <= 2 * VALUES as usize);
    drop(batches);
    let _ = store.set("b1:i:new", vec![7; 2000]).await.map_err(|error| check(&error));
    let _ = store.increment("b1:s:n", 1).await.map_err(|error| check(&error));
}

/// Runs [`meet`] and checks that it ends in time.
async fn meet_in_time(directory: &Path, damage: &str, outcome: &mut Outcome) {
    let start = Instant::now();
    meet(directory, outcome).await;
    assert!(start.elapsed() < Duration::from_secs(20), "{damage} took {:?}", start.elapsed());
}

#[tokio::test]
async fn flipped_bytes_and_missing_ends() {
    let directory = tempfile::tempdir().unwrap();
    fill(directory.path());
    let file = directory.path().join("vault.redb");
    let whole = fs::read(&file).unwrap();
    // Bytes of pages in use: a flip elsewhere has no effect.
    let used: Vec<usize> =
        (0..whole.len()).filter(|at| whole[at / 4096 * 4096..][..4096].iter().any(|byte| *byte != 0)).collect();
    let mut random = Random(seed());
    let mut pick = |limit: usize| usize::try_from(random.below(limit as u64)).unwrap();
    let flips: u32 = std::env::var("BURROW_FLIPS").ok().and_then(|flips| flips.parse().ok()).unwrap_or(150);
    let (mut flipped, mut cut) = (Outcome::default(), Outcome::default());
    for n in 0..flips {
        let mut bytes = whole.clone();
        // A quarter of the flips hit the header, which is small and matters most.
        let at = if n % 4 == 0 { pick(400) } else { used[pick(used.len())] };
        bytes[at] ^= u8::try_from(1 + pick(255)).unwrap();
        fs::write(&file, bytes).unwrap();
        meet_in_time(directory.path(), &format!("a flip at {at}"), &mut flipped).await;
    }
    for n in 0..flips / 6 {
        let len = if n % 4 == 0 { 1 + pick(5000) } else { 1 + pick(whole.len() - 1) };
        fs::write(&file, &whole[..len]).unwrap();
        meet_in_time(directory.path(), &format!("{len} of {} bytes", whole.len()), &mut cut).await;
    }
    println!("flipped: {flipped:?}\ncut off: {cut:?}");
    assert!(flipped.opened > 0 && flipped.right > 0 && cut.refused > 0);
}
