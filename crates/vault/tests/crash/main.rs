//! The crash suite: stops the vault at every call of its store, restarts it, and checks.
//!
//! The store also fails at every call, and operations that run at once take turns in every order. After each, the suite
//! restarts the vault and compares everything with what users were told.
//!
//! It checks that an acknowledged image exists, is listed once, and becomes ready (or failed, if its origin is at
//! fault); that its bytes are exact; that its name leads to it or to a newer image; that a removed image stays away;
//! and that an image that was not acknowledged is complete or absent. Without a crash or a failure no counter may drift
//! and no key may leak. After one, only what `verify` can repair may be wrong.
//!
//! Where there are too many orders, some are taken at random, the same in each run: `BURROW_CRASH_SEED`, a number, takes
//! others, and `BURROW_CRASH_FACTOR` takes that many times as many.

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

use libtest_mimic::{Arguments, Trial};

thread_local! {
    /// Made once by each thread that explores.
    static MEMORY_IS_KEPT: () = keep_memory();
}

/// Keeps the allocator from returning this thread's memory to the system and asking for it again: the pages of the
/// compressor that every ingest makes would cost more than all the rest.
fn keep_memory() {
    let mut room: Vec<Vec<u8>> = (0..640).map(|_| vec![1; 100_000]).collect();
    // The last piece is never freed, so the allocator keeps the free memory below it, too.
    std::mem::forget(room.pop());
}

fn main() -> ExitCode {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let seed = number("BURROW_CRASH_SEED").unwrap_or(0);
    let factor = number("BURROW_CRASH_FACTOR").unwrap_or(1);
    let trials = scenarios::all().map(|scenario| {
        Trial::test(scenario.name, move || {
            MEMORY_IS_KEPT.with(|()| ());
            let tally = explore::explore(scenario, seed, factor);
            let _ = writeln!(std::io::stdout(), "{}: {tally}", scenario.name);
            if tally.found.is_empty() { Ok(()) } else { Err(format!("seed {seed}").into()) }
        })
    });
    let arguments = Arguments::from_args();
    if !arguments.list {
        let _ = writeln!(std::io::stdout(), "BURROW_CRASH_SEED={seed}");
    }
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
