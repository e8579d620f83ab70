//! The goals: how Burrow's figures are to compare with others of the same run.

use std::fmt::Write as _;

use crate::measure::{compression, ingest, lists, memory, packing, search, serving, start};
use crate::results::Results;
use crate::server::Target;

/// A goal for Burrow's median of one row.
struct Goal {
    table: &'static str,
    row: &'static str,
    unit: &'static str,
    against: Against,
    bound: Bound,
}

/// By what the median is divided.
enum Against {
    /// The median of this target in the same row.
    Peer(Target),
    /// Burrow's median in another row.
    Row(&'static str, &'static str, &'static str),
    /// Nothing: the figure itself counts.
    Nothing,
}

enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

use Against::{Nothing, Peer};
use Bound::{AtLeast, AtMost};

const fn goal(table: &'static str, row: &'static str, unit: &'static str, against: Against, bound: Bound) -> Goal {
    Goal { table, row, unit, against, bound }
}

const RATE: &str = "requests/s";
const PEAK: &str = "peak memory";

const GOALS: [Goal; 40] = [
    goal(ingest::MIXED, "speed", "MB/s", Peer(Target::Go), AtLeast(1.5)),
    goal(ingest::MIXED, "CPU, user and system", "s", Peer(Target::Go), AtMost(0.7)),
    goal(ingest::MIXED, "blocks on disk / packed bytes", "", Nothing, AtMost(1.03)),
    goal(ingest::MIXED, "upload acknowledged, p99", "ms", Peer(Target::Go), AtMost(0.7)),
    goal(ingest::MIXED, "counts while packing, p99", "ms", Peer(Target::Go), AtMost(0.15)),
    goal(ingest::MIXED, "counts while packing, p99", "ms", Peer(Target::Flask), AtMost(0.1)),
    goal(ingest::MIXED, PEAK, "MB", Peer(Target::Go), AtMost(1.5)),
    goal(lists::TABLE, "10000 images: stored", "images/s", Peer(Target::Go), AtLeast(1.0)),
    goal(lists::TABLE, "10000 images: disk beyond the image, each", "bytes", Nothing, AtMost(1500.0)),
    goal(search::TABLE, search::RARE[1], "ms", Nothing, AtMost(50.0)),
    goal(search::TABLE, search::FEW[1], "ms", Nothing, AtMost(50.0)),
    goal(search::TABLE, search::MEET[1], "ms", Nothing, AtMost(50.0)),
    goal(search::TABLE, search::RARE[1], "ms", Against::Row(search::TABLE, search::RARE[0], "ms"), AtMost(3.0)),
    goal(search::TABLE, search::FEW[1], "ms", Against::Row(search::TABLE, search::FEW[0], "ms"), AtMost(3.0)),
    goal(search::TABLE, search::MEET[1], "ms", Against::Row(search::TABLE, search::MEET[0], "ms"), AtMost(3.0)),
    goal(serving::TABLE, serving::SMALL, RATE, Peer(Target::Nginx), AtLeast(0.5)),
    goal(serving::TABLE, serving::PHOTO, RATE, Peer(Target::Nginx), AtLeast(0.8)),
    goal(serving::TABLE, serving::PHOTO, RATE, Peer(Target::Go), AtLeast(10.0)),
    goal(serving::TABLE, serving::LARGE_PHOTO, RATE, Peer(Target::Nginx), AtLeast(0.8)),
    goal(serving::TABLE, serving::LARGE_PHOTO, RATE, Peer(Target::Go), AtLeast(10.0)),
    goal(serving::TABLE, serving::BITMAP, RATE, Peer(Target::Nginx), AtLeast(0.8)),
    goal(serving::TABLE, serving::BITMAP, RATE, Peer(Target::Go), AtLeast(4.0)),
    goal(serving::TABLE, serving::GZIP, RATE, Peer(Target::Nginx), AtLeast(0.8)),
    goal(serving::TABLE, serving::RANGE, RATE, Peer(Target::Nginx), AtLeast(0.5)),
    goal(serving::TABLE, serving::UNCHANGED, RATE, Peer(Target::Nginx), AtLeast(0.5)),
    goal(memory::TABLE, "500 MB, peak memory", "MB", Against::Row(ingest::MIXED, PEAK, "MB"), AtMost(1.2)),
    goal(start::TABLE, start::WARM, "ms", Peer(Target::Go), AtMost(2.0)),
    goal(packing::PACKING, "all cores / one core", "", Nothing, AtLeast(1.9)),
    goal(compression::TABLE, "balanced: image/jpeg", "", Nothing, AtMost(0.78)),
    goal(compression::TABLE, "balanced: image/png", "", Nothing, AtMost(0.87)),
    goal(compression::TABLE, "balanced: image/bmp", "", Nothing, AtMost(0.26)),
    goal(compression::TABLE, "balanced: all", "", Peer(Target::Go), AtMost(0.8)),
    goal(compression::TABLE, "small: image/jpeg", "", Nothing, AtMost(0.77)),
    goal(compression::TABLE, "small: image/png", "", Nothing, AtMost(0.72)),
    goal(compression::TABLE, "small: image/bmp", "", Nothing, AtMost(0.25)),
    goal(compression::TABLE, "small: all", "", Peer(Target::Go), AtMost(0.72)),
    goal(compression::VIEWS, "balanced: JPEG of 2 to 4 MB", "s", Nothing, AtMost(0.5)),
    goal(compression::VIEWS, "balanced: PNG of 0.5 to 1.6 MB", "s", Nothing, AtMost(0.5)),
    goal(
        compression::MEANWHILE,
        "--repack always",
        "images/s",
        Against::Row(compression::MEANWHILE, "--repack never", "images/s"),
        AtLeast(0.9),
    ),
    goal(packing::PACKING, "one core, CPU", "s/GB", Peer(Target::Native), AtMost(1.25)),
];

/// The goals whose rows were measured, as a table.
pub(crate) fn table(results: &Results) -> String {
    let mut lines = String::new();
    for Goal { table, row, unit, against, bound } in GOALS {
        let Some(figure) = results.median(table, row, unit, Target::Burrow) else { continue };
        let (other, name) = match against {
            Peer(target) => (results.median(table, row, unit, target), target.name().to_owned()),
            Against::Row(table, row, unit) => {
                (results.median(table, row, unit, Target::Burrow), format!("{table}: {row}"))
            }
            Nothing => (Some(1.0), String::new()),
        };
        let Some(other) = other else { continue };
        let (is_met, wanted, bound) = match bound {
            AtLeast(bound) => (figure >= other * bound, "at least", bound),
            AtMost(bound) => (figure <= other * bound, "at most", bound),
        };
        let answer = if is_met { "met" } else { "missed" };
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "| {table}: {row} | {name} | {wanted} {bound} | {:.2} | {answer} |", figure / other);
    }
    if lines.is_empty() {
        return lines;
    }
    format!("\n## Goals\n\n| Burrow's figure | divided by | goal | now | |\n| --- | --- | --- | --- | --- |\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goals_are_met_or_missed_if_their_rows_were_measured() {
        let mut results = Results::default();
        assert_eq!(table(&results), "");
        results.note(ingest::MIXED, "speed", "MB/s", Target::Burrow, 3.0);
        assert_eq!(table(&results), "");
        results.note(ingest::MIXED, "speed", "MB/s", Target::Go, 2.0);
        results.note(ingest::MIXED, PEAK, "MB", Target::Burrow, 31.0);
        results.note(ingest::MIXED, PEAK, "MB", Target::Go, 20.0);
        let page = table(&results);
        assert!(page.contains("speed | Go peer | at least 1.5 | 1.50 | met |"), "{page}");
        assert!(page.contains("peak memory | Go peer | at most 1.5 | 1.55 | missed |"), "{page}");
    }
}
