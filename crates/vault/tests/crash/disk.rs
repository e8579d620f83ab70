//! Models a store: when it acknowledges a write, and which writes a crash may take back.

use std::collections::BTreeMap;
use std::rc::Rc;

use burrow_model::key::{Durability, Family};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// When a store acknowledges writes and makes them durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Model {
    /// The embedded store of the native host: writes land in the order in which they began. A `set` or `delete` of
    /// [`Durability::Acknowledged`] is acknowledged, and seen, once it is durable; every other write at once, durable
    /// or not.
    Embedded,
    /// Spin's own store: every write is durable, and seen, when it is acknowledged.
    Immediate,
}

/// A value with its hash, so that comparing maps is cheap.
#[derive(Clone, Debug)]
pub struct Value {
    bytes: Rc<[u8]>,
    hash: u64,
}

impl Value {
    fn new(bytes: Vec<u8>) -> Self {
        Self { hash: xxh3_64_with_seed(&bytes, 1), bytes: bytes.into() }
    }
}

/// Keys and values, with a fingerprint of all of them.
#[derive(Clone, Debug, Default)]
pub struct Map {
    entries: BTreeMap<Rc<str>, Value>,
    fingerprint: u64,
}

impl Map {
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.entries.get(key).map(|value| &*value.bytes)
    }

    /// A counter's value; 0 if it is absent.
    pub fn count(&self, key: &str) -> i64 {
        self.get(key).map_or(0, |bytes| i64::from_le_bytes(bytes.try_into().expect("a counter has 8 bytes")))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.entries.iter().map(|(key, value)| (&**key, &*value.bytes))
    }

    /// Equal for equal maps, and different for different maps, except for one in 2^64.
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }

    fn apply(&mut self, key: &Rc<str>, value: Option<Value>) {
        let mark = |value: &Value| xxh3_64_with_seed(key.as_bytes(), value.hash);
        let added = value.as_ref().map_or(0, mark);
        let old = match value {
            Some(value) => self.entries.insert(key.clone(), value),
            None => self.entries.remove(key),
        };
        let removed = old.as_ref().map_or(0, mark);
        self.fingerprint = self.fingerprint.wrapping_add(added).wrapping_sub(removed);
    }
}

#[derive(Debug)]
struct Write {
    key: Rc<str>,
    value: Option<Value>,
    /// Whether it was seen before it was durable.
    seen: bool,
}

/// A running store.
#[derive(Debug)]
pub struct Disk {
    model: Model,
    /// The writes that began, in order.
    log: Vec<Write>,
    /// How many of them are known to be durable.
    durable: usize,
    /// The map after the durable writes.
    kept: Map,
    /// The map after all writes.
    latest: Map,
    /// The map that `get` sees.
    visible: Map,
}

impl Disk {
    pub fn new(model: Model, map: Map) -> Self {
        Self { model, log: Vec::new(), durable: 0, kept: map.clone(), latest: map.clone(), visible: map }
    }

    pub fn model(&self) -> Model {
        self.model
    }

    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.visible.get(key)
    }

    /// Begins a write. If it returns a number, the writer waits until that many writes are durable.
    pub fn write(&mut self, key: &str, value: Option<Vec<u8>>) -> Option<usize> {
        let waits = self.model == Model::Embedded && Family::durability_of(key) == Durability::Acknowledged;
        self.begin(key, value, !waits);
        waits.then_some(self.log.len())
    }

    pub fn increment(&mut self, key: &str, delta: i64) -> i64 {
        let sum = self.latest.count(key) + delta;
        // Spin writes even if `delta` is 0.
        if delta != 0 || self.model == Model::Immediate {
            self.begin(key, Some(sum.to_le_bytes().to_vec()), true);
        }
        sum
    }

    fn begin(&mut self, key: &str, value: Option<Vec<u8>>, seen: bool) {
        let (key, value) = (Rc::from(key), value.map(Value::new));
        self.latest.apply(&key, value.clone());
        if seen {
            self.visible.apply(&key, value.clone());
        }
        self.log.push(Write { key, value, seen });
        if self.model == Model::Immediate {
            self.commit(self.log.len());
        }
    }

    /// Makes the first `count` writes durable.
    pub fn commit(&mut self, count: usize) {
        while self.durable < count {
            let write = &self.log[self.durable];
            self.kept.apply(&write.key, write.value.clone());
            if !write.seen {
                self.visible.apply(&write.key, write.value.clone());
            }
            self.durable += 1;
        }
    }

    /// Every map that a crash may leave now: the durable writes, and then one more write each time.
    pub fn survivors(&self) -> impl Iterator<Item = Map> {
        let mut map = self.kept.clone();
        let rest = self.log[self.durable..].iter().map(move |write| {
            map.apply(&write.key, write.value.clone());
            map.clone()
        });
        std::iter::once(self.kept.clone()).chain(rest)
    }

    /// The map once every write is durable.
    pub fn latest(&self) -> &Map {
        &self.latest
    }

    /// Equal for stores that their users cannot tell apart, whatever is durable.
    pub fn fingerprint(&self) -> u64 {
        self.latest.fingerprint.rotate_left(1) ^ self.visible.fingerprint.rotate_left(2)
    }
}
