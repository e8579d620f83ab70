//! `burrow explain`: tries on files what each compression policy would make of them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use burrow_host::{Burrow, Image, Label, Packing, Repacked};
use serde_json::{Value, json};

use crate::json;
use crate::open::Global;
use crate::output::{self, Progress};
use crate::table::{Cell, Column, Table};

/// Say what each compression policy would make of files: how small, with which codec, and how long reading takes.
/// Nothing is kept: the files are packed in memory.
#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    /// Files of images.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,

    /// Print one JSON object a line: one for each file, and a summary at the end.
    #[arg(long)]
    json: bool,
}

/// The policies, from the one that packs fastest to the one that packs smallest.
const POLICIES: [&str; 3] = ["fast", "balanced", "small"];

impl Explain {
    pub(crate) async fn run(self, global: &Global) -> anyhow::Result<ExitCode> {
        let mut vaults = Vec::new();
        for policy in POLICIES {
            vaults.push((policy, global.in_memory(policy).await?));
        }
        let mut report = Report::new(self.json);
        for file in &self.files {
            report.progress.show(|| file.display().to_string());
            match explain(&vaults, file).await {
                Ok(explained) => report.note(file, &explained)?,
                Err(error) => report.fail(file, &error),
            }
        }
        report.end()
    }
}

/// What the policies make of a file.
struct Explained {
    media_type: String,
    size: u64,
    forms: Vec<Form>,
}

/// What one policy makes of a file.
struct Form {
    policy: &'static str,
    packing: Packing,
    stored: u64,
    /// How long packing took, after the image was ready.
    packing_took: Duration,
    /// How long reading all of it took, with unpacking and all checks.
    reading_took: Duration,
    /// Why it is stored as it was ready.
    why: Option<String>,
}

async fn explain(vaults: &[(&'static str, Burrow)], file: &Path) -> anyhow::Result<Explained> {
    let mut forms = Vec::new();
    let mut last = None;
    for (policy, burrow) in vaults {
        let content = tokio::fs::File::open(file).await?;
        let image = burrow.put(content, Label::default()).await?;
        let form = form(policy, burrow, &image).await;
        burrow.remove(&image.id).await?;
        forms.push(form?);
        last = image.content;
    }
    let content = last.context("it is not ready")?;
    Ok(Explained { media_type: content.media_type, size: content.size, forms })
}

async fn form(policy: &'static str, burrow: &Burrow, image: &Image) -> anyhow::Result<Form> {
    let began = Instant::now();
    let why = match burrow.repack(&image.id).await? {
        Repacked::Smaller(_) => None,
        Repacked::Kept(why) => Some(why),
        Repacked::Busy => Some("it is being repacked".to_owned()),
    };
    let packing_took = began.elapsed();
    let stored = burrow.get(&image.id).await?.content.context("it is not ready")?;
    let began = Instant::now();
    // Burrow checks what it reads against its checksums; that it is the original was checked by its SHA-256.
    let mut content = burrow.open(&image.id, None).await?;
    while content.next().await?.is_some() {}
    let reading_took = began.elapsed();
    Ok(Form { policy, packing: stored.packing, stored: stored.stored_size, packing_took, reading_took, why })
}

/// Prints what becomes of each file, and adds up.
struct Report {
    json: bool,
    progress: Progress,
    table: Table<5>,
    files: u64,
    failed: u64,
    size: u64,
    stored: [u64; POLICIES.len()],
}

impl Report {
    fn new(json: bool) -> Self {
        let column = |title, is_number, least| Column { title, is_number, least, spare: 0 };
        let columns = [
            column("FILE", false, Some(12)),
            column("SIZE", true, None),
            column("FAST", true, None),
            column("BALANCED", true, None),
            column("SMALL", true, None),
        ];
        let table = Table::new(columns, output::width());
        Self { json, progress: Progress::new(), table, files: 0, failed: 0, size: 0, stored: [0; POLICIES.len()] }
    }

    fn note(&mut self, file: &Path, explained: &Explained) -> anyhow::Result<()> {
        self.progress.clear();
        self.size += explained.size;
        for (sum, form) in self.stored.iter_mut().zip(&explained.forms) {
            *sum += form.stored;
        }
        let is_first = self.files == 0;
        self.files += 1;
        if self.json {
            return Ok(json::line(&in_json(file, explained))?);
        }
        let mut cells = explained.forms.iter().map(|form| Cell::new(&in_words(form, explained.size)));
        let mut next = || cells.next().unwrap_or_else(|| Cell::new(""));
        let name = Cell::new(&file.display().to_string());
        let row = [name, Cell::new(&output::bytes(explained.size)), next(), next(), next()];
        self.table.fit(std::slice::from_ref(&row));
        if let Some(titles) = self.table.titles().filter(|_| is_first) {
            output::drawn(&titles)?;
        }
        output::drawn(&self.table.row(&row))?;
        let mut told = None;
        for form in explained.forms.iter().skip(1) {
            let Some(why) = form.why.as_deref().filter(|why| told != Some(*why)) else { continue };
            output::line(&format!("  {}: {}", form.policy, output::plain(why)))?;
            told = Some(why);
        }
        Ok(())
    }

    fn fail(&mut self, file: &Path, error: &anyhow::Error) {
        self.failed += 1;
        self.progress.clear();
        output::complain(&format!("{}: {error:#}", file.display()));
    }

    fn end(mut self) -> anyhow::Result<ExitCode> {
        self.progress.clear();
        let Self { files, failed, size, .. } = self;
        let policies = POLICIES.iter().zip(self.stored);
        if self.json {
            let stored: serde_json::Map<_, _> =
                policies.map(|(policy, stored)| ((*policy).to_owned(), json!(stored))).collect();
            json::line(&json!({ "summary": { "files": files, "failed": failed, "size": size, "stored": stored } }))?;
        } else if files > 1 {
            let sums: Vec<String> = policies
                .map(|(policy, stored)| format!("{policy} {} ({} %)", output::bytes(stored), percent(stored, size)))
                .collect();
            output::line(&format!("{files} files, {}: {}", output::bytes(size), sums.join(", ")))?;
        }
        Ok(if failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// Such as `77 % lepton, 350 ms`.
fn in_words(form: &Form, size: u64) -> String {
    let codec = json::codec(form.packing);
    format!("{} % {codec}, {} ms", percent(form.stored, size), form.reading_took.as_millis())
}

fn in_json(file: &Path, explained: &Explained) -> Value {
    let forms: serde_json::Map<_, _> = explained
        .forms
        .iter()
        .map(|form| {
            let told = json!({
                "codec": json::codec(form.packing),
                "stored_size": form.stored,
                "packing_ms": millis(form.packing_took),
                "reading_ms": millis(form.reading_took),
                "why": form.why,
            });
            (form.policy.to_owned(), told)
        })
        .collect();
    json!({ "file": file.display().to_string(), "media_type": explained.media_type, "size": explained.size, "policies": forms })
}

fn percent(part: u64, whole: u64) -> u64 {
    (100 * part + whole / 2).checked_div(whole).unwrap_or(100)
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
