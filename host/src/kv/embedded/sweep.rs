//! Deletes the files that a crash left beside the store: those that no chunk is in.

use super::super::Result;
use super::writer::Shared;
use crate::blobs::Blobs;

/// Files that are looked at before the writer looks for writes again.
const STEP: usize = 64;

/// A sweep through the files of blobs, in the time in which the writer has nothing to write. It begins when the store
/// is opened, if the process before did not close it in order.
pub(super) struct Sweep {
    /// The files that were not looked at yet.
    files: Option<Blobs>,
    deleted: u64,
    /// Whether the store says that there may be files that nothing needs.
    is_marked: bool,
    /// Whether such a file is left.
    has_left: bool,
}

impl Sweep {
    pub(super) fn new(shared: &Shared) -> Self {
        let mut sweep = Self { files: None, deleted: 0, is_marked: false, has_left: false };
        match shared.file.is_unswept() {
            Ok(true) => {
                sweep.is_marked = true;
                match shared.blobs.list() {
                    Ok(files) => sweep.files = Some(files),
                    Err(error) => sweep.give_up(&error),
                }
            }
            Ok(false) => {}
            Err(error) => sweep.give_up(&error),
        }
        sweep
    }

    /// Whether there are files to look at.
    pub(super) fn is_due(&self) -> bool {
        self.files.is_some()
    }

    /// Looks at the next files.
    pub(super) fn step(&mut self, shared: &Shared) {
        for _ in 0..STEP {
            match self.files.as_mut().and_then(Iterator::next) {
                Some(Ok(blob)) => match shared.file.needs_file(blob) {
                    Ok(true) => {}
                    Ok(false) => {
                        self.deleted += 1;
                        shared.delete_file(blob, self);
                    }
                    Err(error) => return self.give_up(&error),
                },
                Some(Err(error)) => return self.give_up(&error),
                None => {
                    self.files = None;
                    if self.deleted > 0 {
                        tracing::info!("deleted {} files of blobs that a crash left unfinished", self.deleted);
                    }
                    return;
                }
            }
        }
    }

    /// Called before a file is made, or its last chunk removed: a crash may leave it, so the next opening must sweep.
    pub(super) fn begin(&mut self, shared: &Shared) -> Result<()> {
        if !self.is_marked {
            shared.file.set_unswept(true)?;
            self.is_marked = true;
        }
        Ok(())
    }

    /// Leaves a file that nothing needs to the next opening.
    pub(super) fn leave(&mut self) {
        self.has_left = true;
    }

    fn give_up(&mut self, error: &impl std::fmt::Display) {
        tracing::warn!("cannot look for files of blobs that nothing needs: {error}");
        (self.files, self.has_left) = (None, true);
    }

    /// Records, when the store is closed, that nothing is left to sweep.
    pub(super) fn end(self, shared: &Shared) {
        if self.is_marked && self.files.is_none() && !self.has_left {
            // If this fails, the next opening sweeps again.
            let _ = shared.blobs.sync().map(|()| shared.file.set_unswept(false));
        }
    }
}
