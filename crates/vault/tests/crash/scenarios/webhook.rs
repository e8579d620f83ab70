//! Scenarios of the webhook: it is told of images while they become ready, and are removed.

use super::{EVERY, Orders, Scenario};
use crate::operations::Operation::{Deliver, Put, Remove, Retry, WorkOn};

const FEW: Scenario = Scenario { webhook: true, orders: Orders::Switches(1), by_chance: 60, ..EVERY };

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "webhook: an image is put while it is told",
        prepare: |bench| {
            bench.perform(Deliver);
            bench.put("red", "a");
            vec![Deliver, Put("blue", "b"), Deliver]
        },
        ..FEW
    },
    Scenario {
        name: "webhook: a job is done while it is told",
        prepare: |bench| {
            bench.perform(Deliver);
            let job = bench.submit("/red/1", "a").id;
            vec![WorkOn(job), Deliver, Deliver]
        },
        ..FEW
    },
    Scenario {
        name: "webhook: retry and delete while it is told",
        prepare: |bench| {
            bench.perform(Deliver);
            let (failed, other) = (bench.failed().id, bench.put("blue", "b").id);
            vec![Retry(failed), Deliver, Remove(other)]
        },
        ..FEW
    },
    Scenario {
        name: "webhook: a crash while it is told, and a resume",
        prepare: |bench| {
            bench.perform(Deliver);
            bench.put("red", "a");
            vec![Deliver, Put("blue", "b")]
        },
        crash_first: true,
        ..FEW
    },
];
