//! The embedded store's disk: one locked file, and an overlay that keeps writes in memory.

use std::collections::HashMap;
use std::io::Result;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// The store's file, or a test's simulation of it. redb neither locks nor closes it: the file is locked before redb
/// gets it, and stays locked while databases over it are closed and opened again.
#[derive(Clone, Debug)]
pub(super) struct Disk(pub(super) Arc<dyn StorageBackend>);

impl StorageBackend for Disk {
    fn len(&self) -> Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<()> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        self.0.write(offset, data)
    }
}

const PAGE: usize = 4096;

/// A disk that is only read: writes stay in memory. redb writes to a file to open it, at least to mark it as open. Over
/// this overlay it can open a file that may not be ours, and read on while the disk refuses writes.
#[derive(Debug)]
pub(super) struct Overlay {
    disk: Disk,
    state: Mutex<Layer>,
}

#[derive(Debug)]
struct Layer {
    len: u64,
    /// Bytes of the disk that are still visible. A file that is cut off and grows again has zeros past them.
    base: u64,
    /// Written pages, by page number.
    pages: HashMap<u64, Box<[u8; PAGE]>>,
}

impl Overlay {
    pub(super) fn new(disk: Disk) -> Result<Self> {
        let len = disk.len()?;
        Ok(Self { disk, state: Mutex::new(Layer { len, base: len, pages: HashMap::new() }) })
    }

    fn lock(&self) -> MutexGuard<'_, Layer> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_base(&self, base: u64, offset: u64, out: &mut [u8]) -> Result<()> {
        let there = usize::try_from(base.saturating_sub(offset)).unwrap_or(usize::MAX).min(out.len());
        let (there, beyond) = out.split_at_mut(there);
        beyond.fill(0);
        if there.is_empty() { Ok(()) } else { self.disk.read(offset, there) }
    }
}

/// Splits a range at page boundaries. Each piece is: page number, range in the page, range in the whole.
fn pieces(offset: u64, len: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>, std::ops::Range<usize>)> {
    let page = PAGE as u64;
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let within = usize::try_from(at % page).unwrap_or_default();
        let size = (PAGE - within).min(len - done);
        let piece = (at / page, within..within + size, done..done + size);
        done += size;
        (size > 0).then_some(piece)
    })
}

impl StorageBackend for Overlay {
    fn len(&self) -> Result<u64> {
        Ok(self.lock().len)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<()> {
        let state = self.lock();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > state.len) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.read_base(state.base, offset, out)?;
        for (number, within, whole) in pieces(offset, out.len()) {
            if let Some(page) = state.pages.get(&number)
                && let (Some(from), Some(to)) = (page.get(within), out.get_mut(whole))
            {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<()> {
        let mut state = self.lock();
        if len < state.len {
            state.base = state.base.min(len);
            state.pages.retain(|number, _| number * (PAGE as u64) < len);
            let (number, within) = (len / PAGE as u64, usize::try_from(len % PAGE as u64).unwrap_or_default());
            if let Some(rest) = state.pages.get_mut(&number).and_then(|page| page.get_mut(within..)) {
                rest.fill(0);
            }
        }
        state.len = len;
        Ok(())
    }

    fn sync_data(&self) -> Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<()> {
        let mut state = self.lock();
        for (number, within, whole) in pieces(offset, data.len()) {
            if !state.pages.contains_key(&number) {
                let mut page = Box::new([0; PAGE]);
                self.read_base(state.base, number * PAGE as u64, page.as_mut_slice())?;
                state.pages.insert(number, page);
            }
            if let Some(to) = state.pages.get_mut(&number).and_then(|page| page.get_mut(within))
                && let Some(from) = data.get(whole)
            {
                to.copy_from_slice(from);
            }
        }
        Ok(())
    }
}
