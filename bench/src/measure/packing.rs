//! Packing: `burrow add` on one core and on all, beside the same core without a sandbox; and memory for long lists.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use burrow_bench::Image;
use burrow_vault::packer::Packer;
use burrow_vault::ports::Clock;
use tokio::process::Command;

use crate::corpus;
use crate::origin::Origin;
use crate::program::{Program, Usage};
use crate::server::Target;
use crate::{Bench, say};

pub(crate) const PACKING: &str = "Packing bitmaps of 2 MB, `burrow add`";
const LONG_LISTS: &str = "Long lists of URLs, `burrow add --from`";

pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    packing(bench).await?;
    long_lists(bench).await
}

/// The same files on one core, on all, and packed by the same code in this process, in turns.
async fn packing(bench: &mut Bench) -> Result<()> {
    let count = if bench.short { 8 } else { 96 };
    let images: Vec<Image> =
        (0..count).map(|seed| burrow_bench::bmp(&format!("{seed}.bmp"), 2_000_000, seed)).collect();
    let megabytes = corpus::size(&images) as f64 / 1e6;
    let files = bench.directory.join("files");
    std::fs::create_dir_all(&files)?;
    for image in &images {
        std::fs::write(files.join(&image.name), &image.bytes)?;
    }
    for round in 1..=bench.rounds {
        say(&format!("{PACKING}, round {round}"));
        let (one, used) = add(bench, &["taskset", "-c", "0"], &["--jobs", "1"], &[files.as_os_str()]).await?;
        let (all, _) = add(bench, &[], &[], &[files.as_os_str()]).await?;
        let (native, native_cpu) = native(&images)?;
        let mut note = |what, unit, target, figure| bench.results.note(PACKING, what, unit, target, figure);
        note("one core", "MB/s", Target::Burrow, megabytes / one.as_secs_f64());
        note("one core", "MB/s", Target::Native, megabytes / native.as_secs_f64());
        note("one core, CPU", "s/GB", Target::Burrow, used.cpu / (megabytes / 1e3));
        note("one core, CPU", "s/GB", Target::Native, native_cpu / (megabytes / 1e3));
        note("all cores", "MB/s", Target::Burrow, megabytes / all.as_secs_f64());
        note("all cores / one core", "", Target::Burrow, one.as_secs_f64() / all.as_secs_f64());
    }
    std::fs::remove_dir_all(&files)?;
    Ok(())
}

/// Peak memory for a list and for one that is ten times as long.
async fn long_lists(bench: &mut Bench) -> Result<()> {
    let most = if bench.short { 50 } else { 5000 };
    let images: Vec<Image> = (0..most).map(|seed| burrow_bench::bmp(&format!("{seed}.bmp"), 200_000, seed)).collect();
    let origin = Origin::start(&images).await?;
    let list = bench.directory.join("list.txt");
    for round in 1..=bench.rounds {
        for count in [images.len() / 10, images.len()] {
            say(&format!("{LONG_LISTS}, {count} images, round {round}"));
            let urls: Vec<String> = images.iter().take(count).map(|image| origin.url(image)).collect();
            std::fs::write(&list, urls.join("\n"))?;
            let (_, used) = add(bench, &[], &[], &["--from".as_ref(), list.as_os_str()]).await?;
            let what = format!("{count} bitmaps of 200 KB: peak memory");
            bench.results.note(LONG_LISTS, &what, "MB", Target::Burrow, used.peak as f64 / 1e6);
        }
    }
    std::fs::remove_file(&list)?;
    Ok(())
}

/// Runs `burrow add` over an empty store, by way of another program if one is given.
async fn add(bench: &Bench, by: &[&str], flags: &[&str], images: &[&OsStr]) -> Result<(Duration, Usage)> {
    let store = bench.clear(Target::Burrow)?;
    let burrow = bench.programs.burrow(&store, &bench.cache());
    let mut command = through(by, burrow);
    command.args(flags).arg("add").args(images);
    let log = bench.directory.join("add.log");
    let (time, used) = Program::start(&mut command, &log)?.finish().await.with_context(|| log.display().to_string())?;
    bench.clear(Target::Burrow)?;
    Ok((time, used))
}

/// The same command, started by another program such as `taskset`.
fn through(by: &[&str], command: Command) -> Command {
    let [program, arguments @ ..] = by else { return command };
    let command = command.as_std();
    let mut whole = Command::new(program);
    whole.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    whole
}

/// Packs images with Burrow's own code, compiled for this machine, on one thread; stores nothing. Returns the time and
/// the seconds on a core.
fn native(images: &[Image]) -> Result<(Duration, f64)> {
    let (begun, worked) = (Instant::now(), on_core());
    for image in images {
        let mut packer = Packer::new(u64::MAX);
        let mut rest: &[u8] = &image.bytes;
        while !rest.is_empty() {
            rest = packer.take(rest)?;
            if packer.is_full() || rest.is_empty() {
                let chunk = futures::executor::block_on(packer.pack_block(&Uninterrupted))?;
                packer.note(&chunk);
            }
        }
        let (manifest, _) = packer.finish()?;
        ensure!(manifest.size == image.bytes.len() as u64, "the core packed {} bytes", manifest.size);
    }
    Ok((begun.elapsed(), on_core() - worked))
}

/// How long this thread has been on a core, in seconds.
fn on_core() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Lets nobody else run between two steps, because nobody else is there.
struct Uninterrupted;

impl Clock for Uninterrupted {
    fn now(&self) -> u64 {
        0
    }

    async fn sleep(&self, _: Duration) {}

    async fn yield_now(&self) {}
}
