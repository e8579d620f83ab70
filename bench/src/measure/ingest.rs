//! Ingest: clients upload URLs while the server packs, and somebody asks for the counts all the time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use burrow_bench::Image;
use futures::future::{try_join, try_join_all};

use crate::corpus;
use crate::origin::Origin;
use crate::program::disk;
use crate::results::quantile;
use crate::server::{Server, Target};
use crate::{Bench, say};

/// The table of the mixed corpus.
pub(crate) const MIXED: &str = "Ingest of the mixed corpus";

/// The table of bitmaps, which all targets pack.
const BITMAPS: &str = "Ingest of bitmaps of 407 KB";

/// Uploads at a time.
pub(crate) const CLIENTS: usize = 16;

/// The time between two requests for the counts.
pub(crate) const PAUSE: Duration = Duration::from_millis(20);

/// The same over many images: at the peers the counts list all of them, which takes long.
pub(crate) const LONG_PAUSE: Duration = Duration::from_millis(250);

/// If no image was stored for so long, no more will be.
const PATIENCE: Duration = Duration::from_mins(5);

/// What one run over a set of images showed.
pub(crate) struct Run {
    /// From the first upload until all is stored.
    pub(crate) time: Duration,
    /// How long each upload waited for its answer, in milliseconds.
    acknowledged: Vec<f64>,
    /// How long each request for the counts took, in milliseconds.
    counted: Vec<f64>,
    pub(crate) stored: u64,
}

/// Measures the mixed corpus, and a set of bitmaps, which all of them pack.
pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let mixed = corpus::mixed(bench)?;
    let bitmaps: Vec<Image> = (0..if bench.short { 8 } else { 100 })
        .map(|seed| burrow_bench::bmp(&format!("{seed}.bmp"), 407_000, seed))
        .collect();
    for (table, images) in [(MIXED, &mixed), (BITMAPS, &bitmaps)] {
        for round in 1..=bench.rounds {
            for target in bench.programs.uploading() {
                say(&format!("{table}, round {round}: {}", target.name()));
                once(bench, table, target, images).await?;
            }
        }
    }
    Ok(())
}

async fn once(bench: &mut Bench, table: &'static str, target: Target, images: &[Image]) -> Result<()> {
    let origin = Origin::start(images).await?;
    let server = bench.start(target).await?;
    let before = server.usage()?;
    let run = upload(&server, &origin, images, CLIENTS, PAUSE).await?;
    let used = server.usage()?;
    let packed = server.packed().await?;
    let blocks = disk(&server.stop().await?)?;
    bench.clear(target)?;

    let (bytes, count) = (corpus::size(images) as f64, images.len() as f64);
    let (seconds, cpu) = (run.time.as_secs_f64(), used.cpu - before.cpu);
    let mut note = |what, unit, figure| bench.results.note(table, what, unit, target, figure);
    note("speed", "MB/s", bytes / 1e6 / seconds);
    note("speed", "images/s", count / seconds);
    note("CPU, user and system", "s", cpu);
    note("CPU, user and system", "s/GB", cpu / (bytes / 1e9));
    note("peak memory", "MB", used.peak as f64 / 1e6);
    note("blocks on disk / originals", "", blocks as f64 / bytes);
    if let Some(packed) = packed {
        note("blocks on disk / packed bytes", "", blocks as f64 / packed as f64);
    }
    note("upload acknowledged, p50", "ms", quantile(&run.acknowledged, 0.5));
    note("upload acknowledged, p99", "ms", quantile(&run.acknowledged, 0.99));
    note("counts while packing, p50", "ms", quantile(&run.counted, 0.5));
    note("counts while packing, p99", "ms", quantile(&run.counted, 0.99));
    note("images lost", "", count - run.stored as f64);
    Ok(())
}

/// Uploads images by their URLs, so many at a time, and waits until all are stored.
pub(crate) async fn upload(
    server: &Server,
    origin: &Origin,
    images: &[Image],
    clients: usize,
    pause: Duration,
) -> Result<Run> {
    let before = server.stored().await?;
    let (next, answered) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let client = || async {
        let mut waits = Vec::new();
        while let Some(image) = images.get(next.fetch_add(1, Ordering::Relaxed)) {
            let sent = Instant::now();
            server.upload(&image.name, &origin.url(image)).await?;
            waits.push(sent.elapsed().as_secs_f64() * 1e3);
            answered.fetch_add(1, Ordering::Relaxed);
        }
        anyhow::Ok(waits)
    };
    let begun = Instant::now();
    let uploads = try_join_all((0..clients).map(|_| client()));
    let watched = watch(server, before, images.len(), &answered, pause);
    let (acknowledged, (counted, stored, last)) = try_join(uploads, watched).await?;
    Ok(Run { time: last - begun, acknowledged: acknowledged.concat(), counted, stored: stored - before })
}

/// Asks for the counts until `wanted` images more than `before` are stored, or no more come. Returns how long each answer
/// took, the last count, and when it was reached.
async fn watch(
    server: &Server,
    before: u64,
    wanted: usize,
    answered: &AtomicUsize,
    pause: Duration,
) -> Result<(Vec<f64>, u64, Instant)> {
    let (mut waits, mut stored, mut last) = (Vec::new(), before, Instant::now());
    loop {
        let all_answered = answered.load(Ordering::Relaxed) == wanted;
        let asked = Instant::now();
        let count = server.stored().await?;
        waits.push(asked.elapsed().as_secs_f64() * 1e3);
        if count != stored {
            (stored, last) = (count, Instant::now());
        }
        // The Flask peer stores before it answers, and may lose images.
        let patience = if server.target == Target::Flask { Duration::ZERO } else { PATIENCE };
        if stored >= before + wanted as u64 || (all_answered && last.elapsed() > patience) {
            return Ok((waits, stored, last));
        }
        tokio::time::sleep(pause).await;
    }
}
