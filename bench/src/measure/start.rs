//! Starts: from the start of the process to its first answer.

use anyhow::Result;

use crate::measure::ingest;
use crate::origin::Origin;
use crate::server::{Launch, Server, Target};
use crate::{Bench, say};

pub(crate) const TABLE: &str = "From start to the first answer";

pub(crate) const WARM: &str = "warm";

/// Cold: nothing is there, and the native host compiles the component. Warm: a store with images, as the process before
/// left it.
pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let count = if bench.short { 10 } else { 1000 };
    let images =
        (0..count).map(|seed| burrow_bench::png(&format!("{seed}.png"), 18, 18, seed)).collect::<Result<Vec<_>>>()?;
    let origin = Origin::start(&images).await?;
    let targets: Vec<Target> =
        bench.programs.uploading().into_iter().filter(|target| *target != Target::Flask || bench.short).collect();
    for round in 1..=bench.rounds {
        for &target in &targets {
            say(&format!("{TABLE}, round {round}: {}", target.name()));
            let cold = bench.directory.join("cold-cache");
            if cold.exists() {
                std::fs::remove_dir_all(&cold)?;
            }
            let directory = bench.clear(target)?;
            let launch = Launch { target, directory: &directory, cache: &cold, flags: &[] };
            let (server, first) = Server::start(&bench.programs, &bench.home, launch).await?;
            ingest::upload(&server, &origin, &images, ingest::CLIENTS, ingest::LONG_PAUSE).await?;
            server.stop().await?;
            let (server, second) = Server::start(&bench.programs, &bench.home, launch).await?;
            server.stop().await?;
            bench.clear(target)?;
            bench.results.note(TABLE, "cold", "ms", target, first.as_secs_f64() * 1e3);
            bench.results.note(TABLE, WARM, "ms", target, second.as_secs_f64() * 1e3);
        }
    }
    Ok(())
}
