//! Scenarios of renamed tags: images come in with the old tag, are changed and removed while it is renamed.

use super::{EVERY, Orders, Scenario};
use crate::operations::Operation::{Label, PutTagged, Remove, RenameTag, Resume, SubmitTagged, WorkOn};

/// A renaming makes hundreds of calls, so there are too many orders for more.
const FEW: Scenario = Scenario { orders: Orders::Switches(0), by_chance: 3, ..EVERY };

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "rename a tag while an image with it is put",
        prepare: |bench| {
            bench.put_tagged("red", "a", "old");
            vec![RenameTag("old", "new"), PutTagged("blue", "b", "old")]
        },
        ..FEW
    },
    Scenario {
        name: "rename a tag while a job with it is recorded and done",
        prepare: |_| vec![RenameTag("old", "new"), SubmitTagged("/red/1", "a", "old"), Resume],
        ..FEW
    },
    Scenario {
        name: "rename a tag while one of its jobs is done",
        prepare: |bench| {
            bench.perform(SubmitTagged("/red/1", "a", "old"));
            let job = bench.newest().id;
            vec![RenameTag("old", "new"), WorkOn(job)]
        },
        ..FEW
    },
    Scenario {
        name: "rename a tag while an image is given it, and another removed",
        prepare: |bench| {
            let (a, b) = (bench.put_tagged("red", "a", "x").id, bench.put_tagged("blue", "b", "old").id);
            vec![RenameTag("old", "new"), Label(a, &["red", "old"]), Remove(b)]
        },
        ..FEW
    },
    Scenario {
        name: "two callers rename a tag, and one another",
        prepare: |bench| {
            bench.put_tagged("red", "a", "old");
            vec![RenameTag("old", "new"), RenameTag("old", "new"), RenameTag("young", "new")]
        },
        ..FEW
    },
    Scenario {
        name: "a crash while a tag is renamed, and a resume",
        prepare: |bench| {
            bench.put_tagged("red", "a", "old");
            bench.put_tagged("blue", "b", "old");
            vec![RenameTag("old", "new")]
        },
        crash_first: true,
        ..FEW
    },
];
