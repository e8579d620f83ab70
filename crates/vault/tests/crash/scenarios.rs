//! The scenarios: each prepares a vault, and names operations that run at once.

mod clocks;
mod images;
mod index;
mod jobs;
mod renaming;
mod repacking;
mod webhook;

use std::rc::Rc;

use burrow_model::record::ImageRecord;
use burrow_vault::ports::Clock as _;
use burrow_vault::vault::Shape;
use futures::executor::block_on;

use crate::disk::{Map, Model};
use crate::images::BEGINNING;
use crate::operations::Operation::{self, Draw, Ingest, Put, PutTagged, Remove, Submit};
use crate::operations::{Book, accept, perform, vault};
use crate::schedule::Start;
use crate::world::World;

/// A scenario.
#[derive(Debug)]
pub struct Scenario {
    pub name: &'static str,
    /// Prepares the vault, and returns the operations that run at once.
    pub prepare: fn(&Bench) -> Vec<Operation>,
    pub orders: Orders,
    /// How many random orders are taken over each model of a store.
    pub by_chance: u64,
    /// The operations run one after the other and crash. Then the resume that follows is explored, with a second crash.
    pub crash_first: bool,
    /// The shape of the index.
    pub shape: Shape,
    /// Whether there is a webhook.
    pub webhook: bool,
}

/// Which orders are taken completely.
#[derive(Clone, Copy, Debug)]
pub enum Orders {
    Every,
    /// Those in which a task that could go on has to wait for another at most this many times.
    Switches(u32),
}

/// A world in which a scenario is prepared, one operation after the other.
#[derive(Debug)]
pub struct Bench {
    world: World,
    book: Book,
}

const MINUTE: u64 = 60_000;

impl Bench {
    pub fn new(model: Model) -> Self {
        let world = World::new(model, Map::default(), BEGINNING, 0);
        world.open();
        Self { world, book: Book::default() }
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

    /// An image of which a thumbnail was drawn.
    fn drawn(&self, image: &'static str, name: &'static str) -> ImageRecord {
        let record = self.put(image, name);
        self.perform(Draw(record.id));
        record
    }

    /// An image that failed because its origin could not be reached; now it can.
    fn failed(&self) -> ImageRecord {
        let record = self.ingest("/late-red/1", "a");
        self.pass(2 * MINUTE);
        record
    }

    /// Accepts a job, and does not do it.
    fn accept(&self, path: &str, name: &str) -> ImageRecord {
        let record = block_on(accept(&vault(&self.world), path, name)).expect("a job");
        self.book.borrow_mut().told(&record);
        record
    }

    fn put_tagged(&self, image: &'static str, name: &'static str, tag: &'static str) -> ImageRecord {
        self.perform(PutTagged(image, name, tag));
        self.newest()
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

    /// Sets the clock to the beginning, `after` it by so many milliseconds.
    fn set_clock(&self, after: u64) {
        self.world.set_clock(BEGINNING + after);
    }

    /// The process ends, and another opens the store.
    fn restart(&self) {
        self.world.open();
    }
}

const EVERY: Scenario = Scenario {
    name: "",
    prepare: |_| Vec::new(),
    orders: Orders::Every,
    by_chance: 100,
    crash_first: false,
    shape: LARGE,
    webhook: false,
};

/// An index that has no segments in any scenario.
const LARGE: Shape = Shape { range: 128, fan: 8, top: 4 };

const SOME: Scenario = Scenario { orders: Orders::Switches(1), by_chance: 60, ..EVERY };

/// All scenarios.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    let images = images::SCENARIOS.iter().chain(jobs::SCENARIOS).chain(clocks::SCENARIOS);
    images.chain(repacking::SCENARIOS).chain(index::SCENARIOS).chain(renaming::SCENARIOS).chain(webhook::SCENARIOS)
}
