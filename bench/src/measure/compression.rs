//! Compression: how small each policy makes the mixed corpus, how long the first view of a repacked image takes, and what
//! repacking costs those who upload meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use burrow_bench::Image;
use serde_json::Value;

use crate::measure::ingest;
use crate::origin::Origin;
use crate::program::{Program, disk};
use crate::server::{Launch, Server, Target};
use crate::{Bench, corpus, say};

pub(crate) const TABLE: &str = "Repacking of the mixed corpus, stored / original";
pub(crate) const VIEWS: &str = "Repacking: first view, from a server that was just started";
pub(crate) const MEANWHILE: &str = "Repacking: uploads of bitmaps of 407 KB meanwhile";

/// The policies that repack.
const POLICIES: [&str; 2] = ["balanced", "small"];

/// First views: how they are called, the media type, and the fewest and the most bytes of the original.
const KINDS: [(&str, &str, u64, u64); 2] = [
    ("JPEG of 2 to 4 MB", "image/jpeg", 2_000_000, 4_000_000),
    ("PNG of 0.5 to 1.6 MB", "image/png", 500_000, 1_600_000),
];

/// At most so many images of each kind are viewed.
const VIEWED: usize = 5;

/// An image as the server lists it.
struct Listed {
    name: String,
    media_type: String,
    size: u64,
    stored: u64,
    codec: String,
}

pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let mixed = corpus::mixed(bench)?;
    let files = bench.directory.join("files");
    std::fs::create_dir_all(&files)?;
    for image in &mixed {
        std::fs::write(files.join(&image.name), &image.bytes)?;
    }
    for policy in POLICIES {
        repacked(bench, policy, &files, &mixed).await?;
    }
    std::fs::remove_dir_all(&files)?;
    go(bench, &mixed).await?;
    for round in 1..=bench.rounds {
        for when in ["never", "always"] {
            say(&format!("{MEANWHILE}, round {round}, --repack {when}"));
            meanwhile(bench, when, &mixed).await?;
        }
    }
    Ok(())
}

/// Adds the files, repacks them, and looks at what became of each.
async fn repacked(bench: &mut Bench, policy: &str, files: &Path, mixed: &[Image]) -> Result<()> {
    say(&format!("{TABLE}, {policy}"));
    let store = bench.clear(Target::Burrow)?;
    verb(bench, &store, policy, &["add", &files.display().to_string()]).await?;
    let took = verb(bench, &store, policy, &["repack"]).await?;
    let server = serve(bench, policy, "never").await?;
    let all = list(&server).await?;
    ensure!(all.len() == mixed.len(), "{} of {} images are stored", all.len(), mixed.len());
    server.stop().await?;
    let mut sums = BTreeMap::<&str, (u64, u64)>::new();
    for image in &all {
        for kind in [image.media_type.as_str(), "all"] {
            let sum = sums.entry(kind).or_default();
            *sum = (sum.0 + image.size, sum.1 + image.stored);
        }
    }
    for (kind, (size, stored)) in sums {
        bench.results.note(TABLE, &format!("{policy}: {kind}"), "", Target::Burrow, stored as f64 / size as f64);
    }
    let original = corpus::size(mixed) as f64;
    let blocks = disk(&bench.store(Target::Burrow))? as f64 / original;
    let mut note = |what: &str, unit, figure| {
        bench.results.note(TABLE, &format!("{policy}: {what}"), unit, Target::Burrow, figure);
    };
    // The forms that were replaced stay for an hour, for those who read them.
    note("blocks on disk, those replaced within the hour included", "", blocks);
    note("repacking took", "MB/s", original / 1e6 / took.as_secs_f64());
    for (kind, media_type, least, most) in KINDS {
        let fits = |image: &&Listed| image.media_type == media_type && (least..=most).contains(&image.size);
        let viewed = all.iter().filter(fits).filter(|image| !["raw", "deflate"].contains(&image.codec.as_str()));
        for image in viewed.take(VIEWED) {
            // Nothing of it is in the server's memory.
            let server = serve(bench, policy, "never").await?;
            let path = server.content(&image.name).await?;
            let asked = Instant::now();
            let reply = server.client.get(&path).await?;
            let view = asked.elapsed().as_secs_f64();
            ensure!(reply.body.len() as u64 == image.size, "{} came back with other bytes", image.name);
            server.stop().await?;
            bench.results.note(VIEWS, &format!("{policy}: {kind}"), "s", Target::Burrow, view);
        }
    }
    bench.clear(Target::Burrow)?;
    Ok(())
}

/// What the Go peer stores of the same images, in the rows of all policies.
async fn go(bench: &mut Bench, mixed: &[Image]) -> Result<()> {
    say(&format!("{TABLE}, {}", Target::Go.name()));
    let origin = Origin::start(mixed).await?;
    let server = bench.start(Target::Go).await?;
    ingest::upload(&server, &origin, mixed, ingest::CLIENTS, ingest::LONG_PAUSE).await?;
    let packed = server.packed().await?.context("the Go peer does not say what it stores")?;
    server.stop().await?;
    bench.clear(Target::Go)?;
    for policy in POLICIES {
        let ratio = packed as f64 / corpus::size(mixed) as f64;
        bench.results.note(TABLE, &format!("{policy}: all"), "", Target::Go, ratio);
    }
    Ok(())
}

/// Uploads bitmaps to a vault that has the mixed corpus and repacks it, or does not.
async fn meanwhile(bench: &mut Bench, when: &str, mixed: &[Image]) -> Result<()> {
    let bitmaps: Vec<Image> = (0..if bench.short { 8 } else { 200 })
        .map(|seed| burrow_bench::bmp(&format!("{seed}.bmp"), 407_000, seed))
        .collect();
    bench.clear(Target::Burrow)?;
    let origin = Origin::start(mixed).await?;
    let server = serve(bench, "small", "never").await?;
    ingest::upload(&server, &origin, mixed, ingest::CLIENTS, ingest::PAUSE).await?;
    server.stop().await?;
    let origin = Origin::start(&bitmaps).await?;
    let server = serve(bench, "small", when).await?;
    let uploaded = ingest::upload(&server, &origin, &bitmaps, ingest::CLIENTS, ingest::PAUSE).await?;
    ensure!(uploaded.stored == bitmaps.len() as u64, "images were lost");
    server.stop().await?;
    bench.clear(Target::Burrow)?;
    let what = format!("--repack {when}");
    bench.results.note(
        MEANWHILE,
        &what,
        "images/s",
        Target::Burrow,
        bitmaps.len() as f64 / uploaded.time.as_secs_f64(),
    );
    Ok(())
}

/// Runs a verb over a store, and returns how long it took.
async fn verb(bench: &Bench, store: &Path, policy: &str, verb: &[&str]) -> Result<Duration> {
    let mut command = bench.programs.burrow(store, &bench.cache());
    command.args(["--compression", policy]).args(verb);
    let log = bench.directory.join("verb.log");
    let (time, _) = Program::start(&mut command, &log)?.finish().await.with_context(|| log.display().to_string())?;
    Ok(time)
}

/// Starts `burrow serve` over the store that is there.
async fn serve(bench: &Bench, policy: &str, when: &str) -> Result<Server> {
    let (directory, cache) = (bench.store(Target::Burrow), bench.cache());
    let flags = ["--compression", policy, "--repack", when];
    let launch = Launch { target: Target::Burrow, directory: &directory, cache: &cache, flags: &flags };
    Ok(Server::start(&bench.programs, &bench.home, launch).await?.0)
}

/// All images.
async fn list(server: &Server) -> Result<Vec<Listed>> {
    let (mut all, mut path) = (Vec::new(), "/images?limit=100".to_owned());
    loop {
        let page = server.client.json(&path).await?;
        for image in page.get("images").and_then(Value::as_array).into_iter().flatten() {
            let text = |field: &str| image.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
            let number = |field: &str| image.get(field).and_then(Value::as_u64).unwrap_or_default();
            all.push(Listed {
                name: text("name"),
                media_type: text("media_type"),
                size: number("size"),
                stored: number("stored_size"),
                codec: text("codec"),
            });
        }
        match page.get("next").and_then(Value::as_str) {
            Some(next) => path = format!("/images?limit=100&cursor={next}"),
            None => return Ok(all),
        }
    }
}
