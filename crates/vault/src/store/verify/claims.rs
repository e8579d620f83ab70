//! Verifies the trash, and that every claim is in it.

use std::collections::{HashMap, HashSet};

use burrow_model::error::Error;
use burrow_model::key::{BlobId, ImageId, Job, Key, SegmentId, Sha256Hex, Vaultwide};
use burrow_model::record::{Answered, Deliveries, Rubbish, TagRenames, Trash};

use super::survey::Survey;
use super::{Discovery, FaultKind, Verifier};
use crate::ports::Ports;

/// What is in the trash.
#[derive(Debug, Default)]
pub(super) struct Trashed {
    /// Blobs, with the numbers of their entries.
    pub(super) blobs: HashMap<BlobId, u64>,
    removals: HashSet<ImageId>,
    takeovers: HashSet<(ImageId, u64, u64)>,
    /// Chunks that were replaced, by the id under which they lie.
    pub(super) chunks: HashSet<BlobId>,
    repackings: HashSet<(BlobId, u32, u64)>,
    jobs: HashSet<(Job, u64, u64)>,
    answers: HashSet<(Sha256Hex, u64)>,
    /// Ranges of the log of the index.
    pub(super) logs: HashSet<u64>,
    /// Segments of the index.
    pub(super) segments: HashSet<SegmentId>,
    /// Claims to build segments.
    pub(super) buildings: HashSet<(u32, u64, u64)>,
}

impl<P: Ports, O: AsyncFnMut(Discovery)> Verifier<'_, P, O> {
    /// Reads the trash. What a damaged entry names is found as an orphan.
    pub(super) async fn trash(&mut self, survey: &Survey) -> Result<Trashed, Error> {
        let (store, mut trashed) = (self.store, Trashed::default());
        for (seq, entry) in self.load_all::<_, Trash>(&survey.trash, |&seq| Key::trash(seq)).await? {
            match entry {
                Ok(None) => {}
                Ok(Some(Trash { what, .. })) => match what {
                    Rubbish::Blob(blob) => drop(trashed.blobs.insert(blob, seq)),
                    Rubbish::Removal(id) => drop(trashed.removals.insert(id)),
                    Rubbish::Takeover(id, updated, term) => drop(trashed.takeovers.insert((id, updated, term))),
                    Rubbish::Answer(key, term) => drop(trashed.answers.insert((key, term))),
                    Rubbish::Chunks(place, _) => drop(trashed.chunks.insert(place)),
                    Rubbish::Repacking(blob, ended, term) => drop(trashed.repackings.insert((blob, ended, term))),
                    Rubbish::Job(job, version, term) => drop(trashed.jobs.insert((job, version, term))),
                    Rubbish::Log(range) => drop(trashed.logs.insert(range)),
                    Rubbish::Segment(_, _, id) => drop(trashed.segments.insert(id)),
                    Rubbish::Building(level, first, window) => {
                        trashed.buildings.insert((level, first, window));
                    }
                },
                Err(error) => self.forget(&Key::trash(seq), error).await?,
            }
        }
        let highest = survey.trash.last().copied().unwrap_or(0);
        self.reaches(&Key::vaultwide(Vaultwide::Trash), true, highest).await?;
        // A renaming is begun anew by whoever wants it; the webhook is told of what comes.
        let (tags, webhook) = (Key::job(Job::Tags), Key::job(Job::Webhook));
        for (key, read) in [
            (&tags, store.load::<TagRenames>(&tags).await.map(drop)),
            (&webhook, store.load::<Deliveries>(&webhook).await.map(drop)),
        ] {
            if let Err(error) = read {
                self.forget(key, error).await?;
            }
        }
        // The sweep begins after the mark.
        let (key, lowest) = (Key::vaultwide(Vaultwide::Emptied), survey.trash.first());
        if let (Some(emptied), Some(&lowest)) = (store.mark(Vaultwide::Emptied).await?, lowest)
            && lowest <= emptied
            && self.is_alone()
        {
            let detail = format!("it is {emptied}, and number {lowest} is not gone");
            let how = store.set_mark(Vaultwide::Emptied, lowest.saturating_sub(1));
            self.mend(FaultKind::WrongCount, &key, None, detail, how).await?;
        }
        Ok(trashed)
    }

    /// Puts claims into the trash that are missing there.
    pub(super) async fn claims(&mut self, survey: &Survey, trashed: &Trashed) -> Result<(), Error> {
        if !self.is_alone() {
            // A claim exists for a moment before its trash entry is written.
            return Ok(());
        }
        let detail = || "nobody would delete this claim".to_owned();
        let store = self.store;
        for &id in survey.removals.iter().filter(|id| !trashed.removals.contains(id)) {
            // Some stores keep a counter that was only read.
            let looked_at = !store.is_removed(id).await? && survey.has(id);
            if !looked_at {
                let how = store.discard(Rubbish::Removal(id));
                self.mend(FaultKind::Orphan, &Key::removal(id), None, detail(), how).await?;
            }
        }
        for &(id, updated, term) in &survey.takeovers {
            // The owner of a claim claims the next term, too.
            let terms = [term.saturating_sub(1), term];
            if terms.iter().all(|&term| !trashed.takeovers.contains(&(id, updated, term))) {
                let how = store.discard(Rubbish::Takeover(id, updated, term));
                self.mend(FaultKind::Orphan, &Key::takeover(id, updated, term), None, detail(), how).await?;
            }
        }
        for &(blob, ended, term) in &survey.repackings {
            let terms = [term.saturating_sub(1), term];
            if terms.iter().all(|&term| !trashed.repackings.contains(&(blob, ended, term))) {
                let how = store.discard(Rubbish::Repacking(blob, ended, term));
                let key = Key::repacking_claim(blob, ended, term);
                self.mend(FaultKind::Orphan, &key, None, detail(), how).await?;
            }
        }
        for &(job, version, term) in &survey.jobs {
            let terms = [term.saturating_sub(1), term];
            if terms.iter().all(|&term| !trashed.jobs.contains(&(job, version, term))) {
                let how = store.discard(Rubbish::Job(job, version, term));
                self.mend(FaultKind::Orphan, &Key::job_claim(job, version, term), None, detail(), how).await?;
            }
        }
        for (key, term) in &survey.answering {
            let terms = [term.saturating_sub(1), *term, term + 1];
            if terms.iter().all(|&term| !trashed.answers.contains(&(key.clone(), term))) {
                let how = store.discard(Rubbish::Answer(key.clone(), *term));
                self.mend(FaultKind::Orphan, &Key::answering(key, *term), None, detail(), how).await?;
            }
        }
        let trashed: HashSet<&Sha256Hex> = trashed.answers.iter().map(|(key, _)| key).collect();
        let claimed: HashSet<&Sha256Hex> = survey.answering.iter().map(|(key, _)| key).collect();
        for (key, answered) in self.load_all::<_, Answered>(&survey.answered, Key::answered).await? {
            match answered {
                Ok(Some(_)) if !trashed.contains(&key) && !claimed.contains(&key) => {
                    let how = store.discard(Rubbish::Answer(key.clone(), 0));
                    self.mend(FaultKind::Orphan, &Key::answered(&key), None, detail(), how).await?;
                }
                Ok(_) => {}
                // If the same request is sent again, it is done again.
                Err(error) => self.forget(&Key::answered(&key), error).await?,
            }
        }
        Ok(())
    }
}
