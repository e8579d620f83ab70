//! A backend for redb that simulates a disk losing power.

use std::io::{Error, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use redb::StorageBackend;

use crate::data::Random;

const SECTOR: usize = 4096;

#[derive(Clone, Debug)]
pub struct PowerCutDisk(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// The bytes that survive a power cut for certain.
    synced: Vec<u8>,
    /// The bytes that reads return.
    live: Vec<u8>,
    /// Writes since the last sync.
    pending: Vec<(usize, Vec<u8>)>,
    /// Operations left until the power cut: writes, syncs and changes of length.
    left: u64,
}

impl PowerCutDisk {
    /// An empty disk that accepts this many writes, syncs and changes of length.
    pub fn new(left: u64) -> Self {
        Self::with_contents(Vec::new(), left)
    }

    fn with_contents(contents: Vec<u8>, left: u64) -> Self {
        Self(Arc::new(Mutex::new(State { synced: contents.clone(), live: contents, pending: Vec::new(), left })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the disk after the power cut: everything synced, and each unsynced sector with an even chance.
    pub fn after_power_cut(&self, random: &mut Random) -> Result<Self> {
        let state = self.state();
        let mut contents = state.synced.clone();
        for (offset, data) in &state.pending {
            let mut start = 0;
            while start < data.len() {
                let at = offset + start;
                let end = data.len().min(start + SECTOR - at % SECTOR);
                if random.below(2) == 0 && at + end - start <= contents.len() {
                    contents[at..at + end - start].copy_from_slice(&data[start..end]);
                }
                start = end;
            }
        }
        Ok(Self::with_contents(contents, u64::MAX))
    }
}

impl State {
    fn use_power(&mut self) -> Result<(), Error> {
        if self.left == 0 {
            return Err(Error::other("no power"));
        }
        self.left -= 1;
        Ok(())
    }
}

impl StorageBackend for PowerCutDisk {
    fn len(&self) -> Result<u64, Error> {
        Ok(self.state().live.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), Error> {
        let state = self.state();
        let start = offset as usize;
        let bytes = state.live.get(start..start + out.len()).ok_or(ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    /// A change of length survives at once, as the worst case.
    fn set_len(&self, len: u64) -> Result<(), Error> {
        let mut state = self.state();
        state.use_power()?;
        state.live.resize(len as usize, 0);
        state.synced.resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), Error> {
        let mut state = self.state();
        state.use_power()?;
        state.pending.clear();
        state.synced = state.live.clone();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let mut state = self.state();
        let start = offset as usize;
        state.use_power()?;
        let target = state.live.get_mut(start..start + data.len()).ok_or(ErrorKind::UnexpectedEof)?;
        target.copy_from_slice(data);
        state.pending.push((start, data.to_vec()));
        Ok(())
    }
}
