//! Scenarios of jobs: resumed, retried, worked on, swept.

use super::{EVERY, MINUTE, Orders, SOME, Scenario};
use crate::operations::Operation::{Find, Ingest, Put, Remove, Requeue, Resume, Retry, Submit, Sweep, Work, WorkOn};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "two resumes of one job",
        prepare: |bench| {
            bench.submit("/red/1", "a");
            // The image after the job was settled long ago; the job was not.
            bench.ingest("/blue/1", "b");
            bench.pass(16 * MINUTE);
            vec![Resume, Resume]
        },
        ..EVERY
    },
    Scenario { name: "retry", prepare: |bench| vec![Retry(bench.failed().id)], ..EVERY },
    Scenario {
        name: "retry twice at once",
        prepare: |bench| {
            let id = bench.failed().id;
            vec![Retry(id), Retry(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "retry during work",
        prepare: |bench| {
            let record = bench.accept("/late-red/1", "a");
            vec![Work(Box::new(record.clone())), Retry(record.id)]
        },
        ..EVERY
    },
    Scenario { name: "retry during resume", prepare: |bench| vec![Retry(bench.failed().id), Resume], ..EVERY },
    Scenario {
        name: "delete during retry",
        prepare: |bench| {
            let id = bench.failed().id;
            vec![Remove(id), Retry(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "two resumes of one job as a window of time ends",
        prepare: |bench| {
            bench.pass(15 * MINUTE - 20);
            bench.submit("/red/1", "a");
            vec![Resume, Resume]
        },
        orders: Orders::Switches(0),
        by_chance: 500,
        ..EVERY
    },
    Scenario {
        name: "resume during work",
        prepare: |bench| vec![Work(Box::new(bench.accept("/red/1", "a"))), Resume],
        ..EVERY
    },
    Scenario {
        name: "ingest from a slow origin, of which the worker tells",
        prepare: |_| vec![Ingest("/slow-red/1", "a")],
        ..EVERY
    },
    Scenario {
        name: "delete during the work on a slow job",
        prepare: |bench| {
            let record = bench.accept("/slow-red/1", "a");
            vec![Work(Box::new(record.clone())), Remove(record.id)]
        },
        orders: Orders::Switches(2),
        ..EVERY
    },
    Scenario {
        name: "resume of a job whose worker stalls and lives",
        prepare: |bench| {
            let record = bench.accept("/flaky-red/1", "a");
            bench.pass(16 * MINUTE);
            vec![Work(Box::new(record)), Resume]
        },
        orders: Orders::Switches(3),
        ..EVERY
    },
    Scenario {
        name: "two sweeps at once",
        prepare: |bench| {
            let record = bench.ingest("/red/1", "a");
            bench.remove(&record);
            bench.pass(61 * MINUTE);
            vec![Resume, Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "delete during a sweep",
        prepare: |bench| {
            let (a, b) = (bench.ingest("/red/1", "a"), bench.ingest("/blue/1", "b"));
            bench.remove(&a);
            bench.pass(61 * MINUTE);
            vec![Remove(b.id), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "sweep during ingest and delete",
        prepare: |bench| {
            let (a, b) = (bench.ingest("/red/1", "a"), bench.ingest("/blue/1", "b"));
            bench.remove(&a);
            bench.pass(61 * MINUTE);
            vec![Ingest("/red/2", "a"), Remove(b.id), Resume]
        },
        ..SOME
    },
    Scenario {
        name: "crash during the resume after a crash of an ingest",
        prepare: |_| vec![Ingest("/red/1", "a")],
        crash_first: true,
        ..EVERY
    },
    Scenario {
        name: "crash during the resume after a crash of a put and a delete",
        prepare: |bench| vec![Remove(bench.put("red", "b").id), Put("red", "a")],
        crash_first: true,
        ..EVERY
    },
    Scenario {
        name: "crash during the resume after a crash of a retry",
        prepare: |bench| vec![Retry(bench.failed().id)],
        crash_first: true,
        ..EVERY
    },
    Scenario {
        name: "crash during the resume after a crash of a delete of a job",
        prepare: |bench| vec![Remove(bench.accept("/red/1", "a").id)],
        crash_first: true,
        ..EVERY
    },
    Scenario {
        name: "same URL twice at once, and looked for",
        prepare: |_| vec![Submit("/red/1", "a"), Submit("/red/1", "b"), Find("/red/1")],
        ..EVERY
    },
    Scenario {
        name: "delete of both images of a URL, and a third",
        prepare: |bench| {
            let (a, b) = (bench.submit("/red/1", "a").id, bench.submit("/red/1", "b").id);
            vec![Remove(a), Remove(b), Submit("/red/1", "c"), Find("/red/1")]
        },
        ..SOME
    },
    Scenario {
        name: "crash during the resume after a crash of a delete of one image of a URL",
        prepare: |bench| {
            let id = bench.submit("/red/1", "a").id;
            vec![Submit("/red/1", "b"), Remove(id)]
        },
        crash_first: true,
        ..EVERY
    },
    Scenario {
        name: "two workers of one job",
        prepare: |bench| {
            let id = bench.submit("/red/1", "a").id;
            vec![WorkOn(id), WorkOn(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "two workers of a job that was left",
        prepare: |bench| {
            let id = bench.accept("/red/1", "a").id;
            bench.restart();
            vec![WorkOn(id), WorkOn(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "work and resume of a job whose worker was killed",
        prepare: |bench| {
            let id = bench.accept("/red/1", "a").id;
            bench.restart();
            vec![WorkOn(id), Resume]
        },
        ..EVERY
    },
    Scenario {
        name: "work, resume and delete of a job that was left",
        prepare: |bench| {
            let id = bench.submit("/red/1", "a").id;
            bench.restart();
            vec![WorkOn(id), Resume, Remove(id)]
        },
        ..SOME
    },
    Scenario {
        name: "delete during the work on a submitted job",
        prepare: |bench| {
            let id = bench.submit("/red/1", "a").id;
            vec![Remove(id), WorkOn(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "requeue during retry and resume",
        prepare: |bench| {
            let id = bench.failed().id;
            vec![Requeue(id), Retry(id), Resume]
        },
        ..SOME
    },
    Scenario {
        name: "sweep during submit and work",
        prepare: |bench| {
            let (job, gone) = (bench.submit("/red/1", "a"), bench.put("blue", "b"));
            bench.remove(&gone);
            bench.pass(61 * MINUTE);
            vec![WorkOn(job.id), Submit("/noise/1", "c"), Sweep]
        },
        ..SOME
    },
];
