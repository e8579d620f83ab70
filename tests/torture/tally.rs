//! Counts what the kill loop did, and collects the faults that it found.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;
use std::time::Instant;

/// Kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// Something acknowledged is missing.
    Lost,
    /// Something exists that must not, or differs from what it must be.
    Wrong,
}

/// Counts, and a line for every fault.
#[derive(Debug)]
pub struct Tally {
    pub started: Instant,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    faults: Mutex<Vec<(Wrong, String)>>,
}

impl Tally {
    pub fn new() -> Self {
        Self { started: Instant::now(), counts: Mutex::default(), faults: Mutex::default() }
    }

    pub fn count(&self, what: &'static str) {
        self.add(what, 1);
    }

    pub fn add(&self, what: &'static str, number: u64) {
        *self.counts.lock().unwrap().entry(what).or_default() += number;
    }

    /// Records a loss.
    pub fn lost(&self, line: String) {
        self.faults.lock().unwrap().push((Wrong::Lost, line));
    }

    /// Records another fault.
    pub fn wrong(&self, line: String) {
        self.faults.lock().unwrap().push((Wrong::Wrong, line));
    }

    pub fn is_clean(&self) -> bool {
        self.faults.lock().unwrap().is_empty()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Faults shown at most.
        const SHOWN: usize = 40;
        let faults = self.faults.lock().unwrap();
        for (wrong, line) in faults.iter().take(SHOWN) {
            writeln!(f, "  {wrong:?}: {line}")?;
        }
        if faults.len() > SHOWN {
            writeln!(f, "  ... and {} more", faults.len() - SHOWN)?;
        }
        write!(f, "torture: {} s", self.started.elapsed().as_secs())?;
        for (what, number) in self.counts.lock().unwrap().iter() {
            write!(f, ", {number} {what}")?;
        }
        let lost = faults.iter().filter(|(wrong, _)| *wrong == Wrong::Lost).count();
        write!(f, "; lost {lost}, wrong {}", faults.len() - lost)
    }
}
