//! Flips one byte anywhere in the store's file: no image changes, and nothing hangs or panics.

use std::path::Path;
use std::time::Duration;

use super::{FILE, Kept, Sample, misread, unclear};
use crate::support::client::Client;
use crate::support::host::burrow;
use crate::support::process::{Process, serve};
use crate::support::random::Random;

/// Number of flips, unless `BURROW_DAMAGE_FLIPS` sets another.
const FLIPS: usize = 60;

/// A command or a series of reads that takes longer counts as hanging.
const TOO_LONG: Duration = Duration::from_secs(30);

pub async fn a_flipped_byte_in_the_file_never_changes_an_image() {
    let sample = Sample::new().await;
    let (seed, mut wrong) = (Random::seed("BURROW_DAMAGE_SEED"), Vec::new());
    let flips = std::env::var("BURROW_DAMAGE_FLIPS").map_or(FLIPS, |flips| flips.parse().unwrap());
    let whole = std::fs::read(sample.directory.path().join(FILE)).unwrap();
    let mut random = Random::new(seed);
    for number in 0..flips {
        let offset = offset(&whole, &mut random);
        let (store, mut bytes) = (sample.copy(), whole.clone());
        bytes[offset] ^= random.within(1..256) as u8;
        std::fs::write(store.path().join(FILE), bytes).unwrap();
        let faults = match number % 4 {
            0 => got(&sample.victim, store.path()).await,
            _ => served(&sample, store.path()).await,
        };
        wrong.extend(faults.iter().map(|fault| format!("offset {offset}, seed {seed}: {fault}")));
    }
    super::nothing_of(&wrong);
}

/// The offset to flip. Half of the flips hit bytes that are certainly in use, most of them pointers to other pages.
fn offset(whole: &[u8], random: &mut Random) -> usize {
    if random.percent(50) {
        return random.within(0..whole.len());
    }
    loop {
        let start = random.within(0..whole.len()) & !4095;
        let page = &whole[start..whole.len().min(start + 4096)];
        let used = page.iter().rposition(|byte| *byte != 0);
        // Chunks fill their pages; nodes of the tree do not, and page 0 is the file's header.
        if let Some(used) = used.filter(|used| *used < 4000 || start == 0) {
            return start + random.within(0..used + 1);
        }
    }
}

async fn served(sample: &Sample, store: &Path) -> Vec<String> {
    let mut process = Process::spawn(&mut serve(store));
    let mut wrong = Vec::new();
    match process.ready().await {
        Ok(client) => {
            let reads = async { wrong = unanswered(sample, &client).await };
            if tokio::time::timeout(TOO_LONG, reads).await.is_err() {
                wrong.push("a read hangs".into());
            }
            process.kill().await;
        }
        Err(ended) if ended.code == Some(1) => wrong.extend(unclear(&ended.stderr, &store.join(FILE))),
        Err(ended) => wrong.push(format!("it ended with {:?}", ended.code)),
    }
    let log = process.stderr();
    wrong.extend(log.contains("panicked").then(|| format!("it panicked: {log}")));
    wrong
}

/// Reads everything. Damaged images may be refused or cut short, but the server must go on answering.
async fn unanswered(sample: &Sample, client: &Client) -> Vec<String> {
    let mut wrong = Vec::new();
    for image in sample.all() {
        // Any image may be unreadable. `misread` panics if the server sends wrong bytes.
        let _ = misread(client, image).await;
    }
    for path in ["/images", "/healthz"] {
        if let Err(error) = client.try_send(hyper::Method::GET, path, &[], "").await {
            wrong.push(format!("{path}: {error:?}"));
        }
    }
    wrong
}

async fn got(image: &Kept, store: &Path) -> Vec<String> {
    let mut command = burrow(store);
    let output = command.args(["get", &image.id, "-o", "-"]).kill_on_drop(true).output();
    let Ok(output) = tokio::time::timeout(TOO_LONG, output).await else {
        return vec!["burrow get hangs".into()];
    };
    let output = output.unwrap();
    let log = String::from_utf8_lossy(&output.stderr);
    let mut wrong = Vec::new();
    match output.status.code() {
        Some(0) => assert!(output.stdout == image.bytes, "burrow get gives wrong bytes"),
        Some(1) => assert!(image.bytes.starts_with(&output.stdout), "burrow get gives wrong bytes, then fails"),
        code => wrong.push(format!("burrow get ended with {code:?}")),
    }
    wrong.extend(log.contains("panicked").then(|| format!("burrow get panicked: {log}")));
    wrong
}
