//! Scenarios of repacking: while images are read, added, removed and swept, and after an attempt that was cut off.

use super::{EVERY, MINUTE, Orders, SOME, Scenario};
use crate::operations::Operation::{Put, Read, Remove, Rename, Repack, Resume, Verify};

/// Packing takes some milliseconds, so fewer orders are taken.
const REPACK: Scenario = Scenario { by_chance: 10, orders: Orders::Switches(2), ..EVERY };

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "repack", prepare: |bench| vec![Repack(bench.put("photo", "a").id)], ..REPACK },
    Scenario {
        name: "repack twice at once",
        prepare: |bench| {
            let (a, b) = (bench.put("photo", "a").id, bench.put("photo", "b").id);
            vec![Repack(a), Repack(b)]
        },
        ..REPACK
    },
    Scenario {
        name: "read during repack",
        prepare: |bench| {
            let (a, b) = (bench.put("photo", "a").id, bench.put("photo", "b").id);
            vec![Repack(a), Read(b)]
        },
        ..REPACK
    },
    Scenario {
        name: "delete during repack",
        prepare: |bench| {
            let id = bench.put("photo", "a").id;
            vec![Remove(id), Repack(id)]
        },
        ..REPACK
    },
    Scenario {
        name: "delete of one twin during repack of the other",
        prepare: |bench| {
            let (a, b) = (bench.put("photo", "a").id, bench.put("photo", "b").id);
            vec![Remove(a), Repack(b)]
        },
        ..REPACK
    },
    Scenario {
        name: "delete of both twins during repack",
        prepare: |bench| {
            let (a, b) = (bench.put("photo", "a").id, bench.put("photo", "b").id);
            vec![Remove(a), Remove(b), Repack(a)]
        },
        by_chance: 30,
        ..SOME
    },
    Scenario {
        name: "put of its twin during repack",
        prepare: |bench| vec![Repack(bench.put("photo", "a").id), Put("photo", "b")],
        ..REPACK
    },
    Scenario {
        name: "rename and verify during repack",
        prepare: |bench| {
            let id = bench.put("photo", "a").id;
            vec![Repack(id), Rename(id, "b"), Verify]
        },
        by_chance: 20,
        ..SOME
    },
    Scenario {
        name: "read during the sweep after repack",
        prepare: |bench| {
            let id = bench.put("photo", "a").id;
            bench.perform(Repack(id));
            bench.pass(61 * MINUTE);
            vec![Resume, Read(id)]
        },
        ..REPACK
    },
    Scenario {
        name: "delete of a repacked image during put of its twin",
        prepare: |bench| {
            let id = bench.put("photo", "a").id;
            bench.perform(Repack(id));
            bench.pass(61 * MINUTE);
            vec![Remove(id), Put("photo", "b"), Resume]
        },
        by_chance: 30,
        ..SOME
    },
    Scenario {
        name: "crash during the repack after a crash of a repack",
        prepare: |bench| vec![Repack(bench.put("photo", "a").id)],
        crash_first: true,
        ..REPACK
    },
];
