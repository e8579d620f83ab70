//! The crash suite: the vault over a store that crashes at every call, fails at every call, and lets operations that
//! run at once take turns in every order. After each, a restart; then everything that users were told must be so.
//!
//! What is checked: an acknowledged image is there, is listed once, and becomes ready (or failed, if its origin is at
//! fault); its bytes are exact; its name leads to it or to a newer one; what was removed stays away; what was not
//! acknowledged is whole or absent. Without a crash or a failure no counter drifts and no key leaks; after one, only
//! what `verify` can mend.
//!
//! Orders beyond those that are all taken are taken by chance: `BURROW_CRASH_SEED` repeats them, `BURROW_CRASH_FACTOR`
//! takes so many times more of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "tests")]
#![allow(clippy::cast_possible_truncation, reason = "tests")]

mod disk;
mod explore;
mod images;
mod journal;
mod ledger;
mod operations;
mod oracle;
mod scenarios;
mod schedule;
mod world;

use std::io::Write as _;
use std::process::ExitCode;
use std::time::SystemTime;

use libtest_mimic::{Arguments, Trial};

/// Keeps memory that is used again and again from going back to the system each time: the pages of a compressor, which
/// every ingest makes anew, cost more than all the rest.
fn keep_memory() {
    let mut room: Vec<Vec<u8>> = (0..640).map(|_| vec![1; 100_000]).collect();
    // The last piece stays, so what lies below it stays too when it is free.
    std::mem::forget(room.pop());
}

fn main() -> ExitCode {
    keep_memory();
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("BURROW_CRASH_SEED")
        .unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock").as_secs());
    let factor = number("BURROW_CRASH_FACTOR").unwrap_or(1);
    let trials = scenarios::all().map(|scenario| {
        Trial::test(scenario.name, move || {
            let tally = explore::explore(scenario, seed, factor);
            let _ = writeln!(std::io::stdout(), "{}: {tally}", scenario.name);
            if tally.found.is_empty() { Ok(()) } else { Err(format!("seed {seed}").into()) }
        })
    });
    let mut arguments = Arguments::from_args();
    if !arguments.list {
        let _ = writeln!(std::io::stdout(), "BURROW_CRASH_SEED={seed}");
    }
    // One after the other, so that their lines stand in order.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
