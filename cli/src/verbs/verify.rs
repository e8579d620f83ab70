//! `burrow verify`: checks everything that is stored, and repairs what can be repaired.

use std::process::ExitCode;

use burrow_host::{Discovery, Error, Fault, FaultKind, VaultError, damaged_content};
use serde_json::json;
use tokio::task::JoinSet;

use crate::json;
use crate::open::{Holder, Opened};
use crate::output::{self, Progress};

/// Read and hash everything that is stored, and check that it is consistent. Exit code 1 if a fault remains.
#[derive(Debug, clap::Args)]
pub(crate) struct Verify {
    /// Rebuild lists, names and counters, and move data that no image uses to the trash, where it stays for an hour.
    /// Data that an image uses is never deleted.
    #[arg(long)]
    repair: bool,

    /// Assert that no other process uses this store. --repair needs this if other processes could use the store now.
    #[arg(long)]
    alone: bool,

    /// Print one JSON object a line: one for each fault, and a summary at the end.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let is_alone = self.alone || opened.holder == Holder::Alone;
        if self.repair && opened.holder == Holder::Other {
            anyhow::bail!("another process, a server perhaps, has this store open: stop it first");
        }
        if self.repair && !is_alone {
            anyhow::bail!("others may be using this store: stop them, and say --alone with --repair");
        }
        let burrow = &opened.burrow;
        let mut report = Report::new(self.json);
        let mut verification = burrow.verify(self.repair, is_alone);
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let mut reading = JoinSet::new();
        while let Some(discoveries) = verification.next().await? {
            for discovery in discoveries {
                match discovery {
                    Discovery::Fault(fault) => report.fault(&fault)?,
                    Discovery::Content(images) => {
                        if reading.len() >= cores
                            && let Some(read) = reading.join_next().await
                        {
                            report.content(read?)?;
                        }
                        let burrow = burrow.clone();
                        reading.spawn(async move {
                            let mut read = Ok(0);
                            for image in &images {
                                read = burrow.verify_content(image).await;
                                // An image that was removed meanwhile says nothing of the content. Try the next one.
                                if !matches!(read, Err(Error::Vault(VaultError::NotFound))) {
                                    break;
                                }
                            }
                            (images, read)
                        });
                    }
                }
            }
        }
        while let Some(read) = reading.join_next().await {
            report.content(read?)?;
        }
        report.end(verification.finish().await?)
    }
}

/// Prints faults as they are found, and counts them.
struct Report {
    json: bool,
    progress: Progress,
    faults: u64,
    repaired: u64,
    contents: u64,
    bytes: u64,
    damaged: Vec<String>,
}

impl Report {
    fn new(json: bool) -> Self {
        Self { json, progress: Progress::new(), faults: 0, repaired: 0, contents: 0, bytes: 0, damaged: Vec::new() }
    }

    fn fault(&mut self, fault: &Fault) -> std::io::Result<()> {
        self.faults += 1;
        self.repaired += u64::from(fault.repaired);
        if let (FaultKind::DamagedContent | FaultKind::DamagedRecord, Some(image)) = (fault.kind, &fault.image) {
            self.damaged.push(image.clone());
        }
        let Fault { kind, key, image, detail, repaired } = fault;
        self.progress.clear();
        if self.json {
            let fault =
                json!({ "kind": kind.as_str(), "key": key, "image": image, "detail": detail, "repaired": repaired });
            return json::line(&fault);
        }
        let image = image.as_ref().map_or_else(String::new, |image| format!("image {image}, "));
        let repaired = if *repaired { " (repaired)" } else { "" };
        output::line(&format!("{kind}: {image}{key}: {detail}{repaired}"))
    }

    /// Records the result of reading a content that these images share.
    fn content(&mut self, (images, read): (Vec<String>, Result<u64, Error>)) -> anyhow::Result<()> {
        match read {
            Ok(bytes) => {
                self.contents += 1;
                self.bytes += bytes;
                let (contents, bytes) = (self.contents, output::bytes(self.bytes));
                self.progress.show(|| format!("{contents} contents, {bytes}"));
            }
            Err(Error::Vault(VaultError::Corrupt(detail) | VaultError::Newer(detail))) => {
                for image in images {
                    self.fault(&damaged_content(image, detail.clone()))?;
                }
            }
            // All of these images were removed meanwhile.
            Err(Error::Vault(VaultError::NotFound)) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn end(mut self, verified: burrow_host::Verified) -> anyhow::Result<ExitCode> {
        self.progress.clear();
        let Self { faults, repaired, bytes, mut damaged, .. } = self;
        damaged.sort_unstable();
        damaged.dedup();
        let (images, contents) = (verified.images, verified.contents);
        if self.json {
            let summary = json!({
                "images": images, "contents": contents, "bytes": bytes, "keys": verified.keys,
                "findings": faults, "repaired": repaired, "damaged_images": damaged,
            });
            json::line(&json!({ "summary": summary }))?;
        } else {
            let all = format!("{images} images with {contents} contents of {}", output::bytes(bytes));
            let count = if faults == 1 { "1 fault".into() } else { format!("{faults} faults") };
            match faults - repaired {
                _ if faults == 0 => output::line(&format!("{all}: all is well"))?,
                0 => output::line(&format!("{all}: {count}, all repaired"))?,
                left if repaired > 0 => output::line(&format!("{all}: {count}, {left} left"))?,
                _ => output::line(&format!("{all}: {count}"))?,
            }
            if !damaged.is_empty() {
                output::line(&format!("damaged: {} of {images} images", damaged.len()))?;
            }
        }
        Ok(if faults > repaired { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}
