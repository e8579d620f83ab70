//! Measures Burrow beside its peers on one machine, and prints one table.
//!
//! `cargo xtask bench` builds all that is measured and runs this program; see bench/README.md.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that tells what it does")]
#![allow(clippy::cast_precision_loss, reason = "sizes and counts become figures of three digits")]

mod client;
mod corpus;
mod goals;
mod machine;
mod measure;
mod origin;
mod program;
mod results;
mod server;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow};
use clap::{Parser, ValueEnum as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::measure::Measure;
use crate::results::Results;
use crate::server::Programs;

/// Measures Burrow beside its peers: the first design in Go, what came before it in Flask, and nginx.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench --")]
struct Args {
    /// Take only this measure; may be given several times. The table is then only printed
    #[arg(long, value_enum, value_name = "NAME")]
    only: Vec<Measure>,
    /// Only see whether everything works: one short round over few images. The table is then only printed
    #[arg(long)]
    short: bool,
    /// How often each target is measured, in alternation
    #[arg(long, default_value_t = 3, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Lists of a million images, too: takes some hours
    #[arg(long)]
    million: bool,
    /// Choose the images of the corpus again and write bench/corpus.tsv, instead of measuring
    #[arg(long)]
    choose_corpus: bool,
    #[command(flatten)]
    programs: Programs,
    /// Where everything is made and removed again: on the disk that is measured
    #[arg(long, hide = true)]
    directory: PathBuf,
    /// The directory bench/ of the checkout
    #[arg(long, hide = true)]
    bench: PathBuf,
}

/// What every measure needs.
#[derive(Debug)]
struct Bench {
    programs: Programs,
    /// Where stores are made.
    directory: PathBuf,
    /// The directory bench/ of the checkout.
    home: PathBuf,
    rounds: u16,
    short: bool,
    million: bool,
    results: Results,
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    // The servers are in process groups of their own, so the terminal does not stop them. They end when they are dropped.
    let done = tokio::select! {
        done = run(args) => done,
        stopped = stopped() => Err(stopped.map_or_else(Into::into, |()| anyhow!("stopped before the end"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Waits until somebody asks this program to stop.
async fn stopped() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}

async fn run(args: Args) -> Result<()> {
    std::fs::create_dir_all(&args.directory)
        .with_context(|| format!("cannot make the directory {}", args.directory.display()))?;
    let rounds = if args.short { 1 } else { args.rounds };
    let mut bench = Bench {
        programs: args.programs,
        directory: args.directory,
        home: args.bench,
        rounds,
        short: args.short,
        million: args.million,
        results: Results::default(),
    };
    if args.choose_corpus {
        return corpus::choose(&bench);
    }
    let before = machine::describe(&bench)?;
    let chosen = if args.only.is_empty() { Measure::value_variants().to_vec() } else { args.only.clone() };
    for measure in chosen {
        say(&format!("{}: {}", measure.name(), measure.about()));
        measure.take(&mut bench).await.with_context(|| format!("the measure {} failed", measure.name()))?;
    }
    let page = format!("{before}{}{}", goals::table(&bench.results), bench.results.tables());
    println!("\n{page}");
    if args.only.is_empty() && !args.short {
        let file = bench.home.join("RESULTS.md");
        std::fs::write(&file, page).with_context(|| format!("cannot write {}", file.display()))?;
        say(&format!("wrote {}", file.display()));
    }
    Ok(())
}

/// Prints the step that begins.
fn say(step: &str) {
    println!("==> {step}");
}
