//! Checks a restarted server against the ledger: everything promised is there, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use serde_json::{Value, json};

use super::Run;
use super::ledger::{Entry, Place};
use super::load::Visitor;
use crate::support::client::{Client, encode};
use crate::support::process::Process;
use crate::support::random::Random;
use crate::support::verify::verify_by;

/// How many images are read and how many names are looked up in a check that takes a sample.
pub const SAMPLE: usize = 40;

/// A job that is not done after this time counts as lost.
const TOO_LONG: Duration = Duration::from_mins(2);

/// Checks a server that was just started: all records, and the content of `sample` images.
pub async fn all(run: &Run, client: &Client, mut random: Random, sample: usize) {
    let (ending, round) = (AtomicBool::new(false), usize::MAX);
    let visitor = |random: Random| Visitor { run, client: client.clone(), random, ending: &ending, round };
    if !settled(run, client).await {
        return;
    }
    let listed = list(client, "").await;
    let missing = run.ledger().compare(&listed, &run.tally);
    for id in missing {
        let promise = run.ledger().images.get(&id).map(|entry| entry.promise.clone());
        let seen = client.get(&format!("/images/{id}")).await;
        run.tally.lost(format!("image {id} ({promise:?}) is not listed; by id: {} {}", seen.status, seen.text()));
    }
    // Removals that were never answered are sent again, as clients do.
    for (id, entry) in chosen(run, usize::MAX, &mut random, |entry| entry.place == Place::Leaving) {
        visitor(random.branch(0)).remove_image(&id, &entry).await;
    }
    let read = |(n, (id, entry)): (usize, (String, Entry))| {
        let mut visitor = visitor(random.branch(n as u64));
        async move { visitor.read_content(&id, &entry).await }
    };
    let readable = chosen(run, sample, &mut random.clone(), |entry| entry.place == Place::There && entry.is_readable());
    run.tally.add("contents checked", readable.len() as u64);
    futures::stream::iter(readable.into_iter().enumerate()).map(read).buffer_unordered(8).collect::<()>().await;
    for (id, entry) in chosen(run, sample / 4, &mut random, |entry| entry.place == Place::Gone) {
        visitor(random.branch(1)).read_content(&id, &entry).await;
        run.tally.count("removals checked");
    }
    names(&visitor(random.branch(2)), &listed, sample).await;
    if sample == usize::MAX {
        every_key_is_answered(&visitor(random.branch(3))).await;
    }
}

/// Waits until no job is open. Returns false, and reports the jobs as lost, if that takes too long.
async fn settled(run: &Run, client: &Client) -> bool {
    let begun = Instant::now();
    loop {
        let mut open = list(client, "&status=pending").await;
        open.extend(list(client, "&status=storing").await);
        // A job may have changed its status between the two lists.
        if open.is_empty() && list(client, "&status=pending").await.is_empty() {
            return true;
        }
        if begun.elapsed() > TOO_LONG {
            for record in &open {
                let ledger = run.ledger();
                let entry = record["id"].as_str().and_then(|id| ledger.images.get(id));
                let known = entry.map(|entry| (&entry.promise, entry.place, entry.fate, entry.held));
                run.tally.lost(format!("a job is not resumed: {record}; in the book: {known:?}"));
            }
            return false;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// All images that match, newest first.
pub async fn list(client: &Client, filter: &str) -> Vec<Value> {
    let (mut images, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = client.get(&format!("/images?limit=1000{filter}{cursor}")).await.json();
        images.extend(page["images"].as_array().expect("a page of images").iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={}", encode(next)),
            None => return images,
        }
    }
}

/// At most `sample` random images of the ledger that match.
fn chosen(run: &Run, sample: usize, random: &mut Random, which: impl Fn(&Entry) -> bool) -> Vec<(String, Entry)> {
    let ledger = run.ledger();
    let mut found: Vec<_> = ledger.images.iter().filter(|(_, entry)| which(entry)).collect();
    while found.len() > sample {
        found.swap_remove(random.within(0..found.len()));
    }
    found.into_iter().map(|(id, entry)| (id.clone(), entry.clone())).collect()
}

/// Checks that names lead to their newest images.
async fn names(visitor: &Visitor<'_>, listed: &[Value], sample: usize) {
    let mut newest = BTreeMap::new();
    let there = |record: &&Value| {
        let ledger = visitor.run.ledger();
        let entry = record["id"].as_str().and_then(|id| ledger.images.get(id));
        record["status"] == "ready" && entry.is_some_and(|entry| entry.place == Place::There)
    };
    for record in listed.iter().filter(there) {
        newest.entry(record["name"].as_str().unwrap_or_default()).or_insert(record["id"].as_str().unwrap_or_default());
    }
    let shared = newest.iter().filter(|(name, _)| name.starts_with("shared"));
    for (name, id) in shared.chain(&newest).take(sample) {
        visitor.read_by_name(name, id).await;
    }
}

/// Sends the requests with a key that were never answered again, until they are. A server that died while it answered
/// one keeps the key for a minute.
async fn every_key_is_answered(visitor: &Visitor<'_>) {
    let (run, begun) = (visitor.run, Instant::now());
    // A short run has no time for this.
    while super::time_given() > TOO_LONG {
        let open: Vec<_> = run.ledger().open.iter().map(|(number, order)| (*number, order.clone())).collect();
        if open.is_empty() {
            return;
        }
        if begun.elapsed() > 2 * TOO_LONG {
            run.tally.wrong(format!("{} requests with a key are never answered", open.len()));
            return;
        }
        for (number, order) in open {
            visitor.place(number, &order).await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// If `due`, runs `burrow verify` on a store whose server was just killed. Counters may be wrong and data may be left
/// over, but no image may be damaged.
pub async fn verified(run: &Run, due: bool, repair: bool) {
    if !due || !run.store().join("vault.redb").exists() {
        return;
    }
    let report = verify_by(run.burrow(), false).await;
    if report.summary["damaged_images"] != json!([]) {
        run.tally.wrong(format!("verify after a kill: {:?} {}", report.findings, report.summary));
    }
    run.tally.count("verified");
    if repair {
        repaired(run).await;
    }
}

/// Checks that `verify --repair` leaves no fault.
async fn repaired(run: &Run) {
    let first = verify_by(run.burrow(), true).await;
    let second = verify_by(run.burrow(), false).await;
    if !first.sound || !second.sound || !second.findings.is_empty() {
        run.tally.wrong(format!("verify --repair: {first:?}; then verify: {second:?}"));
    }
    run.tally.count("repaired");
}

/// Checks the counters of the store after a repair.
pub async fn counts(run: &Run, random: &mut Random) {
    repaired(run).await;
    let mut process = Process::spawn(&mut run.serve(random));
    let client = super::ready(run, &mut process).await;
    let (listed, stats) = (list(&client, "").await, client.get("/stats").await.json());
    process.kill().await;
    run.tally.add("smaller in the end", stats["repacked"].as_u64().unwrap_or_default());
    let with = |status: &str| listed.iter().filter(|record| record["status"] == status).count();
    let ready = || listed.iter().filter(|record| record["status"] == "ready");
    let truth = json!({
        "images": with("ready"),
        "pending": 0,
        "failed": with("failed"),
        "original_bytes": ready().filter_map(|record| record["size"].as_u64()).sum::<u64>(),
    });
    let wrong: Vec<_> =
        truth.as_object().unwrap().iter().filter(|(name, value)| stats[name.as_str()] != **value).collect();
    // Equal contents that came at once may each have been stored, so the stored bytes are within a range.
    let stored = |records: &mut dyn Iterator<Item = &Value>| -> u64 {
        records.filter_map(|record| record["stored_size"].as_u64()).sum()
    };
    let mut contents = BTreeSet::new();
    let least = stored(&mut ready().filter(|record| contents.insert(record["sha256"].to_string())));
    let most = stored(&mut ready());
    if !wrong.is_empty() || !(least..=most).contains(&stats["stored_bytes"].as_u64().unwrap_or(0)) {
        run.tally.wrong(format!("/stats after a repair: {stats}; true are {wrong:?}, stored {least} to {most}"));
    }
}
