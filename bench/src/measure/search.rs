//! Searches: pages of 50 in a vault of many images with names and tags, over the embedded store.

use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::measure::lists;
use crate::program::Program;
use crate::results::quantile;
use crate::server::Target;
use crate::{Bench, say};

pub(crate) const TABLE: &str = "Searches, 200 requests one after the other";

/// Images that have both of the two large tags.
const BOTH: usize = 20;

/// Images with the small tag.
const TAGGED: usize = 10;

/// The rows that have goals, of 10,000 and of a million images.
pub(crate) const RARE: [&str; 2] = ["10000 images: one rare word, p99", "1000000 images: one rare word, p99"];
pub(crate) const FEW: [&str; 2] = ["10000 images: a tag of 10, p99", "1000000 images: a tag of 10, p99"];
pub(crate) const MEET: [&str; 2] = [
    "10000 images: two tags of a tenth that meet in 20, p99",
    "1000000 images: two tags of a tenth that meet in 20, p99",
];

/// What is asked for: its name in the table, its path, and how many images the answer has, if that is fixed.
const QUESTIONS: [(&str, &str, Option<usize>); 7] = [
    ("one rare word", "/images?q=axolotl&limit=50", Some(1)),
    ("a tag of 10", "/images?tag=few&limit=50", Some(TAGGED)),
    ("two tags of a tenth that meet in 20", "/images?tag=one&tag=two&limit=50", Some(BOTH)),
    ("a frequent word", "/images?q=otter&limit=50", Some(50)),
    ("the newest 50", "/images?limit=50", Some(50)),
    ("tags with their counts", "/tags?limit=50", None),
    ("counts by format and month", "/stats", None),
];

pub(crate) async fn take(bench: &mut Bench) -> Result<()> {
    let mut counts = if bench.short { vec![1000] } else { vec![10_000] };
    if bench.million {
        counts.push(1_000_000);
    }
    for count in counts {
        let files = bench.directory.join("tiny");
        let list = listed(&files, count)?;
        // A million takes a quarter of an hour.
        let rounds = if count > 100_000 { 1 } else { bench.rounds };
        for round in 1..=rounds {
            say(&format!("searches among {count} images, round {round}"));
            once(bench, &list, count).await?;
        }
        std::fs::remove_dir_all(&files)?;
    }
    Ok(())
}

/// Writes so many tiny files, all different, and a list that names and tags them. Returns the path of the list.
fn listed(files: &Path, count: usize) -> Result<PathBuf> {
    std::fs::create_dir_all(files)?;
    let path = files.join("list.jsonl");
    let mut list = BufWriter::new(std::fs::File::create(&path)?);
    let tenth = count / 10;
    for n in 0..count {
        let image = burrow_bench::png(&format!("{n}.png"), 18, 18, n as u64)?;
        // A thousand files in each directory.
        let folder = files.join((n / 1000).to_string());
        if n.is_multiple_of(1000) {
            std::fs::create_dir_all(&folder)?;
        }
        let file = folder.join(&image.name);
        std::fs::write(&file, &image.bytes)?;
        let animal = match n % 4 {
            _ if n == count / 2 => "axolotl",
            0 => "otter",
            1 => "beaver",
            2 => "vole",
            _ => "heron",
        };
        let mut tags = vec![format!("year {}", n % 30)];
        let is = |tag: &str, has: bool| has.then(|| tag.to_owned());
        tags.extend(is("one", n < tenth));
        tags.extend(is("two", (tenth - BOTH..2 * tenth - BOTH).contains(&n)));
        tags.extend(is("few", n.is_multiple_of(tenth)));
        let line = serde_json::json!({ "file": file, "name": format!("{animal}_{n}.png"), "tags": tags });
        writeln!(list, "{line}")?;
    }
    list.flush()?;
    Ok(path)
}

async fn once(bench: &mut Bench, list: &Path, count: usize) -> Result<()> {
    let store = bench.clear(Target::Burrow)?;
    let mut add = bench.programs.burrow(&store, &bench.cache());
    add.args(["add", "--quiet", "--from"]).arg(list);
    let log = bench.directory.join("add.log");
    let (time, used) = Program::start(&mut add, &log)?.finish().await.with_context(|| log.display().to_string())?;
    let server = bench.launch(Target::Burrow).await?;
    let mut figures = vec![
        ("added, `burrow add --from`".to_owned(), "images/s", count as f64 / time.as_secs_f64()),
        ("added, CPU of an image".to_owned(), "ms", used.cpu * 1e3 / count as f64),
    ];
    for (what, path, right) in QUESTIONS {
        let begun = Instant::now();
        let first = server.client.json(path).await?;
        figures.push((format!("{what}, first"), "ms", begun.elapsed().as_secs_f64() * 1e3));
        let found = first.get("images").and_then(Value::as_array).map(Vec::len);
        ensure!(right.is_none() || found == right, "{path} found {found:?} images in place of {right:?}");
        let times = lists::times(&server, path).await?;
        figures.push((format!("{what}, p50"), "ms", quantile(&times, 0.5)));
        figures.push((format!("{what}, p99"), "ms", quantile(&times, 0.99)));
    }
    let times = lists::times(&server, "/").await?;
    figures.push(("the page, p99".to_owned(), "ms", quantile(&times, 0.99)));
    server.stop().await?;
    bench.clear(Target::Burrow)?;
    for (what, unit, figure) in figures {
        bench.results.note(TABLE, &format!("{count} images: {what}"), unit, Target::Burrow, figure);
    }
    Ok(())
}
