//! Scenarios of images: added, read, renamed and removed, one by one and at once.

use super::{EVERY, MINUTE, Orders, SOME, Scenario};
use crate::journal::Request;
use crate::operations::Operation::{Ask, Draw, Ingest, Look, Put, Read, Remove, Rename, Resume, Retry, Verify, Work};

pub const SCENARIOS: &[Scenario] = &[
    Scenario { name: "ingest", prepare: |_| vec![Ingest("/red/1", "a")], by_chance: 20, ..EVERY },
    Scenario { name: "ingest of two chunks", prepare: |_| vec![Ingest("/big/1", "a")], by_chance: 1, ..EVERY },
    Scenario { name: "put", prepare: |_| vec![Put("noise", "a")], by_chance: 20, ..EVERY },
    Scenario {
        name: "failing origins",
        prepare: |bench| {
            bench.ingest("/red/1", "a");
            vec![Ingest("/missing/1", "a"), Ingest("/flaky-blue/1", "b"), Ingest("/cut-noise/1", "c")]
        },
        ..SOME
    },
    Scenario {
        name: "same content twice at once",
        prepare: |_| vec![Ingest("/red/1", "a"), Ingest("/red/2", "b")],
        ..EVERY
    },
    Scenario {
        name: "same content three times at once",
        prepare: |_| vec![Ingest("/red/1", "a"), Put("red", "b"), Ingest("/red/2", "c")],
        ..SOME
    },
    Scenario {
        name: "same name twice at once",
        prepare: |_| vec![Ingest("/red/1", "a"), Ingest("/blue/2", "a")],
        ..EVERY
    },
    Scenario {
        name: "same name three times at once",
        prepare: |_| vec![Ingest("/red/1", "a"), Put("blue", "a"), Ingest("/noise/1", "a")],
        ..SOME
    },
    Scenario {
        name: "delete during ingest of its twin",
        prepare: |bench| vec![Remove(bench.ingest("/red/1", "a").id), Ingest("/red/2", "b")],
        ..EVERY
    },
    Scenario {
        name: "delete of two twins during ingest of a third",
        prepare: |bench| {
            let (a, b) = (bench.ingest("/red/1", "a").id, bench.put("red", "b").id);
            vec![Remove(a), Remove(b), Ingest("/red/3", "c")]
        },
        ..SOME
    },
    Scenario {
        name: "delete of two twins at once",
        prepare: |bench| {
            let (a, b) = (bench.ingest("/red/1", "a").id, bench.put("red", "b").id);
            vec![Remove(a), Remove(b)]
        },
        ..EVERY
    },
    Scenario {
        name: "delete during its own ingest",
        prepare: |bench| {
            let record = bench.accept("/red/1", "a");
            vec![Remove(record.id), Work(Box::new(record))]
        },
        ..EVERY
    },
    Scenario {
        name: "delete during its own failing ingest",
        prepare: |bench| {
            let record = bench.accept("/page/1", "a");
            vec![Remove(record.id), Work(Box::new(record))]
        },
        ..EVERY
    },
    Scenario {
        name: "delete twice at once",
        prepare: |bench| {
            let id = bench.ingest("/red/1", "a").id;
            vec![Remove(id), Remove(id)]
        },
        ..EVERY
    },
    Scenario {
        name: "delete during read",
        prepare: |bench| {
            let id = bench.ingest("/red/1", "a").id;
            vec![Remove(id), Read(id), Resume]
        },
        orders: Orders::Every,
        ..SOME
    },
    Scenario {
        name: "small picture drawn twice at once",
        prepare: |bench| {
            let id = bench.put("red", "a").id;
            vec![Draw(id), Draw(id)]
        },
        // The task that waits for the other one looks again and again.
        orders: Orders::Switches(0),
        ..SOME
    },
    Scenario {
        name: "delete while its small picture is drawn",
        prepare: |bench| {
            let id = bench.put("red", "a").id;
            vec![Draw(id), Remove(id)]
        },
        ..SOME
    },
    Scenario {
        name: "delete while its likeness is made",
        prepare: |bench| {
            let id = bench.put("noise", "a").id;
            vec![Draw(id), Remove(id)]
        },
        ..SOME
    },
    Scenario {
        name: "its content comes again while a likeness is made, and another with it is deleted",
        prepare: |bench| {
            let (a, b) = (bench.put("noise", "a").id, bench.put("noise", "b").id);
            vec![Draw(a), Put("noise", "c"), Remove(b)]
        },
        ..SOME
    },
    Scenario {
        name: "delete while a content with a likeness comes again",
        prepare: |bench| {
            let id = bench.drawn("noise", "a").id;
            vec![Put("noise", "b"), Remove(id)]
        },
        ..SOME
    },
    Scenario {
        name: "look during ingest and delete",
        prepare: |bench| {
            bench.put("noise", "b");
            let id = bench.ingest("/red/1", "a").id;
            vec![Remove(id), Ingest("/blue/1", "a"), Look]
        },
        ..SOME
    },
    Scenario {
        name: "delete during rename",
        prepare: |bench| {
            let id = bench.put("red", "a").id;
            vec![Remove(id), Rename(id, "b")]
        },
        ..EVERY
    },
    Scenario {
        name: "rename twice at once",
        prepare: |bench| {
            let id = bench.put("red", "a").id;
            vec![Rename(id, "b"), Rename(id, "c")]
        },
        // The task that waits for the other one tries again and again.
        orders: Orders::Switches(0),
        ..SOME
    },
    Scenario {
        name: "rename during ingest of both names",
        prepare: |bench| vec![Rename(bench.put("red", "a").id, "b"), Ingest("/blue/1", "b"), Put("noise", "a")],
        ..SOME
    },
    Scenario {
        name: "same request twice at once",
        prepare: |_| vec![Ask("key", Request::Url("/red/1", "a")), Ask("key", Request::Url("/red/1", "a"))],
        ..EVERY
    },
    Scenario {
        name: "same request twice at once as a window of time ends",
        prepare: |bench| {
            bench.pass(MINUTE - 10);
            vec![Ask("key", Request::Url("/red/1", "a")), Ask("key", Request::Url("/red/1", "a"))]
        },
        orders: Orders::Switches(0),
        by_chance: 500,
        ..EVERY
    },
    Scenario {
        name: "same files twice at once",
        prepare: |_| {
            let files = Request::Files(&[("red", "a"), ("blue", "b")]);
            vec![Ask("key", files), Ask("key", files)]
        },
        ..SOME
    },
    Scenario {
        name: "verify during ingest and delete",
        prepare: |bench| {
            let twin = bench.ingest("/red/1", "a");
            bench.pass(61 * MINUTE);
            vec![Ingest("/red/2", "b"), Remove(twin.id), Verify]
        },
        ..SOME
    },
    Scenario {
        name: "verify during rename and retry",
        prepare: |bench| {
            let (a, late) = (bench.put("red", "a"), bench.ingest("/late-blue/1", "b"));
            bench.pass(61 * MINUTE);
            vec![Rename(a.id, "c"), Retry(late.id), Verify]
        },
        ..SOME
    },
    Scenario {
        name: "verify during a sweep",
        prepare: |bench| {
            let (a, b) = (bench.ingest("/red/1", "a"), bench.ingest("/blue/1", "b"));
            bench.remove(&a);
            bench.pass(61 * MINUTE);
            vec![Remove(b.id), Resume, Verify]
        },
        ..SOME
    },
];
