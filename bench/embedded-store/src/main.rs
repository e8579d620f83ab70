//! Compares redb and fjall as Burrow's embedded store; prints Markdown tables. See README.md.

mod cases;
mod data;
mod disk;
mod faults;
mod load;
mod report;
mod store;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::data::CHUNK;
use crate::faults::Place;
use crate::load::Shape;
use crate::store::Engine;

const USAGE: &str = "usage: embedded-store-bench [--dir DIR] [--reps N] [--vault-reps N] \
[--seconds S] [--only writes|vault|space|faults]";

pub struct Options {
    /// The directory for stores; each is removed after its case.
    pub dir: PathBuf,
    /// How often each write case runs; the tables show medians.
    pub reps: usize,
    /// How often each case with a filled store runs; these take longer.
    pub vault_reps: usize,
    /// How long a write case runs at most.
    pub seconds: f64,
    pub only: Option<String>,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.split_first() {
        Some((&"child", rest)) => child(rest),
        _ => report::run(&parse(&words)?),
    }
}

fn parse(mut words: &[&str]) -> Result<Options> {
    let name = format!("embedded-store-bench-{}", std::process::id());
    let mut options =
        Options { dir: std::env::current_dir()?.join(name), reps: 3, vault_reps: 1, seconds: 1.0, only: None };
    while let Some((name, rest)) = words.split_first() {
        let (value, rest) = rest.split_first().context(USAGE)?;
        match *name {
            "--dir" => options.dir = Path::new(value).join("stores"),
            "--reps" => options.reps = value.parse().context(USAGE)?,
            "--vault-reps" => options.vault_reps = value.parse().context(USAGE)?,
            "--seconds" => options.seconds = value.parse().context(USAGE)?,
            "--only" => options.only = Some((*value).to_owned()),
            _ => bail!("{name:?}? {USAGE}"),
        }
        words = rest;
    }
    Ok(options)
}

/// Runs one case as a child process. Its arguments: `KIND ENGINE DIR [NUMBER...]`.
fn child(words: &[&str]) -> Result<()> {
    let [kind, engine, dir, numbers @ ..] = words else {
        bail!("a child takes a kind, an engine and a directory");
    };
    let engine = Engine::parse(engine)?;
    let dir = Path::new(dir);
    let number = |index: usize| -> Result<u64> {
        let text = numbers.get(index).context("the child lacks a number")?;
        text.parse().with_context(|| format!("{text:?} is no number"))
    };
    let results = match *kind {
        "write" => {
            let time = Duration::from_millis(number(2)?);
            cases::write(engine, shape(number(0)?), number(1)? as usize, dir, time)
        }
        "vault" => cases::vault(engine, shape(number(0)?), number(1)?, dir),
        "space" => cases::space(engine, number(0)? as usize, number(1)?, dir),
        "ingest-forever" => return cases::ingest_forever(engine, dir),
        "reopen" => cases::reopen(engine, dir),
        "second-open" => faults::second_open(engine, dir),
        "flip" => {
            let journal = number(0)? == 1;
            let place = if journal { Place::Journal } else { Place::Table };
            faults::flipped_byte(engine, dir, place, number(1)? == 1, number(2)?)
        }
        "power-cut" if engine.is_redb() => faults::power_cut_redb(engine, number(0)?),
        "power-cut" => faults::power_cut_fjall(engine, dir, number(0)?, number(1)? == 1),
        _ => bail!("no case is called {kind:?}"),
    }?;
    cases::print_results(&results);
    Ok(())
}

/// Decodes a shape: 0 stands for the image ingest, any other number for a length.
fn shape(len: u64) -> Shape {
    match len as usize {
        0 => Shape::Ingest,
        len => Shape::Value(len.min(2 * CHUNK)),
    }
}
