//! Memory: the peak after one image was stored and read back.

use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::Bytes;
use http_body_util::BodyExt as _;

use crate::measure::ingest;
use crate::origin::Origin;
use crate::{Bench, say};

pub(crate) const TABLE: &str = "One large image";

pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let sizes: &[usize] = if bench.short { &[1, 4] } else { &[1, 40, 500] };
    for &megabytes in sizes {
        let image = burrow_bench::bmp("large.bmp", megabytes * 1_000_000, 3);
        let origin = Origin::start(std::slice::from_ref(&image)).await?;
        for round in 1..=bench.rounds {
            for target in bench.programs.uploading() {
                say(&format!("{TABLE}, {megabytes} MB, round {round}: {}", target.name()));
                let server = bench.start(target).await?;
                let run = ingest::upload(&server, &origin, std::slice::from_ref(&image), 1, ingest::PAUSE).await?;
                let path = server.content(&image.name).await?;
                let begun = Instant::now();
                let mut body = server.client.stream(&path).await?;
                let mut rest: Bytes = image.bytes.clone();
                while let Some(frame) = body.frame().await {
                    if let Ok(piece) = frame?.into_data() {
                        ensure!(rest.starts_with(&piece), "{} sends other bytes", target.name());
                        rest = rest.slice(piece.len()..);
                    }
                }
                ensure!(rest.is_empty(), "{} sends too few bytes", target.name());
                let read = begun.elapsed();
                let peak = server.usage()?.peak;
                server.stop().await?;
                bench.clear(target)?;
                let mut note = |what: &str, unit, figure| {
                    bench.results.note(TABLE, &format!("{megabytes} MB, {what}"), unit, target, figure);
                };
                note("peak memory", "MB", peak as f64 / 1e6);
                note("stored after", "s", run.time.as_secs_f64());
                note("read back in", "s", read.as_secs_f64());
            }
        }
    }
    Ok(())
}
