//! Unpacks a blob that is packed as a whole, and hands the original out piece by piece.
//!
//! An instance unpacks only as much at once as it has memory for; further readers wait for their turn.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use burrow_model::error::Error;

use super::Store;
use super::blob::Blob;
use crate::codec::whole;
use crate::ports::Ports;

/// The most memory that one instance unpacks in, in bytes. An instance has 128 MiB on some hosts. A blob that needs more
/// is unpacked while no other is.
const MAX_MEMORY: u64 = 96 * 1024 * 1024;

/// How long a reader waits for its turn, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_AGAIN: Duration = Duration::from_millis(25);

thread_local! {
    /// Memory in use, in bytes. No task is woken when this changes; tasks look again.
    static IN_USE: Cell<u64> = const { Cell::new(0) };
}

/// Memory set aside for packing or unpacking, until it is dropped.
#[derive(Debug)]
pub struct Memory(u64);

impl<P: Ports> Store<P> {
    /// Waits until this instance unpacks nothing, and sets all its memory for codecs aside.
    pub async fn memory_to_pack(&self) -> Result<Memory, Error> {
        Memory::of(MAX_MEMORY, &self.ports).await
    }
}

impl Memory {
    /// Waits until an instance has this much.
    async fn of(bytes: u64, ports: &impl Ports) -> Result<Self, Error> {
        let bytes = bytes.min(MAX_MEMORY);
        let mut waited = Duration::ZERO;
        while IN_USE.get() + bytes > MAX_MEMORY {
            if waited >= PATIENCE {
                return Err(Error::Busy("too many images are being unpacked".into()));
            }
            ports.sleep(LOOK_AGAIN).await;
            waited += LOOK_AGAIN;
        }
        IN_USE.set(IN_USE.get() + bytes);
        Ok(Self(bytes))
    }

    /// Gives back all but this much.
    fn shrink(&mut self, bytes: u64) {
        let bytes = bytes.min(self.0);
        IN_USE.set(IN_USE.get() - (self.0 - bytes));
        self.0 = bytes;
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// Pieces that are unpacked and not yet handed out.
type Ready = Rc<RefCell<VecDeque<Vec<u8>>>>;

/// The work of a codec.
type Work = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// One unpacking.
pub(super) struct Unpacking {
    /// The work, until it has ended.
    work: Option<Work>,
    ready: Ready,
    crc32: Rc<RefCell<crc32fast::Hasher>>,
    expected: u32,
    memory: Memory,
}

impl fmt::Debug for Unpacking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Unpacking").field("memory", &self.memory).finish_non_exhaustive()
    }
}

impl Unpacking {
    /// Reads and checks all chunks, and prepares to unpack them.
    pub(super) async fn begin<P: Ports>(blob: &Blob<P>) -> Result<Self, Error> {
        let manifest = blob.manifest.clone();
        let (version, needed) =
            manifest.repacked.as_ref().map_or((1, 3 * manifest.size), |how| (how.codec_version, how.memory));
        let ports = blob.store.ports.clone();
        let mut packed = Vec::with_capacity(manifest.chunks.len());
        for n in (0..).take(manifest.chunks.len()) {
            packed.push(blob.chunk(n).await?);
        }
        // Set aside only now, so that a slow store holds up no other reader.
        let memory = Memory::of(needed, &ports).await?;
        let (ready, crc32) = (Ready::default(), Rc::new(RefCell::new(crc32fast::Hasher::new())));
        let mut sink = {
            let (ready, crc32) = (ready.clone(), crc32.clone());
            move |piece: Vec<u8>| {
                crc32.borrow_mut().update(&piece);
                ready.borrow_mut().push_back(piece);
            }
        };
        let (codec, size, expected) = (manifest.codec, manifest.size, manifest.crc32);
        let work: Work = Box::pin(async move {
            let pause = async || ports.yield_now().await;
            whole::unpack(codec, version, packed, size, &mut sink, &pause).await
        });
        Ok(Self { work: Some(work), ready, crc32, expected, memory })
    }

    /// Returns the next piece; `None` after the last. A codec that unpacks in one step hands out nothing before all is
    /// checked.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if self.ready.borrow().is_empty()
            && let Some(work) = &mut self.work
        {
            let ready = self.ready.clone();
            let ended = poll_fn(|context| match work.as_mut().poll(context) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                Poll::Pending if ready.borrow().is_empty() => Poll::Pending,
                Poll::Pending => Poll::Ready(None),
            });
            if let Some(outcome) = ended.await {
                self.work = None;
                outcome?;
                if self.crc32.borrow().clone().finalize() != self.expected {
                    return Err(Error::Corrupt("its CRC-32 differs from the manifest's".into()));
                }
            }
        }
        let mut ready = self.ready.borrow_mut();
        let piece = ready.pop_front();
        if self.work.is_none() {
            self.memory.shrink(ready.iter().map(|piece| piece.len() as u64).sum());
        }
        Ok(piece)
    }
}
