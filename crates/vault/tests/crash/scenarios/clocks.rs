//! Scenarios of clocks that lie: a minute ahead, in the year 2097, set back.

use super::{EVERY, MINUTE, Orders, Scenario};
use crate::operations::Operation::{Put, Remove, Resume, Retry, Work, WorkOn};

/// From the beginning of the scenarios to the year 2097.
const DECADES: u64 = 70 * 365 * 24 * 60 * MINUTE;

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "resume of a job whose worker was killed while its clock was a minute ahead",
        prepare: |bench| {
            bench.set_clock(MINUTE);
            let id = bench.accept("/red/1", "a").id;
            bench.set_clock(0);
            bench.restart();
            vec![WorkOn(id), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "resume of a job whose worker was killed in the year 2097",
        prepare: |bench| {
            bench.set_clock(DECADES);
            let id = bench.accept("/red/1", "a").id;
            bench.set_clock(0);
            bench.restart();
            vec![Resume, WorkOn(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "the clock is set back by an hour during work, and resumes begin",
        prepare: |bench| {
            bench.set_clock(60 * MINUTE);
            let record = bench.accept("/flaky-red/1", "a");
            bench.set_clock(0);
            vec![Work(Box::new(record)), Resume, Resume]
        },
        orders: Orders::Switches(1),
        ..EVERY
    },
    Scenario {
        name: "the clock is set back by half a minute during work, and a resume begins",
        prepare: |bench| {
            bench.set_clock(MINUTE / 2);
            let record = bench.accept("/red/1", "a");
            bench.set_clock(0);
            vec![Work(Box::new(record)), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "the clock jumps to the year 2097 during work, and a resume begins",
        prepare: |bench| {
            let record = bench.accept("/red/1", "a");
            bench.set_clock(DECADES);
            vec![Work(Box::new(record)), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "the clock begins at 1970 after a restart",
        prepare: |bench| {
            let id = bench.accept("/red/1", "a").id;
            bench.restart();
            bench.world.set_clock(5000);
            vec![Resume, WorkOn(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "retry of an image that failed in the year 2097",
        prepare: |bench| {
            let id = bench.ingest("/page/1", "a").id;
            bench.set_clock(DECADES);
            bench.perform(Retry(id));
            bench.set_clock(0);
            vec![Retry(id), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "delete in the year 2097, and after the clock was set right",
        prepare: |bench| {
            bench.set_clock(DECADES);
            let (a, b) = (bench.put("red", "a"), bench.put("blue", "b").id);
            bench.remove(&a);
            bench.set_clock(0);
            vec![Remove(b), Put("red", "c"), Resume]
        },
        orders: Orders::Switches(1),
        ..EVERY
    },
];
