//! Scenarios of the index: segments are built and replaced while images are added, changed, removed and searched for.

use burrow_vault::vault::Shape;

use super::{Bench, EVERY, MINUTE, Orders, SOME, Scenario};
use crate::operations::Operation::{Ingest, Look, Put, Remove, Rename, Resume, Retry};

/// An index of which few images make segments of several levels.
const SMALL: Shape = Shape { range: 2, fan: 2, top: 2 };

const FEW: Scenario = Scenario { shape: SMALL, orders: Orders::Switches(1), by_chance: 40, ..EVERY };

/// Puts images, so that the next few entries of the log complete segments.
fn fill(bench: &Bench, names: &[&'static str]) {
    for name in names {
        bench.put("noise", name);
    }
}

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "index: segments of two levels are built",
        prepare: |bench| {
            fill(bench, &["a", "b", "c"]);
            vec![Put("red", "d"), Ingest("/blue/1", "e")]
        },
        ..FEW
    },
    Scenario {
        name: "index: a search while segments are built",
        prepare: |bench| {
            fill(bench, &["a", "b", "c", "d"]);
            vec![Put("red", "e"), Look]
        },
        ..FEW
    },
    Scenario {
        name: "index: rename and delete while segments are built",
        prepare: |bench| {
            let (a, b) = (bench.put("red", "a").id, bench.put("blue", "b").id);
            fill(bench, &["c"]);
            vec![Rename(a, "d"), Remove(b), Put("noise", "e")]
        },
        ..FEW
    },
    Scenario {
        name: "index: retry while a sweep builds and deletes",
        prepare: |bench| {
            let failed = bench.failed().id;
            fill(bench, &["b", "c"]);
            bench.pass(61 * MINUTE);
            vec![Retry(failed), Resume]
        },
        by_chance: 30,
        ..FEW
    },
    Scenario {
        name: "index: a crash while segments are built, and a resume",
        prepare: |bench| {
            fill(bench, &["a", "b", "c"]);
            vec![Put("red", "d"), Put("blue", "e")]
        },
        crash_first: true,
        shape: SMALL,
        orders: Orders::Switches(0),
        ..SOME
    },
];
