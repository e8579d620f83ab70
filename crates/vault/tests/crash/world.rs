//! The vault's world: a store that may crash or fail, a clock, scripted origins.
//!
//! Where the vault would wait for the outside, the schedule decides which task goes on.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use burrow_model::error::FetchError;
use burrow_model::error::{Error, KvError};
use burrow_model::key::{ImageId, Key};
use burrow_vault::ports::{
    ByteSource, Clock, Drawing, Elsewhere, Fetch, FetchTimeouts, Fetched, Get, Helpers, Kv, Random,
};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::disk::{Disk, Map, Model};
use crate::images::{LATE, Origin};
use crate::operations::Book;

const STATISTICS: [&str; 7] = [
    "b1:s:ready",
    "b1:s:pending",
    "b1:s:failed",
    "b1:s:original-bytes",
    "b1:s:stored-bytes",
    "b1:s:repacked",
    "b1:s:saved-bytes",
];

const GENERATION: &str = "b1:s:generation";

/// A failure of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The number of the call that fails, from 0.
    pub at: u32,
    pub kind: FaultKind,
}

/// How the store fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// One call fails and has no effect.
    Undone,
    /// One call fails but has its effect.
    Done,
    /// From then on every write fails, as after a failed commit of the embedded store.
    Dead,
}

/// What a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// To make a call of the store.
    Call(&'static str, Key),
    /// For a write to become durable.
    Durable(Key),
    /// Until a time.
    Sleep(u64),
}

/// A task that waits.
#[derive(Debug)]
pub struct Waiting {
    pub id: u64,
    pub task: usize,
    pub wait: Wait,
    granted: bool,
    waker: Waker,
}

/// What a task was told, as a hash.
#[derive(Debug, Default)]
struct Answers {
    sum: u64,
    /// How often it asked the same question.
    times: HashMap<u64, u64>,
}

#[derive(Debug)]
struct Shared {
    disk: RefCell<Disk>,
    now: Cell<u64>,
    /// Whether a schedule decides which task goes on; if not, every task goes on at once.
    scheduled: Cell<bool>,
    generation: Cell<Option<u64>>,
    waiting: RefCell<Vec<Waiting>>,
    tickets: Cell<u64>,
    calls: Cell<u32>,
    fault: Cell<Option<Fault>>,
    asked: RefCell<BTreeMap<String, u32>>,
    /// What each task was told so far, as a hash: this decides what it does next.
    told: RefCell<BTreeMap<usize, Answers>>,
    salt: u64,
    drawn: RefCell<BTreeMap<usize, u64>>,
    /// What the webhook's receiver got: images, and what they were said to be.
    posted: RefCell<BTreeSet<(ImageId, String)>>,
    /// Where the receiver notes it, too, in a run.
    book: RefCell<Option<Book>>,
}

/// One task's handle on the world.
#[derive(Clone, Debug)]
pub struct World {
    shared: Rc<Shared>,
    task: usize,
}

impl World {
    /// A world whose store holds `map`, and which goes on in the generation of that store. Worlds with different salts
    /// draw different random numbers.
    pub fn new(model: Model, map: Map, now: u64, salt: u64) -> Self {
        let generation = (model == Model::Embedded).then(|| map.count(GENERATION).cast_unsigned());
        let shared = Shared {
            disk: RefCell::new(Disk::new(model, map)),
            now: Cell::new(now),
            scheduled: Cell::new(false),
            generation: Cell::new(generation),
            waiting: RefCell::default(),
            tickets: Cell::new(0),
            calls: Cell::new(0),
            fault: Cell::new(None),
            asked: RefCell::default(),
            told: RefCell::default(),
            salt,
            drawn: RefCell::default(),
            posted: RefCell::default(),
            book: RefCell::default(),
        };
        Self { shared: Rc::new(shared), task: 0 }
    }

    /// Opens the store as a new process: where one process at a time can have it open, a new generation begins.
    pub fn open(&self) {
        if self.model() == Model::Embedded {
            let generation = self.shared.disk.borrow_mut().increment(GENERATION, 1);
            self.shared.generation.set(Some(generation.cast_unsigned()));
        }
    }

    /// The generation of the store, if one process at a time can have it open.
    pub fn generation(&self) -> Option<u64> {
        self.shared.generation.get()
    }

    /// From now on the webhook's receiver notes in this book what it gets: a crash does not end the receiver.
    pub fn note_posts(&self, book: &Book) {
        self.shared.book.replace(Some(book.clone()));
    }

    /// What the webhook's receiver got.
    pub fn posted(&self) -> BTreeSet<(ImageId, String)> {
        self.shared.posted.borrow().clone()
    }

    /// The same world for another task.
    pub fn for_task(&self, task: usize) -> Self {
        Self { shared: self.shared.clone(), task }
    }

    /// From now on a schedule decides which task goes on.
    pub fn schedule(&self, fault: Option<Fault>) {
        self.shared.scheduled.set(true);
        self.shared.fault.set(fault);
    }

    /// The waiting tasks, in the order in which they began to wait.
    pub fn waiting(&self) -> std::cell::Ref<'_, Vec<Waiting>> {
        self.shared.waiting.borrow()
    }

    /// Lets a waiting task go on.
    pub fn grant(&self, id: u64) {
        let mut waiting = self.shared.waiting.borrow_mut();
        let ticket = waiting.iter_mut().find(|ticket| ticket.id == id).expect("somebody who waits");
        ticket.granted = true;
        ticket.waker.wake_by_ref();
    }

    pub fn disk(&self) -> std::cell::Ref<'_, Disk> {
        self.shared.disk.borrow()
    }

    pub fn model(&self) -> Model {
        self.disk().model()
    }

    /// Advances the clock.
    pub fn pass(&self, milliseconds: u64) {
        self.set_clock(self.now() + milliseconds);
    }

    /// Sets the clock, forward or back.
    pub fn set_clock(&self, now: u64) {
        self.shared.now.set(now);
    }

    /// How many calls of the store were made so far.
    pub fn calls(&self) -> u32 {
        self.shared.calls.get()
    }

    /// Whether the store was told to fail.
    pub fn is_faulty(&self) -> bool {
        self.shared.fault.get().is_some()
    }

    /// Equal for worlds in which the same can follow: the same store, time, and answers to every task.
    pub fn fingerprint(&self) -> u64 {
        let start = self.disk().fingerprint() ^ self.shared.now.get().rotate_left(32);
        self.shared
            .told
            .borrow()
            .iter()
            .fold(start, |sum, (task, told)| xxh3_64_with_seed(&told.sum.to_le_bytes(), sum.wrapping_add(*task as u64)))
    }

    fn turn(&self, wait: Wait) -> Turn {
        Turn { world: self.clone(), wait: Some(wait), id: None }
    }

    /// Records what this task was told when it asked for something.
    fn remember(&self, what: &str, of: u64, told: u64) {
        let mut all = self.shared.told.borrow_mut();
        let task = all.entry(self.task).or_default();
        let what = xxh3_64_with_seed(what.as_bytes(), of);
        let times = task.times.entry(what).or_default();
        *times += 1;
        let seed = told ^ self.now().rotate_left(32);
        // A sum, because the order of concurrent calls within a task does not matter.
        task.sum = task.sum.wrapping_add(xxh3_64_with_seed(&[what, *times].map(u64::to_le_bytes).concat(), seed));
    }

    /// Makes one call of the store when its turn comes, or makes it fail. `told` hashes the answer.
    async fn call<T>(
        &self,
        verb: &'static str,
        key: &Key,
        writes: bool,
        effect: impl FnOnce(&mut Disk) -> T,
        told: impl FnOnce(&T) -> u64,
    ) -> Result<T, KvError> {
        self.turn(Wait::Call(verb, key.clone())).await;
        let number = self.shared.calls.get();
        self.shared.calls.set(number + 1);
        let fault = self.shared.fault.get().filter(|fault| match fault.kind {
            FaultKind::Undone | FaultKind::Done => fault.at == number,
            FaultKind::Dead => writes && fault.at <= number,
        });
        if fault.is_none_or(|fault| fault.kind == FaultKind::Done) {
            let result = effect(&mut self.shared.disk.borrow_mut());
            if fault.is_none() {
                self.remember(verb, hash(key), told(&result));
                return Ok(result);
            }
        }
        self.remember("failed", hash(key), 0);
        Err(KvError(format!("{verb} {key}: told to fail")))
    }

    async fn write(&self, verb: &'static str, key: &Key, value: Option<Vec<u8>>) -> Result<(), KvError> {
        let durable = self.call(verb, key, true, |disk| disk.write(key.as_str(), value), |_| 0).await?;
        if let Some(count) = durable {
            self.turn(Wait::Durable(key.clone())).await;
            self.shared.disk.borrow_mut().commit(count);
            self.remember("durable", hash(key), 0);
        }
        Ok(())
    }
}

fn hash(key: &Key) -> u64 {
    xxh3_64_with_seed(key.as_str().as_bytes(), 0)
}

/// Waits until the schedule lets the task go on.
struct Turn {
    world: World,
    wait: Option<Wait>,
    id: Option<u64>,
}

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let world = self.world.clone();
        if !world.shared.scheduled.get() {
            return Poll::Ready(());
        }
        let mut waiting = world.shared.waiting.borrow_mut();
        if let Some(wait) = self.wait.take() {
            let id = world.shared.tickets.get();
            world.shared.tickets.set(id + 1);
            self.id = Some(id);
            waiting.push(Waiting { id, task: world.task, wait, granted: false, waker: context.waker().clone() });
            return Poll::Pending;
        }
        let Some(at) = waiting.iter().position(|ticket| Some(ticket.id) == self.id) else { return Poll::Ready(()) };
        if waiting[at].granted {
            waiting.remove(at);
            return Poll::Ready(());
        }
        waiting[at].waker.clone_from(context.waker());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.world.shared.waiting.borrow_mut().retain(|ticket| ticket.id != id);
        }
    }
}

impl Kv for World {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, KvError> {
        let read = |disk: &mut Disk| disk.get(key.as_str()).map(<[u8]>::to_vec);
        self.call("get", key, false, read, |value| {
            value.as_ref().map_or(3, |value| xxh3_64_with_seed(value.get(..4096).unwrap_or(value), 4))
        })
        .await
    }

    async fn set(&self, key: &Key, value: Vec<u8>) -> Result<(), KvError> {
        self.write("set", key, Some(value)).await
    }

    async fn delete(&self, key: &Key) -> Result<(), KvError> {
        self.write("delete", key, None).await
    }

    async fn increment(&self, key: &Key, delta: i64) -> Result<i64, KvError> {
        let verb = match delta {
            0 => "count",
            1.. => "add",
            _ => "subtract",
        };
        let add = |disk: &mut Disk| disk.increment(key.as_str(), delta);
        // No task uses the sum of a statistic.
        let statistic = delta != 0 && STATISTICS.contains(&key.as_str());
        self.call(verb, key, delta != 0, add, |sum| if statistic { 0 } else { sum.cast_unsigned() }).await
    }

    async fn keys(&self, mut each: impl FnMut(&str)) -> Result<(), KvError> {
        self.disk().latest().iter().for_each(|(key, _)| each(key));
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> u64 {
        self.shared.now.get()
    }

    async fn sleep(&self, time: Duration) {
        let until = self.now() + u64::try_from(time.as_millis()).unwrap();
        self.turn(Wait::Sleep(until)).await;
        self.shared.now.set(self.now().max(until));
        self.remember("slept", until, 0);
    }

    /// Does nothing: between two calls of the store nothing is shared, so a task that would run here may as well run
    /// before.
    async fn yield_now(&self) {}
}

impl Random for World {
    fn ten_bytes(&self) -> [u8; 10] {
        let mut drawn = self.shared.drawn.borrow_mut();
        let count = drawn.entry(self.task).or_default();
        *count += 1;
        let seed = self.shared.salt.wrapping_mul(1009).wrapping_add(self.task as u64);
        let bytes = xxh3_128_with_seed(&count.to_le_bytes(), seed).to_le_bytes();
        std::array::from_fn(|n| bytes[n])
    }
}

/// How long a slow origin takes for each piece: longer than a worker waits before it tells how far it has come.
const SLOW: Duration = Duration::from_secs(3);

/// A body in pieces.
#[derive(Debug)]
pub struct Body {
    bytes: &'static [u8],
    breaks_off: bool,
    /// The world whose time passes before each piece, if it does.
    slow: Option<World>,
}

impl Body {
    pub fn whole(bytes: &'static [u8]) -> Self {
        Self { bytes, breaks_off: false, slow: None }
    }
}

impl ByteSource for Body {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if let Some(world) = &self.slow {
            world.sleep(SLOW).await;
        }
        let (piece, rest) = self.bytes.split_at(self.bytes.len().min(100_000));
        self.bytes = rest;
        match piece {
            [] if self.breaks_off => Err(FetchError::Unreachable("told to break off".into()).into()),
            [] => Ok(None),
            piece => Ok(Some(piece.to_vec())),
        }
    }
}

impl Helpers for World {
    async fn pack_elsewhere(&self, _: &[u8]) -> Option<Vec<u8>> {
        None
    }

    async fn draw_elsewhere(&self, _: ImageId, _: Drawing) -> Option<Elsewhere> {
        None
    }
}

impl Fetch for World {
    type Body = Body;

    async fn fetch(&self, Get { url, .. }: Get<'_>) -> Result<Fetched<Body>, FetchError> {
        let times = {
            let mut asked = self.shared.asked.borrow_mut();
            let times = asked.entry(url.to_string()).or_default();
            *times += 1;
            *times
        };
        self.remember("fetched", 0, times.into());
        let (status, body) = match Origin::of(url.path()) {
            Origin::Flaky(_) if times == 1 => return Err(FetchError::Unreachable("told to be flaky".into())),
            Origin::Late(_) if self.now() < LATE => return Err(FetchError::Unreachable("told to be late".into())),
            Origin::Good(image) | Origin::Flaky(image) | Origin::Late(image) => (200, Body::whole(image)),
            Origin::Slow(image) => (200, Body { slow: Some(self.clone()), ..Body::whole(image) }),
            Origin::Cut(image) => (200, Body { breaks_off: true, ..Body::whole(&image[..image.len() / 2]) }),
            Origin::Page => (200, Body::whole(b"<!doctype html><title>no image</title>")),
            Origin::Missing => (404, Body::whole(b"")),
        };
        Ok(Fetched { status, location: None, content_encoding: None, content_length: None, retry_after: None, body })
    }

    async fn post(
        &self,
        _: &url::Url,
        _: &[(&'static str, String)],
        body: Vec<u8>,
        _: FetchTimeouts,
    ) -> Result<(u16, Option<String>), FetchError> {
        self.remember("posted", 0, 0);
        let message: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let text = |value: &serde_json::Value| value.as_str().expect("a text").to_owned();
        let posted = (ImageId::parse(&text(&message["data"]["id"])).expect("an id"), text(&message["type"]));
        if let Some(book) = &*self.shared.book.borrow() {
            book.borrow_mut().posted.insert(posted.clone());
        }
        self.shared.posted.borrow_mut().insert(posted);
        Ok((204, None))
    }
}
