//! Instances that wait for their next call: a fresh one for each would cost page faults.

use std::sync::{Mutex, PoisonError};

use wasmtime::Store;

use crate::bindings::Burrow as Exports;
use crate::state::InstanceState;

/// Calls that one instance answers before it is dropped, so that memory that it leaks does not add up.
const CALLS: u32 = 256;

/// The most memory of an instance that waits, in bytes. An instance that has taken more is dropped: its memory never
/// shrinks.
const MEMORY: usize = 8 * 1024 * 1024;

/// An instance whose exports can be called, one call after another.
pub(crate) struct Callable {
    pub(crate) store: Store<InstanceState>,
    pub(crate) exports: Exports,
    /// How many times the component had been replaced when the instance was made.
    pub(crate) version: u64,
    /// Calls that it has answered.
    pub(crate) calls: u32,
}

/// The instances that wait.
pub(crate) struct Idle {
    waiting: Mutex<Vec<Callable>>,
    pub(crate) at_most: usize,
}

impl Idle {
    pub(crate) fn new(at_most: usize) -> Self {
        Self { waiting: Mutex::default(), at_most }
    }

    /// Takes the instance that has waited for the shortest time, whose memory is most likely in the processor's caches.
    pub(crate) fn take(&self, version: u64) -> Option<Callable> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        // Instances of a component that has been replaced are dropped.
        std::iter::from_fn(|| waiting.pop()).find(|callable| callable.version == version)
    }

    /// Lets an instance wait that has answered a call, or drops it.
    pub(crate) fn put(&self, mut callable: Callable) {
        callable.calls += 1;
        if callable.calls >= CALLS || callable.store.data().memory.taken() > MEMORY {
            return;
        }
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < self.at_most {
            waiting.push(callable);
        }
    }
}
