//! Tells in an image's record how far its download has come.
//!
//! The worker writes the record, as it does when the job ends, and leaves its time as it is: nobody's claim on the job
//! depends on how far it has come. It does so only where one process has the store, and every other worker of this job is
//! dead with its process. Elsewhere a worker that is halted for longer than its lease, between its last look and its
//! write, would put this record over that of the worker who took the job over.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_model::record::{ImageRecord, Progress, State};

use super::Vault;
use super::lease::Committed;
use crate::download::Download;
use crate::ports::{ByteSource, Ports};

/// How often it is told, if bytes come. A download that takes less is never told of, and costs no write.
const EVERY: Duration = Duration::from_secs(2);

/// A download of which the image's record tells.
pub(super) struct Telling<'a, P: Ports> {
    vault: &'a Vault<P>,
    record: ImageRecord,
    body: Download<P>,
    received: u64,
    /// When it is told next.
    next: u64,
}

impl<P: Ports> Vault<P> {
    /// A download of this image; `record` is that of its worker.
    pub(super) fn telling(&self, record: &ImageRecord, body: Download<P>) -> Telling<'_, P> {
        Telling { vault: self, record: record.clone(), body, received: 0, next: self.later() }
    }

    fn later(&self) -> u64 {
        self.ports.now().saturating_add(u64::try_from(EVERY.as_millis()).unwrap_or(u64::MAX))
    }
}

impl<P: Ports> Telling<'_, P> {
    /// Tells how far it has come. An error is a reason to end the download: the image is gone, or the job another's.
    async fn tell(&mut self) -> Result<(), Error> {
        match self.write().await {
            Err(error @ (Error::Removed | Error::Held(_))) => Err(error),
            // The download does not depend on what is told of it.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    async fn write(&mut self) -> Result<(), Error> {
        self.vault.check_still(&self.record).await?;
        if let State::Storing { progress, .. } = &mut self.record.state {
            *progress = Progress { received: Some(self.received), expected: self.body.expected() };
        }
        match self.vault.commit_or_undo(&self.record).await? {
            Committed::Kept => Ok(()),
            Committed::Removed { .. } => Err(Error::Removed),
        }
    }
}

impl<P: Ports> ByteSource for Telling<'_, P> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        let piece = self.body.next().await?;
        if let Some(bytes) = &piece {
            self.received = self.received.saturating_add(bytes.len() as u64);
            if self.vault.settings.host.generation.is_some() && self.vault.ports.now() >= self.next {
                self.tell().await?;
                self.next = self.vault.later();
            }
        }
        Ok(piece)
    }
}
