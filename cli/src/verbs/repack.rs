//! `burrow repack`: makes images smaller at once, on all cores.

use std::process::ExitCode;

use burrow_host::{Burrow, Error, Repacked, VaultError};
use futures::StreamExt as _;
use serde_json::json;

use crate::json;
use crate::output::{self, Progress};

/// Images listed at once.
const PAGE: u32 = 200;

/// Make images smaller, without loss, as --compression says. Interrupt it at any time; the next run goes on.
#[derive(Debug, clap::Args)]
pub(crate) struct Repack {
    /// Only images with this tag; may be repeated, and then images need all of them.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Print one JSON object a line: one for each image that was looked at, and a summary at the end.
    #[arg(long)]
    json: bool,
}

impl Repack {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut report = Report { json: self.json, progress: Progress::new(), count: Count::default() };
        let mut after = None;
        loop {
            let page = burrow.list_repackable(&self.tags, after, PAGE).await?;
            let repacking = futures::stream::iter(page.images).map(async |id| {
                let repacked = burrow.repack(&id).await;
                (id, repacked)
            });
            let mut repacking = std::pin::pin!(repacking.buffer_unordered(at_once));
            while let Some((id, repacked)) = repacking.next().await {
                report.note(&id, repacked)?;
            }
            if page.is_last {
                return report.end();
            }
            after = Some(page.next);
        }
    }
}

#[derive(Debug, Default)]
struct Count {
    repacked: u64,
    kept: u64,
    busy: u64,
    failed: u64,
    before: u64,
    after: u64,
}

/// Prints what became of each image, and counts.
struct Report {
    json: bool,
    progress: Progress,
    count: Count,
}

impl Report {
    fn note(&mut self, id: &str, repacked: Result<Repacked, Error>) -> anyhow::Result<()> {
        let count = &mut self.count;
        let told = match repacked {
            Ok(Repacked::Smaller(bytes)) => {
                count.repacked += 1;
                count.before += bytes.before;
                count.after += bytes.after;
                json!({ "id": id, "outcome": "smaller", "before": bytes.before, "after": bytes.after })
            }
            Ok(Repacked::Kept(why)) => {
                count.kept += 1;
                json!({ "id": id, "outcome": "kept", "why": why })
            }
            Ok(Repacked::Busy) => {
                count.busy += 1;
                json!({ "id": id, "outcome": "busy" })
            }
            // It was removed meanwhile.
            Err(Error::Vault(VaultError::NotFound)) => return Ok(()),
            Err(error @ (Error::Vault(VaultError::Corrupt(_) | VaultError::Newer(_)) | Error::Component(_))) => {
                count.failed += 1;
                self.progress.clear();
                output::complain(&format!("{id}: {error}"));
                json!({ "id": id, "outcome": "failed", "why": error.to_string() })
            }
            Err(error) => return Err(error.into()),
        };
        if self.json {
            self.progress.clear();
            json::line(&told)?;
        }
        let Count { repacked, kept, before, after, .. } = self.count;
        self.progress.show(|| {
            let (before, after) = (output::bytes(before), output::bytes(after));
            format!("{repacked} repacked, {kept} kept: {before} stored in {after}")
        });
        Ok(())
    }

    fn end(mut self) -> anyhow::Result<ExitCode> {
        self.progress.clear();
        let Count { repacked, kept, busy, failed, before, after } = self.count;
        if self.json {
            let summary = json!({
                "repacked": repacked, "kept": kept, "busy": busy, "failed": failed, "before": before, "after": after,
            });
            json::line(&json!({ "summary": summary }))?;
        } else {
            let (was, is, saved) = (output::bytes(before), output::bytes(after), before.saturating_sub(after));
            let saved = output::bytes(saved);
            output::line(&format!("{repacked} repacked: {was} stored in {is}, {saved} saved"))?;
            for (count, what) in
                [(kept, "stay as they are"), (busy, "are being repacked by others"), (failed, "failed")]
            {
                if count > 0 {
                    output::line(&format!("{count} {what}"))?;
                }
            }
        }
        Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
