//! A simulated disk that can lose unsynced writes, run full, stall and fail. It holds a store's redb file, and the files
//! of its blobs.

use std::collections::BTreeMap;
use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, MutexGuard};

use burrow_model::key::BlobId;
use redb::StorageBackend;

use super::super::disk::Disk;
use super::super::tables;
use crate::blobs::{BlobFile, BlobStore, Blobs};

#[derive(Clone, Debug, Default)]
pub(super) struct Simulated {
    state: Arc<Mutex<SimulatedDisk>>,
    /// Held while syncs stall.
    stalled: Arc<Mutex<()>>,
}

#[derive(Debug, Default)]
pub(super) struct SimulatedDisk {
    /// The redb file, and all files of blobs that ever were.
    vault: SimulatedFile,
    files: Vec<SimulatedFile>,
    /// Which of the files blobs have now; which they have after a power cut for certain; and what changed since the
    /// directory was last synced.
    names: BTreeMap<BlobId, usize>,
    synced_names: BTreeMap<BlobId, usize>,
    unsynced_names: Vec<(BlobId, Option<usize>)>,
    /// The error of every write, change of length and sync; of every read too if the flag is true.
    broken: Option<(ErrorKind, bool)>,
    /// Operations until `broken` is set, and its error.
    countdown: Option<(u64, ErrorKind)>,
    syncs: u64,
    watcher: Option<Watcher>,
}

#[derive(Debug, Default)]
struct SimulatedFile {
    /// The bytes that reads return.
    bytes: Vec<u8>,
    /// The bytes that survive a power cut for certain.
    synced: Vec<u8>,
    /// The changes since the last sync.
    unsynced: Vec<Change>,
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
        tables::initialize(disk.disk()).unwrap();
        disk
    }

    /// The redb file.
    pub(super) fn disk(&self) -> Disk {
        Disk(Arc::new(self.clone()))
    }

    /// The files of blobs.
    pub(super) fn blobs(&self) -> Arc<dyn BlobStore> {
        Arc::new(self.clone())
    }

    /// How many files of blobs were ever made.
    pub(super) fn made(&self) -> usize {
        self.lock().files.len()
    }

    /// The blobs that have files, and the lengths of these.
    pub(super) fn files(&self) -> BTreeMap<BlobId, usize> {
        let state = self.lock();
        state.names.iter().map(|(blob, file)| (*blob, state.files[*file].bytes.len())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, SimulatedDisk> {
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
    pub(super) fn watch(&self, watcher: impl FnMut(&SimulatedDisk) + Send + 'static) {
        self.lock().watcher = Some(Watcher(Box::new(watcher)));
    }
}

struct Watcher(Box<dyn FnMut(&SimulatedDisk) + Send>);

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watcher")
    }
}

impl SimulatedFile {
    /// The file after a power cut.
    fn cut(&self, coin: &mut impl FnMut() -> bool) -> Self {
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
        Self { synced: bytes.clone(), bytes, unsynced: Vec::new() }
    }

    fn change(&mut self, change: Change) {
        change.apply(&mut self.bytes);
        self.unsynced.push(change);
    }

    fn sync(&mut self) {
        let Self { synced, unsynced, .. } = self;
        unsynced.drain(..).for_each(|change| change.apply(synced));
    }

    fn read(&self, offset: u64, len: usize) -> Option<&[u8]> {
        let offset = usize::try_from(offset).unwrap();
        self.bytes.get(offset..offset + len)
    }
}

impl SimulatedDisk {
    /// [`Simulated::cut`].
    pub(super) fn cut(&self, mut coin: impl FnMut() -> bool) -> Simulated {
        let mut names = self.synced_names.clone();
        for (blob, file) in &self.unsynced_names {
            if coin() {
                name(&mut names, *blob, *file);
            }
        }
        let state = Self {
            vault: self.vault.cut(&mut coin),
            files: self.files.iter().map(|file| file.cut(&mut coin)).collect(),
            synced_names: names.clone(),
            names,
            ..Self::default()
        };
        Simulated { state: Arc::new(Mutex::new(state)), stalled: Arc::default() }
    }

    /// Gives a blob another file, or none.
    fn name(&mut self, blob: BlobId, file: Option<usize>) {
        name(&mut self.names, blob, file);
        self.unsynced_names.push((blob, file));
    }

    fn sync(&mut self, sync: impl FnOnce(&mut Self)) -> Result<()> {
        let changed = self.change();
        if changed.is_ok() {
            self.syncs += 1;
            sync(self);
        }
        changed
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

fn name(names: &mut BTreeMap<BlobId, usize>, blob: BlobId, file: Option<usize>) {
    match file {
        Some(file) => names.insert(blob, file),
        None => names.remove(&blob),
    };
}

impl StorageBackend for Simulated {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().vault.bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        if let Some((how, true)) = state.broken {
            return Err(how.into());
        }
        out.copy_from_slice(state.vault.read(offset, out.len()).ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.lock();
        state.change()?;
        state.vault.change(Change::SetLen(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        drop(self.stall());
        let mut state = self.lock();
        // After an error as on Linux: unwritten pages count as written from now on, and can still be read.
        let synced = state.sync(|state| state.vault.sync());
        state.vault.unsynced.clear();
        synced
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.lock();
        state.change()?;
        state.vault.change(Change::Write(usize::try_from(offset).unwrap(), data.into()));
        Ok(())
    }
}

/// An open file of a blob.
#[derive(Debug)]
struct SimulatedBlob {
    disk: Simulated,
    file: usize,
}

impl BlobStore for Simulated {
    fn open(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>> {
        let file = *self.lock().names.get(&blob).ok_or(ErrorKind::NotFound)?;
        Ok(Arc::new(SimulatedBlob { disk: self.clone(), file }))
    }

    fn make(&self, blob: BlobId) -> Result<Arc<dyn BlobFile>> {
        let mut state = self.lock();
        if !state.names.contains_key(&blob) {
            state.change()?;
            state.files.push(SimulatedFile::default());
            let file = state.files.len() - 1;
            state.name(blob, Some(file));
        }
        drop(state);
        self.open(blob)
    }

    fn delete(&self, blob: BlobId) -> Result<()> {
        let mut state = self.lock();
        state.change()?;
        if state.names.contains_key(&blob) {
            state.name(blob, None);
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        drop(self.stall());
        let mut state = self.lock();
        let synced = state.sync(|state| {
            for (blob, file) in std::mem::take(&mut state.unsynced_names) {
                name(&mut state.synced_names, blob, file);
            }
        });
        state.unsynced_names.clear();
        synced
    }

    fn list(&self) -> Result<Blobs> {
        let blobs: Vec<_> = self.lock().names.keys().copied().map(Ok).collect();
        Ok(Box::new(blobs.into_iter()))
    }

    fn name(&self, blob: BlobId) -> String {
        format!("simulated/{blob}")
    }
}

impl BlobFile for SimulatedBlob {
    fn len(&self) -> Result<u64> {
        Ok(self.disk.lock().files[self.file].bytes.len() as u64)
    }

    fn read(&self, offset: u64, len: usize) -> Result<Vec<u8>> {
        let state = self.disk.lock();
        if let Some((how, true)) = state.broken {
            return Err(how.into());
        }
        Ok(state.files[self.file].read(offset, len).unwrap_or_default().to_vec())
    }

    fn write(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut state = self.disk.lock();
        state.change()?;
        state.files[self.file].change(Change::Write(usize::try_from(offset).unwrap(), bytes.into()));
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.disk.lock();
        state.change()?;
        state.files[self.file].change(Change::SetLen(usize::try_from(len).unwrap()));
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        drop(self.disk.stall());
        let mut state = self.disk.lock();
        let synced = state.sync(|state| state.files[self.file].sync());
        state.files[self.file].unsynced.clear();
        synced
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
