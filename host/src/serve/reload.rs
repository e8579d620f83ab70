//! Watches the component's file, and replaces the component when the file changes.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::server::Server;
use super::workers::Workers;
use crate::Burrow;

/// Time between two checks of the file.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Modification time and size of a file, by which a change is noticed.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    modified: SystemTime,
    size: u64,
}

/// Replaces the component whenever `file` changes. The running component was read from it at the time `read` or later.
pub(super) async fn watch(file: PathBuf, read: SystemTime, server: Arc<Server>, workers: Workers) {
    let mut known = stamp(&file).await.filter(|stamp| stamp.modified < read);
    let mut seen = known;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(now) = stamp(&file).await else { continue };
        // A file that changed since the last check may still be being written: wait until it is stable.
        let is_still = seen.replace(now) == Some(now);
        if !is_still || known == Some(now) {
            continue;
        }
        known = Some(now);
        let (burrow, from) = (workers.burrow.clone(), file.clone());
        let replaced = tokio::task::spawn_blocking(move || replace(&burrow, &from)).await;
        match replaced.map_err(Into::into).flatten() {
            Ok(()) => {
                server.switch(workers.clone());
                tracing::info!("{} has changed: requests go to the new component now", file.display());
            }
            Err(error) => tracing::error!("{} has changed; the old component stays: {error:#}", file.display()),
        }
    }
}

/// Returns the file's stamp; `None` if there is no file at present.
async fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(file).await.ok()?;
    Some(Stamp { modified: metadata.modified().ok()?, size: metadata.len() })
}

fn replace(burrow: &Burrow, file: &Path) -> anyhow::Result<()> {
    let component = std::fs::read(file).context("cannot read it")?;
    burrow.factory.replace(&component).map_err(anyhow::Error::from)
}
