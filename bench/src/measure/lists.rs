//! Lists: many tiny images, and then a page of the list and the counts.

use std::time::Instant;

use anyhow::Result;
use burrow_bench::Image;

use crate::measure::ingest;
use crate::origin::Origin;
use crate::program::disk;
use crate::results::quantile;
use crate::server::{Server, Target};
use crate::{Bench, say};

pub(crate) const TABLE: &str = "Many tiny images (PNG, 1 KB)";

/// How often each page is asked for, one request after the other.
const REQUESTS: usize = 200;

pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let mut counts = if bench.short { vec![100] } else { vec![100, 10_000] };
    if bench.million {
        counts.push(1_000_000);
    }
    for count in counts {
        let images = (0..count)
            .map(|seed| burrow_bench::png(&format!("{seed}.png"), 18, 18, seed))
            .collect::<Result<Vec<_>>>()?;
        let origin = Origin::start(&images).await?;
        // A million takes an hour.
        let rounds = if count > 100_000 { 1 } else { bench.rounds };
        for round in 1..=rounds {
            for target in bench.programs.uploading() {
                // Flask writes its whole state again with each image.
                if target == Target::Flask && count > 1000 {
                    continue;
                }
                say(&format!("{count} tiny images, round {round}: {}", target.name()));
                once(bench, target, &origin, &images).await?;
            }
        }
    }
    Ok(())
}

async fn once(bench: &mut Bench, target: Target, origin: &Origin, images: &[Image]) -> Result<()> {
    let (server, count) = (bench.start(target).await?, images.len());
    let run = ingest::upload(&server, origin, images, ingest::CLIENTS, ingest::LONG_PAUSE).await?;
    let lists = match target {
        Target::Burrow | Target::Spin => times(&server, "/images?limit=50").await?,
        _ => Vec::new(),
    };
    let counts = times(&server, target.stats()).await?;
    let used = server.usage()?;
    let blocks = disk(&server.stop().await?)?;
    bench.clear(target)?;

    let bytes = crate::corpus::size(images) as f64;
    let mut note = |what: &str, unit, figure| {
        bench.results.note(TABLE, &format!("{count} images: {what}"), unit, target, figure);
    };
    note("stored", "images/s", count as f64 / run.time.as_secs_f64());
    note("CPU", "s", used.cpu);
    note("peak memory", "MB", used.peak as f64 / 1e6);
    note("disk beyond the image, each", "bytes", (blocks as f64 - bytes) / count as f64);
    for (what, times) in [("list of 50", lists), ("counts", counts)] {
        if !times.is_empty() {
            note(&format!("{what}, p50"), "ms", quantile(&times, 0.5));
            note(&format!("{what}, p99"), "ms", quantile(&times, 0.99));
        }
    }
    Ok(())
}

/// How long each answer to a path takes, in milliseconds.
pub(crate) async fn times(server: &Server, path: &str) -> Result<Vec<f64>> {
    let mut times = Vec::new();
    for _ in 0..REQUESTS {
        let asked = Instant::now();
        server.client.get(path).await?;
        times.push(asked.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}
