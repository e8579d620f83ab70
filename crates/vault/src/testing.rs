//! The world of unit tests: a store in memory, scripted origins, a clock.
//!
//! The clock advances when every task waits.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc, reason = "used by tests alone")]

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use burrow_model::error::FetchError;
use burrow_model::error::{Error, KvError};
use burrow_model::key::{ImageId, Key};
use futures::task::{ArcWake, waker};

use crate::codec::gzip::Pack;
use crate::ports::{ByteSource, Clock, Drawing, Elsewhere, Fetch, FetchTimeouts, Fetched, Get, Helpers, Kv, Random};
use crate::vault::{HostFacts, Vault, VaultSettings};

/// The time at which tests begin, in milliseconds since 1970: 2027-01-15T08:00:00Z.
pub const BEGINNING: u64 = 1_800_000_000_000;

/// An origin's answer: status, `Retry-After`, body.
pub type Answer = (u16, Option<&'static str>, &'static [u8]);

/// A GIF of one pixel.
pub const IMAGE: Answer = (200, None, b"GIF89a\x01\0\x01\0\0\0\0;");

/// What was posted: when, in milliseconds since 1970; headers; body.
pub type Posted = (u64, Vec<(&'static str, String)>, Vec<u8>);

/// The world; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct World(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    values: RefCell<BTreeMap<String, Vec<u8>>>,
    calls: Cell<u64>,
    passed: Cell<u64>,
    /// How long the work takes between two places at which it lets other tasks run, in milliseconds.
    steps_take: Cell<u64>,
    sleeping: RefCell<Vec<(u64, Waker)>>,
    drawn: Cell<u64>,
    /// The next answers of origins, in order. When there is no other, they serve [`IMAGE`].
    answers: RefCell<VecDeque<Answer>>,
    /// When origins were asked, in milliseconds since the beginning.
    asked: RefCell<Vec<u64>>,
    /// The statuses with which the webhook's receiver answers next; 0 if it cannot be reached. When there is no other, it
    /// answers 204.
    receiver: RefCell<VecDeque<u16>>,
    /// What the receiver got: when, headers and body.
    posted: RefCell<Vec<Posted>>,
    /// How many blocks helpers were asked to pack.
    helped: Cell<u64>,
    /// The outcome when a helper is asked to draw.
    draws_elsewhere: Cell<Option<Elsewhere>>,
}

impl World {
    /// A vault in this world.
    pub fn vault(&self) -> Vault<Self> {
        Vault::new(self.clone(), VaultSettings::default())
    }

    /// A vault in this world, whose store was opened for this time.
    pub fn opened(&self, generation: u64) -> Vault<Self> {
        let host = HostFacts { generation: Some(generation), ..HostFacts::default() };
        Vault::new(self.clone(), VaultSettings { host, ..VaultSettings::default() })
    }

    /// Advances the clock.
    pub fn pass(&self, milliseconds: u64) {
        self.0.passed.set(self.0.passed.get() + milliseconds);
    }

    /// Lets each step of work take so many milliseconds; 0 to begin with.
    pub fn steps_take(&self, milliseconds: u64) {
        self.0.steps_take.set(milliseconds);
    }

    /// Sets the clock back to the beginning.
    pub fn set_back(&self) {
        self.0.passed.set(0);
    }

    /// Adds answers that origins give next.
    pub fn answers(&self, answers: impl IntoIterator<Item = Answer>) {
        self.0.answers.borrow_mut().extend(answers);
    }

    /// When origins were asked, in milliseconds since the beginning.
    pub fn asked(&self) -> Vec<u64> {
        self.0.asked.borrow().clone()
    }

    /// Adds statuses with which the webhook's receiver answers next.
    pub fn receives_with(&self, statuses: impl IntoIterator<Item = u16>) {
        self.0.receiver.borrow_mut().extend(statuses);
    }

    /// What the webhook's receiver got since the last call.
    pub fn posted(&self) -> Vec<Posted> {
        self.0.posted.take()
    }

    /// How many blocks helpers were asked to pack.
    pub fn helped(&self) -> u64 {
        self.0.helped.get()
    }

    /// Sets the outcome when a helper is asked to draw.
    pub fn draws_elsewhere(&self, what: Option<Elsewhere>) {
        self.0.draws_elsewhere.set(what);
    }

    /// Changes or damages a stored value.
    pub fn store(&self, key: &Key, value: &[u8]) {
        self.store_at(key.as_str(), value);
    }

    /// How many calls of the store were made.
    pub fn calls(&self) -> u64 {
        self.0.calls.get()
    }

    fn count_call(&self) {
        self.0.calls.set(self.0.calls.get() + 1);
    }

    /// A stored value.
    pub fn value(&self, key: &str) -> Vec<u8> {
        self.0.values.borrow().get(key).cloned().expect("a value")
    }

    /// Changes or damages a stored value.
    pub fn store_at(&self, key: &str, value: &[u8]) {
        self.0.values.borrow_mut().insert(key.to_owned(), value.to_vec());
    }

    /// Deletes a stored value.
    pub fn forget(&self, key: &str) {
        self.0.values.borrow_mut().remove(key);
    }

    /// The keys that begin with a prefix.
    pub fn keys_of(&self, prefix: &str) -> Vec<String> {
        self.0.values.borrow().keys().filter(|key| key.starts_with(prefix)).cloned().collect()
    }

    /// Runs to the end. When every task waits, the clock advances to the first time for which one waits.
    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        let woken = Arc::new(Woken(AtomicBool::new(true)));
        let waker = waker(woken.clone());
        loop {
            while woken.0.swap(false, Ordering::Relaxed) {
                if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
                    return done;
                }
            }
            let first = self.0.sleeping.borrow().iter().map(|(until, _)| *until).min();
            let now = first.expect("the work does not come to an end").max(self.now());
            self.0.passed.set(now - BEGINNING);
            self.0.sleeping.borrow_mut().retain(|(until, waker)| {
                waker.wake_by_ref();
                *until > now
            });
        }
    }
}

struct Woken(AtomicBool);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.store(true, Ordering::Relaxed);
    }
}

impl Kv for World {
    async fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, KvError> {
        self.count_call();
        Ok(self.0.values.borrow().get(key.as_str()).cloned())
    }

    async fn set(&self, key: &Key, value: Vec<u8>) -> Result<(), KvError> {
        self.count_call();
        self.store(key, &value);
        Ok(())
    }

    async fn delete(&self, key: &Key) -> Result<(), KvError> {
        self.count_call();
        self.0.values.borrow_mut().remove(key.as_str());
        Ok(())
    }

    async fn increment(&self, key: &Key, delta: i64) -> Result<i64, KvError> {
        self.count_call();
        let mut values = self.0.values.borrow_mut();
        let old = values.get(key.as_str()).map_or(0, |value| i64::from_le_bytes(value[..].try_into().unwrap()));
        if delta != 0 {
            values.insert(key.to_string(), (old + delta).to_le_bytes().to_vec());
        }
        Ok(old + delta)
    }

    async fn keys(&self, each: impl FnMut(&str)) -> Result<(), KvError> {
        self.0.values.borrow().keys().map(String::as_str).for_each(each);
        Ok(())
    }
}

impl Clock for World {
    fn now(&self) -> u64 {
        BEGINNING + self.0.passed.get()
    }

    async fn sleep(&self, time: Duration) {
        let until = self.now() + u64::try_from(time.as_millis()).unwrap();
        std::future::poll_fn(|context| {
            if self.now() >= until {
                return Poll::Ready(());
            }
            self.0.sleeping.borrow_mut().push((until, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    async fn yield_now(&self) {
        let took = self.0.steps_take.get();
        if took == 0 {
            return;
        }
        self.pass(took);
        let mut has_waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut has_waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

impl Random for World {
    fn ten_bytes(&self) -> [u8; 10] {
        let drawn = self.0.drawn.get() + 1;
        self.0.drawn.set(drawn);
        let [.., least] = drawn.to_be_bytes();
        let mut bytes = [least; 10];
        bytes[2..].copy_from_slice(&drawn.to_be_bytes());
        bytes
    }
}

/// A body in one piece.
#[derive(Debug)]
pub struct Whole(Option<Vec<u8>>);

impl Whole {
    /// A body that comes in one piece.
    pub fn new(bytes: &[u8]) -> Self {
        Self(Some(bytes.to_vec()).filter(|bytes| !bytes.is_empty()))
    }
}

impl ByteSource for Whole {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.take())
    }
}

impl Helpers for World {
    /// Takes longer the earlier it is asked, and fails for every fifth block.
    async fn pack_elsewhere(&self, block: &[u8]) -> Option<Vec<u8>> {
        let number = self.0.helped.get();
        self.0.helped.set(number + 1);
        self.sleep(Duration::from_millis(10 * (8 - number % 8))).await;
        let (mut pack, mut rest) = (Pack::default(), block);
        while !rest.is_empty() {
            rest = pack.push(rest).unwrap();
        }
        pack.finish().ok().filter(|_| number % 5 != 4)
    }

    async fn draw_elsewhere(&self, _: ImageId, _: Drawing) -> Option<Elsewhere> {
        self.0.draws_elsewhere.get()
    }
}

impl Fetch for World {
    type Body = Whole;

    async fn fetch(&self, _: Get<'_>) -> Result<Fetched<Whole>, FetchError> {
        self.0.asked.borrow_mut().push(self.0.passed.get());
        let (status, retry_after, body) = self.0.answers.borrow_mut().pop_front().unwrap_or(IMAGE);
        let retry_after = retry_after.map(str::to_owned);
        Ok(Fetched {
            status,
            location: None,
            content_encoding: None,
            content_length: None,
            retry_after,
            body: Whole::new(body),
        })
    }

    async fn post(
        &self,
        _: &url::Url,
        headers: &[(&'static str, String)],
        body: Vec<u8>,
        _: FetchTimeouts,
    ) -> Result<(u16, Option<String>), FetchError> {
        let status = self.0.receiver.borrow_mut().pop_front().unwrap_or(204);
        if status == 0 {
            return Err(FetchError::Unreachable("nobody is there".into()));
        }
        self.0.posted.borrow_mut().push((self.now(), headers.to_vec(), body));
        Ok((status, None))
    }
}
