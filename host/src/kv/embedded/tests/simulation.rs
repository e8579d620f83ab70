//! A simulated disk that can lose unsynced writes, run full, stall and fail.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use redb::StorageBackend;

use super::super::disk::Disk;
use super::super::file;

#[derive(Clone, Debug, Default)]
pub(super) struct Simulated {
    state: Arc<Mutex<SimulatedFile>>,
    /// Held while syncs stall.
    stalled: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
pub(super) struct SimulatedFile {
    /// The bytes that reads return.
    bytes: Vec<u8>,
    /// The bytes that survive a power cut for certain.
    synced: Vec<u8>,
    /// The changes since the last sync.
    unsynced: Vec<Change>,
    /// The error of every write, change of length and sync; of every read too if the flag is true.
    broken: Option<(ErrorKind, bool)>,
    /// Operations until `broken` is set, and its error.
    countdown: Option<(u64, ErrorKind)>,
    syncs: u64,
    watcher: Option<Watcher>,
}

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    SetLen(usize),
}

impl Change {
    fn apply(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Write(offset, data) => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(data);
            }
            Self::SetLen(len) => bytes.resize(*len, 0),
        }
    }
}

impl Simulated {
    /// A disk with a new store.
    pub(super) fn new() -> Self {
        let disk = Self::default();
        file::initialize(disk.disk()).unwrap();
        disk
    }

    pub(super) fn disk(&self) -> Disk {
        Disk(Arc::new(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, SimulatedFile> {
        self.state.lock().unwrap()
    }

    /// From now on fails every change of the disk, and reads too if the flag is true; `None` ends the failure.
    pub(super) fn fail(&self, how: Option<(ErrorKind, bool)>) {
        let mut state = self.lock();
        (state.broken, state.countdown) = (how, None);
    }

    /// Fails every change of the disk after this many more changes.
    pub(super) fn fail_after(&self, operations: u64, how: ErrorKind) {
        self.lock().countdown = Some((operations, how));
    }

    /// Stalls syncs until the returned guard is dropped.
    pub(super) fn stall(&self) -> MutexGuard<'_, ()> {
        self.stalled.lock().unwrap()
    }

    pub(super) fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// The disk after a power cut at this moment: each sector of each unsynced write is there or not, as `coin` says.
    pub(super) fn cut(&self, coin: impl FnMut() -> bool) -> Self {
        self.lock().cut(coin)
    }

    /// Calls `watcher` before each operation that changes the disk.
    pub(super) fn watch(&self, watcher: impl FnMut(&SimulatedFile) + Send + 'static) {
        self.lock().watcher = Some(Watcher(Box::new(watcher)));
    }
}

struct Watcher(Box<dyn FnMut(&SimulatedFile) + Send>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

impl SimulatedFile {
    /// [`Simulated::cut`].
    pub(super) fn cut(&self, mut coin: impl FnMut() -> bool) -> Simulated {
        let mut bytes = self.synced.clone();
        for change in &self.unsynced {
            match change {
                Change::Write(offset, data) => {
                    for (n, sector) in data.chunks(512).enumerate() {
                        if coin() {
                            Change::Write(offset + n * 512, sector.into()).apply(&mut bytes);
                        }
                    }
                }
                // A file's length reaches the disk with its journal, in order, or not at all.
                Change::SetLen(_) if coin() => change.apply(&mut bytes),
                Change::SetLen(_) => {}
            }
        }
        let state = Self { synced: bytes.clone(), bytes, ..Self::default() };
        Simulated { state: Arc::new(Mutex::new(state)), stalled: Arc::default() }
    }

    fn change(&mut self) -> Result<()> {
        if let Some(mut watcher) = self.watcher.take() {
            (watcher.0)(self);
            self.watcher = Some(watcher);
        }
        if let Some((left, how)) = self.countdown {
            self.countdown = left.checked_sub(1).map(|left| (left, how));
            if left == 0 {
                self.broken = Some((how, false));
            }
        }
        self.broken.map_or(Ok(()), |(how, _)| Err(Error::from(how)))
    }
}

impl StorageBackend for Simulated {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        if let Some((how, true)) = state.broken {
            return Err(how.into());
        }
        let offset = usize::try_from(offset).unwrap();
        let bytes = state.bytes.get(offset..offset + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.lock();
        state.change()?;
        let change = Change::SetLen(usize::try_from(len).unwrap());
        change.apply(&mut state.bytes);
        state.unsynced.push(change);
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        drop(self.stall());
        let mut state = self.lock();
        if let Err(error) = state.change() {
            // As on Linux: unwritten pages count as written from now on, and can still be read.
            state.unsynced.clear();
            return Err(error);
        }
        state.syncs += 1;
        let SimulatedFile { synced, unsynced, .. } = &mut *state;
        unsynced.drain(..).for_each(|change| change.apply(synced));
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.lock();
        state.change()?;
        let change = Change::Write(usize::try_from(offset).unwrap(), data.into());
        change.apply(&mut state.bytes);
        state.unsynced.push(change);
        Ok(())
    }
}

/// xorshift64: good enough for random choices, and repeatable from its seed.
pub(super) struct Random(pub(super) u64);

impl Random {
    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 8) % limit
    }
}

/// The seed of a run, which it prints: that of the variable `BURROW_SEED`, or a new one.
pub(super) fn seed() -> u64 {
    let given = std::env::var("BURROW_SEED").ok().and_then(|seed| seed.parse().ok());
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    let seed = given.unwrap_or(u64::try_from(clock % 1_000_000_007).unwrap() + 1);
    println!("BURROW_SEED={seed}");
    seed
}
