//! The scenarios: what is there before, and what happens at once.

use std::rc::Rc;

use burrow::ports::Clock as _;
use burrow::record::ImageRecord;
use futures::executor::block_on;

use crate::disk::{Map, Model};
use crate::images::BEGINNING;
use crate::journal::Request;
use crate::operations::Operation::{
    self, Ask, Ingest, Look, Put, Read, Remove, Rename, Resume, Retry, Submit, Verify, Work,
};
use crate::operations::{Book, accept, perform, vault};
use crate::schedule::Start;
use crate::world::World;

/// A scenario.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// Makes what is there before, and says what happens at once.
    pub prepare: fn(&Bench) -> Vec<Operation>,
    pub orders: Orders,
    /// How many orders are taken by chance on each store.
    pub by_chance: u64,
    /// The operations go one after the other, crash, and what is explored is the resume after it, with a second crash.
    pub crash_first: bool,
}

/// Which orders are all taken.
#[derive(Clone, Copy, Debug)]
pub enum Orders {
    Every,
    /// Those in which a task that could go on has to wait for another at most so many times.
    Switches(u32),
}

/// Where a scenario's beginning is made, one thing after the other.
#[derive(Debug)]
pub struct Bench {
    world: World,
    book: Book,
}

const MINUTE: u64 = 60_000;

impl Bench {
    pub fn new(model: Model) -> Self {
        Self { world: World::new(model, Map::default(), BEGINNING, 0), book: Book::default() }
    }

    pub fn start(self, operations: Vec<Operation>) -> Start {
        let (map, journal) = (self.world.disk().latest().clone(), Rc::unwrap_or_clone(self.book).into_inner());
        Start {
            model: self.world.model(),
            map,
            journal,
            now: self.world.now(),
            operations,
            salt: 1,
            story: String::new(),
        }
    }

    fn perform(&self, operation: Operation) {
        block_on(perform(operation, self.world.clone(), self.book.clone()));
        self.world.pass(1);
    }

    fn newest(&self) -> ImageRecord {
        let book = self.book.borrow();
        let newest = book.images.values().max_by_key(|told| told.record.seq).expect("an image");
        newest.record.clone()
    }

    fn ingest(&self, path: &'static str, name: &'static str) -> ImageRecord {
        self.perform(Ingest(path, name));
        self.newest()
    }

    fn put(&self, image: &'static str, name: &'static str) -> ImageRecord {
        self.perform(Put(image, name));
        self.newest()
    }

    /// An image whose origin could not be reached, and now can.
    fn failed(&self) -> ImageRecord {
        let record = self.ingest("/late-red/1", "a");
        self.pass(2 * MINUTE);
        record
    }

    /// Accepts a job and leaves it there.
    fn accept(&self, path: &str, name: &str) -> ImageRecord {
        let record = block_on(accept(&vault(&self.world), path, name)).expect("a job");
        self.book.borrow_mut().told(&record);
        record
    }

    fn submit(&self, path: &'static str, name: &'static str) -> ImageRecord {
        self.perform(Submit(path, name));
        self.newest()
    }

    fn remove(&self, record: &ImageRecord) {
        self.perform(Remove(record.id));
    }

    fn pass(&self, milliseconds: u64) {
        self.world.pass(milliseconds);
    }
}

const EVERY: Scenario =
    Scenario { name: "", prepare: |_| Vec::new(), orders: Orders::Every, by_chance: 100, crash_first: false };

const SOME: Scenario = Scenario { orders: Orders::Switches(1), by_chance: 60, ..EVERY };

/// All scenarios.
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
        name: "look during ingest and delete",
        prepare: |bench| {
            bench.put("noise", "b");
            let id = bench.ingest("/red/1", "a").id;
            vec![Remove(id), Ingest("/blue/1", "a"), Look]
        },
        ..SOME
    },
    Scenario {
        name: "two resumes of one job",
        prepare: |bench| {
            bench.submit("/red/1", "a");
            // What comes after the job is settled long since; the job is not.
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
        // Who waits for the other does so again and again.
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
];
