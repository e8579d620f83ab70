//! A new component without a restart: its file is looked at again and again.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;

use super::server::Server;
use super::workers::Workers;
use crate::Burrow;

/// Time between two looks at the file.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// What tells that a file has changed.
#[derive(Clone, Copy, PartialEq)]
struct Stamp {
    modified: SystemTime,
    size: u64,
}

/// Goes on with the component in `file` whenever that changes. It was read at the time `read` at the earliest.
pub(super) async fn watch(file: PathBuf, read: SystemTime, server: Arc<Server>, workers: Workers) {
    let mut known = stamp(&file).await.filter(|stamp| stamp.modified < read);
    let mut seen = known;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(now) = stamp(&file).await else { continue };
        // One that changes between two looks is still being written.
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

/// None if there is no such file, for the moment.
async fn stamp(file: &Path) -> Option<Stamp> {
    let metadata = tokio::fs::metadata(file).await.ok()?;
    Some(Stamp { modified: metadata.modified().ok()?, size: metadata.len() })
}

fn replace(burrow: &Burrow, file: &Path) -> anyhow::Result<()> {
    let component = std::fs::read(file).context("cannot read it")?;
    burrow.factory.replace(&component).map_err(anyhow::Error::from)
}
