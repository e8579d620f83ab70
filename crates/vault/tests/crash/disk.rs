//! Models a store: when it acknowledges a write, and which writes a crash may take back.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::rc::Rc;

use burrow_model::envelope::decode;
use burrow_model::key::{Durability, Family, Key, Kind};
use burrow_model::record::Manifest;
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

impl Write {
    /// Adds it to the chunks of blobs without a manifest, or takes from them those that its manifest completes.
    fn note(&self, unfinished: &mut BTreeSet<Rc<str>>) {
        match (Kind::of(&self.key), &self.value) {
            (Some(Kind::Chunk(..)), Some(_)) => {
                unfinished.insert(self.key.clone());
            }
            (Some(Kind::Chunk(..)), None) => {
                unfinished.remove(&self.key);
            }
            (Some(Kind::Manifest(blob)), Some(value)) => {
                let manifest = decode::<Manifest>(&Key::manifest(blob), &value.bytes).unwrap();
                let place = manifest.place(blob);
                unfinished.retain(|key| !matches!(Kind::of(key), Some(Kind::Chunk(id, _)) if id == place));
            }
            _ => {}
        }
    }
}

/// A map that a crash may leave.
#[derive(Clone, Debug)]
pub struct Survivor {
    pub map: Map,
    /// How many writes it has that nobody waited for.
    kept: usize,
    /// How many chunks it lacks that were written before those. Where blobs are in a bucket, a chunk is durable only
    /// with the manifest of its blob.
    lost: usize,
}

impl Survivor {
    /// The same without chunks of blobs that have no manifest, if there are any.
    fn without(&self, unfinished: &BTreeSet<Rc<str>>) -> Option<Self> {
        let mut lesser = Self { lost: unfinished.len(), ..self.clone() };
        for chunk in unfinished {
            lesser.map.apply(chunk, None);
        }
        (lesser.lost > 0).then_some(lesser)
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "crash, keeping {} writes that nobody waited for", self.kept)?;
        if self.lost > 0 {
            write!(f, ", and losing {} chunks of blobs without a manifest", self.lost)?;
        }
        Ok(())
    }
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
    /// The chunks in it whose blobs have no manifest.
    unfinished: BTreeSet<Rc<str>>,
    /// The map after all writes.
    latest: Map,
    /// The map that `get` sees.
    visible: Map,
}

impl Disk {
    pub fn new(model: Model, map: Map) -> Self {
        Self {
            model,
            log: Vec::new(),
            durable: 0,
            kept: map.clone(),
            unfinished: BTreeSet::new(),
            latest: map.clone(),
            visible: map,
        }
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
            write.note(&mut self.unfinished);
            if !write.seen {
                self.visible.apply(&write.key, write.value.clone());
            }
            self.durable += 1;
        }
    }

    /// Every map that a crash may leave now: the durable writes, and then one more write each time; and each of these
    /// without the chunks that a bucket would not have.
    pub fn survivors(&self) -> Vec<Survivor> {
        let (mut all, mut unfinished) = (Vec::new(), self.unfinished.clone());
        let mut next = Survivor { map: self.kept.clone(), kept: 0, lost: 0 };
        for write in &self.log[self.durable..] {
            all.extend(next.without(&unfinished));
            all.push(next.clone());
            next.map.apply(&write.key, write.value.clone());
            next.kept += 1;
            write.note(&mut unfinished);
        }
        all.extend(next.without(&unfinished));
        all.push(next);
        all
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
