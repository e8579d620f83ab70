//! Ends an instance that computes for too long without a pause.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use wasmtime::Result;

/// How long guest code runs before it yields to other tasks of its thread.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// The time that an instance has computed since its last pause. Clones share it.
///
/// While guest code runs, nothing else of its instance does, its time limits neither; so they cannot end it.
#[derive(Clone, Debug)]
pub(crate) struct Computing {
    ticks: Arc<AtomicU32>,
    most: Duration,
}

impl Computing {
    /// Allows so much time between two pauses.
    pub(crate) fn at_most(most: Duration) -> Self {
        Self { ticks: Arc::default(), most }
    }

    /// Counts a tick of computing.
    ///
    /// # Errors
    ///
    /// It was the last one allowed. The error ends the instance.
    pub(crate) fn tick(&self) -> Result<()> {
        let ticks = self.ticks.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if TICK.saturating_mul(ticks) <= self.most {
            return Ok(());
        }
        Err(wasmtime::format_err!("it computed for {} s without a pause", self.most.as_secs_f64()))
    }

    /// Notes a pause: other tasks of the instance ran.
    pub(crate) fn pause(&self) {
        self.ticks.store(0, Ordering::Relaxed);
    }
}
