//! The kill loop: kills a loaded server at random times, and compares its answers with a ledger.
//!
//! The ledger holds what the server has acknowledged. `cargo xtask torture -- --minutes N --seed S` runs the loop for
//! longer than the suite does, and with `--bucket` over a store whose larger contents are in a bucket of S3.

mod check;
mod ledger;
mod load;
mod orders;
mod tally;

use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use futures::future::join_all;
use hyper::body::Bytes;
use tokio::process::Command;

use self::ledger::Ledger;
use self::load::Visitor;
use self::orders::Content;
use self::tally::Tally;
use crate::support::bucket::Bucket;
use crate::support::client::Client;
use crate::support::host::burrow;
use crate::support::images::{sha256, store_of_version_1};
use crate::support::origin::Origin;
use crate::support::process::{Process, SERVE, serving};
use crate::support::random::Random;

/// How long the kill loop runs in the suite.
const SHORT: Duration = Duration::from_secs(20);

/// After this many bytes of images a store is checked completely, and another begins.
const STORE_BYTES: usize = 400_000_000;

/// After this many kills a store is checked completely, and another begins.
const STORE_KILLS: usize = 60;

/// The longest time to the next kill.
const KILL_WITHIN: Duration = Duration::from_millis(2500);

/// Time within which a server that is asked to stop must end: 10 seconds for requests under way, and some more.
const STOP_WITHIN: Duration = Duration::from_secs(15);

/// The life of one store.
struct Run {
    ledger: Mutex<Ledger>,
    origin: Origin,
    tally: Arc<Tally>,
    numbers: AtomicUsize,
    directory: tempfile::TempDir,
    /// Where the larger contents are, if not in the directory.
    bucket: Option<Bucket>,
}

impl Run {
    /// `burrow` over the store.
    fn burrow(&self) -> Command {
        let mut command = burrow(self.store());
        if let Some(bucket) = &self.bucket {
            bucket.used_by(&mut command);
        }
        command
    }

    /// `burrow serve` over the store. Most servers make images smaller meanwhile.
    fn serve(&self, random: &mut Random) -> Command {
        let mut command = self.burrow();
        command.args(SERVE).args(["--repack", if random.percent(70) { "always" } else { "never" }]);
        command
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    fn next_number(&self) -> usize {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    fn store(&self) -> &Path {
        self.directory.path()
    }
}

/// How long the kill loop runs: `BURROW_TORTURE_MINUTES`, or `SHORT`.
pub fn time_given() -> Duration {
    match std::env::var("BURROW_TORTURE_MINUTES") {
        Ok(minutes) => Duration::from_secs_f64(60.0 * minutes.parse::<f64>().unwrap()),
        Err(_) => SHORT,
    }
}

pub async fn what_was_acknowledged_survives_every_kill() {
    let (tally, end) = (Arc::new(Tally::new()), Instant::now() + time_given());
    let seed = Random::seed("BURROW_TORTURE_SEED");
    say(&format!("torture: seed {seed}, {} s\n", time_given().as_secs()));
    for number in 0.. {
        let run = Run {
            ledger: Mutex::default(),
            origin: Origin::start().await,
            tally: tally.clone(),
            numbers: AtomicUsize::new(0),
            directory: tempfile::tempdir().unwrap(),
            bucket: if std::env::var_os("BURROW_TORTURE_BUCKET").is_some() {
                Some(Bucket::start().await)
            } else {
                None
            },
        };
        begin(&run).await;
        torture(&run, Random::new(seed).branch(number), end).await;
        if !tally.is_clean() {
            let kept = run.directory.keep();
            panic!("{tally}\ntorture: seed {seed}; the store is kept: {}", kept.display());
        }
        tally.count("stores");
        if Instant::now() >= end {
            break;
        }
    }
    say(&format!("{tally}\n"));
}

/// The store begins as one of version 1, whose images are repacked with those that come.
async fn begin(run: &Run) {
    store_of_version_1(run.store());
    let (mut process, client) = serving(run.store()).await;
    for record in check::list(&client, "").await {
        let bytes = match record["status"].as_str() {
            Some("ready") => client.get(&format!("/images/{}/content", record["id"].as_str().unwrap())).await.body,
            // It failed: nobody can read it.
            _ => Bytes::from_static(b"-"),
        };
        run.ledger().inherit(&record, Content { sha256: sha256(&bytes), bytes });
    }
    assert_eq!(run.ledger().images.values().filter(|entry| entry.is_readable()).count(), 4);
    process.stop().await;
}

/// Kills servers over one store until the store has reached its limits, the time is over, or a check fails. Then checks
/// everything.
async fn torture(run: &Run, mut random: Random, end: Instant) {
    for round in 0..STORE_KILLS {
        if Instant::now() >= end || !run.tally.is_clean() || run.ledger().bytes > STORE_BYTES {
            break;
        }
        check::verified(run, random.percent(10), random.percent(30)).await;
        let life = KILL_WITHIN * random.within(2..1000) as u32 / 1000;
        let mut process = Process::spawn(&mut run.serve(&mut random));
        if random.percent(70) {
            // The server has time to start and is checked; it dies under load.
            let client = ready(run, &mut process).await;
            check::all(run, &client, random.branch(1), check::SAMPLE).await;
            live(run, &mut process, client, &mut random, life, round).await;
        } else {
            // The server dies while it starts or resumes, or soon after.
            let life = if random.percent(50) { life / 10 } else { life };
            let until = Instant::now() + life;
            if let Ok(client) = tokio::time::timeout(life, ready(run, &mut process)).await {
                let rest = until.saturating_duration_since(Instant::now());
                live(run, &mut process, client, &mut random, rest, round).await;
            } else {
                process.kill().await;
                run.tally.count("kills while it started");
            }
        }
        heed(run, &process.stderr());
    }
    let mut process = Process::spawn(&mut run.serve(&mut random));
    let client = ready(run, &mut process).await;
    check::all(run, &client, random.branch(2), usize::MAX).await;
    process.stop().await;
    heed(run, &process.stderr());
    check::counts(run, &mut random).await;
}

async fn ready(run: &Run, process: &mut Process) -> Client {
    match process.ready().await {
        Ok(client) => client,
        Err(ended) => {
            run.tally.lost(format!("the whole store: it does not start any more: {ended:?}"));
            panic!("{}", run.tally);
        }
    }
}

/// Puts the server under load for this time, then kills it or asks it to stop.
async fn live(run: &Run, process: &mut Process, client: Client, random: &mut Random, life: Duration, round: usize) {
    let ending = AtomicBool::new(false);
    let kind = random.within(0..100);
    let visitors = (0..random.within(1..32)).map(|number| {
        let random = random.branch(100 + number as u64);
        Visitor { run, client: client.clone(), random, ending: &ending, round }.visit()
    });
    let end = async {
        tokio::time::sleep(life).await;
        ending.store(true, Ordering::SeqCst);
        if kind < 8 {
            let (ended, time) = process.stop().await;
            if ended.code != Some(0) || time > STOP_WITHIN {
                run.tally.wrong(format!("asked to stop, it ended with {:?} after {time:?}", ended.code));
            }
            run.tally.count("stops");
        } else {
            process.kill().await;
            run.tally.count("kills");
        }
    };
    tokio::join!(join_all(visitors), end);
}

/// Reports panics and errors in a server's log: a healthy server never writes them.
fn heed(run: &Run, log: &str) {
    for line in log.lines().filter(|line| line.contains("panicked") || line.contains("ERROR")) {
        run.tally.wrong(format!("in its log: {line}"));
    }
}

fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
