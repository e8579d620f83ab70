//! The report of `burrow add`: live progress, a line or JSON object an image, and a summary.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use burrow_host::Image;
use indicatif::{HumanCount, HumanDuration, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use serde_json::json;

use super::items::{Item, Source, Total};
use crate::json;
use crate::output::{self, Part};

/// The outcome of one image.
#[derive(Debug)]
pub(crate) enum Outcome {
    Added(Image),
    /// The image was stored before.
    Present(Image),
    /// Another line or argument names the same source, which is under way.
    Twice,
    /// A file that was found in a directory and is no image.
    NoImage,
    /// Nothing that is worth telling: a watched file that was kept before, or is gone or changed again.
    Passed,
    Failed(String),
}

/// How to report: flags of the command line, and whether lists are read.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "flags of the command line")]
pub(crate) struct How {
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) lists: bool,
    /// Whether directories are watched, so that it goes on until it is interrupted.
    pub(crate) watches: bool,
}

/// Slow images shown at once: those that began first.
const SLOWEST: usize = 3;

/// Time after which an image counts as slow.
const SLOW: Duration = Duration::from_secs(2);

/// Reasons of failures that the summary distinguishes.
const REASONS: usize = 12;

#[derive(Debug)]
pub(crate) struct Report {
    how: How,
    /// Whether each image has a line on standard output.
    has_lines: bool,
    /// Whether standard output is still read; false after a broken pipe.
    is_read: Cell<bool>,
    begun: Instant,
    /// When each image began and how it is shown, by its number: those that began first come first.
    under_way: BTreeMap<u64, (Instant, String)>,
    bar: ProgressBar,
    slowest: Vec<ProgressBar>,
    failed_list: Option<FailedList>,
    count: Count,
    reasons: BTreeMap<String, u64>,
}

#[derive(Debug, Default)]
struct Count {
    begun: u64,
    ended: u64,
    added: u64,
    present: u64,
    no_image: u64,
    failed: u64,
    bytes: u64,
    stored: u64,
}

/// The list of failures. It is written to a temporary file until the end, so that it may replace the list that is read.
#[derive(Debug)]
struct FailedList {
    path: PathBuf,
    /// Whether `path` is one of the lists that are read.
    is_read: bool,
    part: Part,
    file: BufWriter<File>,
}

impl Report {
    /// Begins a report. It writes failures to `failed`, which may be one of the `lists` that are read.
    ///
    /// # Errors
    ///
    /// The file for failures cannot be created.
    pub(crate) fn new(how: How, failed: Option<&Path>, lists: &[PathBuf]) -> anyhow::Result<Self> {
        let is_live = std::io::stderr().is_terminal() && !how.json && !how.quiet && !how.watches;
        let target = if is_live { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let picture = MultiProgress::with_draw_target(target);
        let style = |template: &str| ProgressStyle::with_template(template).context("a template of the progress");
        let line = style("{msg:.dim}")?;
        let add_line = |_| picture.add(ProgressBar::new_spinner().with_style(line.clone()));
        let slowest = (0..SLOWEST).map(add_line).collect();
        let bar = picture.add(ProgressBar::new(0).with_style(style("{bar:30.green} {msg}")?.progress_chars("━╸─")));
        // On a terminal the lines of a long list would scroll the failures away.
        let has_lines = !how.quiet && (how.watches || !how.lists || !std::io::stdout().is_terminal());
        let failed_list = failed.map(|path| FailedList::create(path, lists)).transpose()?;
        Ok(Self {
            how,
            has_lines,
            is_read: Cell::new(true),
            begun: Instant::now(),
            under_way: BTreeMap::new(),
            bar,
            slowest,
            failed_list,
            count: Count::default(),
            reasons: BTreeMap::new(),
        })
    }

    /// Records that an image begins; returns its number.
    pub(crate) fn began(&mut self, item: &Item) -> u64 {
        self.count.begun += 1;
        self.under_way.insert(self.count.begun, (Instant::now(), item.source.shown()));
        self.count.begun
    }

    /// Reports the outcome of an image. `number` is the one that [`Self::began`] returned, if the image began.
    ///
    /// # Errors
    ///
    /// The list of failures or standard output cannot be written.
    pub(crate) fn ended(&mut self, number: Option<u64>, item: &Item, outcome: &Outcome) -> std::io::Result<()> {
        number.and_then(|number| self.under_way.remove(&number));
        self.count.ended += 1;
        match outcome {
            Outcome::Passed => return Ok(()),
            Outcome::Added(image) => {
                self.count.added += 1;
                if let Some(content) = &image.content {
                    self.count.bytes += content.size;
                    self.count.stored += content.stored_size;
                }
            }
            Outcome::Present(_) | Outcome::Twice => self.count.present += 1,
            Outcome::NoImage => self.count.no_image += 1,
            Outcome::Failed(reason) => {
                self.count.failed += 1;
                let is_known = self.reasons.len() < REASONS || self.reasons.contains_key(reason);
                let reason = if is_known { reason.as_str() } else { "other reasons" };
                *self.reasons.entry(reason.into()).or_default() += 1;
            }
        }
        if let (Outcome::Failed(reason), Some(list)) = (outcome, &mut self.failed_list) {
            list.add(item, reason)?;
        }
        if self.how.json {
            return self.print(|| json::line(&JsonLine::of(item, outcome)));
        }
        match outcome {
            Outcome::Failed(reason) => {
                let text = match (&item.at, &item.source) {
                    (Some(at), Source::Unread(..)) => format!("{at}: {reason}"),
                    (Some(at), source) => format!("{at}: {}: {reason}", source.shown()),
                    (None, source) => format!("{}: {reason}", source.shown()),
                };
                self.above(|| output::complain(&text));
            }
            Outcome::Added(image) | Outcome::Present(image) if self.has_lines => {
                let Image { id, name, content, .. } = image;
                let (size, stored) = content.as_ref().map_or((0, 0), |content| (content.size, content.stored_size));
                let (size, stored) = (output::bytes(size), output::bytes(stored));
                let was_here = if matches!(outcome, Outcome::Present(_)) { ", was here" } else { "" };
                let line = format!("{id}  {name}  {size} stored in {stored}{was_here}");
                return self.print(|| output::line(&line));
            }
            _ => {}
        }
        Ok(())
    }

    /// Prints to standard output. If nobody reads it any more, the work goes on without output.
    fn print(&self, print: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        if !self.is_read.get() {
            return Ok(());
        }
        match self.bar.suspend(print) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {
                self.is_read.set(false);
                Ok(())
            }
            printed => printed,
        }
    }

    /// Prints above the progress.
    fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Redraws the progress, out of `total` images.
    pub(crate) fn draw(&mut self, total: u64) {
        if self.bar.is_hidden() {
            return;
        }
        let seconds = self.begun.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let rate = self.count.ended as f64 / seconds.max(0.1);
        let left = total.saturating_sub(self.count.ended);
        #[expect(clippy::cast_precision_loss, reason = "a time for people")]
        let eta = if rate > 0.0 { Duration::try_from_secs_f64(left as f64 / rate).ok() } else { None };
        let eta = eta.map_or_else(|| "?".into(), |eta| HumanDuration(eta).to_string());
        let failed = if self.count.failed > 0 { format!(", {} failed", self.count.failed) } else { String::new() };
        self.bar.set_length(total.max(1));
        self.bar.set_position(self.count.ended);
        self.bar.set_message(format!(
            "{} of {}{failed}, {rate:.1}/s, {eta} left, {} saved",
            HumanCount(self.count.ended),
            HumanCount(total),
            output::bytes(self.count.bytes.saturating_sub(self.count.stored)),
        ));
        let mut slow = self.under_way.values().filter(|(since, _)| since.elapsed() >= SLOW);
        for line in &self.slowest {
            let shown = slow.next().map_or_else(String::new, |(since, what)| {
                format!("{:>4} s  {}", since.elapsed().as_secs(), output::plain(what))
            });
            line.set_message(shown);
        }
    }

    /// Says that no further image begins.
    pub(crate) fn stopping(&self) {
        let under_way = self.under_way.len();
        let text =
            format!("stopping: {under_way} images are finished first; interrupt again to leave them for the next run");
        self.above(|| output::note(&text));
    }

    /// Ends the progress, completes the list of failures and prints the summary. Returns the exit code.
    ///
    /// # Errors
    ///
    /// The list of failures or standard output cannot be written.
    pub(crate) fn end(mut self, total: &Total) -> anyhow::Result<ExitCode> {
        for line in self.slowest.iter().chain([&self.bar]) {
            line.finish_and_clear();
        }
        let left = total.get().saturating_sub(self.count.ended);
        let seconds = self.begun.elapsed().as_secs_f64();
        let is_whole = left == 0 && total.is_known();
        let failed = self.failed_list.take().map(|list| list.finish(is_whole)).transpose()?;
        let count = &self.count;
        if self.how.json {
            let summary = json!({
                "added": count.added, "present": count.present, "no_image": count.no_image, "failed": count.failed,
                "left": left, "bytes": count.bytes, "stored_bytes": count.stored, "seconds": seconds,
            });
            self.print(|| json::line(&json!({ "summary": summary })))?;
        } else if !self.how.quiet && count.ended + left > 1 {
            for (what, number, more) in [
                ("added", count.added, saved(count)),
                ("were here", count.present, String::new()),
                ("no images", count.no_image, String::new()),
                ("failed", count.failed, failed.unwrap_or_default()),
                ("left", left, "the same command goes on with them".into()),
            ] {
                if number > 0 {
                    output::note(format!("{what:<9} {:>10}  {more}", HumanCount(number).to_string()).trim_end());
                }
            }
            for (reason, number) in self.reasons.iter().filter(|_| self.how.lists) {
                output::note(&format!("{:>22}  {reason}", HumanCount(*number).to_string()));
            }
            #[expect(clippy::cast_precision_loss, reason = "rates for people")]
            let (images, bytes) = (count.added as f64 / seconds, count.bytes as f64 / seconds);
            let time = HumanDuration(Duration::from_secs_f64(seconds));
            output::note(&format!("took      {:>10}  {images:.1} images/s, {:.1} MB/s", time.to_string(), bytes / 1e6));
        }
        Ok(if count.failed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }
}

/// The bytes saved, for people.
fn saved(count: &Count) -> String {
    let (bytes, stored) = (output::bytes(count.bytes), output::bytes(count.stored));
    let percent = 100 * count.bytes.saturating_sub(count.stored) / count.bytes.max(1);
    format!("{bytes} stored in {stored}, {percent} % saved")
}

/// An image's source, under the key that a list has for it.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Place<'a> {
    Url(&'a str),
    File(String),
    /// An argument that is neither a URL nor a readable file.
    Argument(&'a str),
}

impl<'a> Place<'a> {
    /// Returns `None` for a line that cannot be read.
    fn of(source: &'a Source) -> Option<Self> {
        match source {
            Source::Url(source) => Some(Self::Url(&source.url)),
            Source::File { path, .. } | Source::Watched { path, .. } => Some(Self::File(path.display().to_string())),
            Source::Nowhere(argument, _) => Some(Self::Argument(argument)),
            Source::Unread(..) => None,
        }
    }
}

/// A line of `--json`.
#[derive(Serialize)]
struct JsonLine<'a> {
    outcome: &'static str,
    at: Option<&'a str>,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    #[serde(flatten)]
    image: Option<JsonImage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct JsonImage<'a> {
    id: &'a str,
    name: &'a str,
    size: Option<u64>,
    stored_size: Option<u64>,
    sha256: Option<&'a str>,
}

impl<'a> JsonLine<'a> {
    fn of(item: &'a Item, outcome: &'a Outcome) -> Self {
        let (outcome, image, error) = match outcome {
            Outcome::Added(image) => ("added", Some(image), None),
            Outcome::Present(image) => ("present", Some(image), None),
            Outcome::Twice => ("twice", None, None),
            Outcome::NoImage => ("no_image", None, None),
            Outcome::Passed => ("passed", None, None),
            Outcome::Failed(reason) => ("failed", None, Some(reason.as_str())),
        };
        let image = image.map(|image| JsonImage {
            id: &image.id,
            name: &image.name,
            size: image.content.as_ref().map(|content| content.size),
            stored_size: image.content.as_ref().map(|content| content.stored_size),
            sha256: image.content.as_ref().map(|content| content.sha256.as_str()),
        });
        Self { outcome, at: item.at.as_deref(), place: Place::of(&item.source), image, error }
    }
}

/// A line of the list of failures.
#[derive(Serialize)]
struct FailedLine<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    referrer: Option<&'a str>,
    name: Option<&'a str>,
    tags: &'a [String],
    error: &'a str,
}

impl FailedList {
    fn create(path: &Path, lists: &[PathBuf]) -> anyhow::Result<Self> {
        let place = path.canonicalize().ok();
        let is_read =
            place.is_some_and(|place| lists.iter().any(|list| list.canonicalize().is_ok_and(|list| list == place)));
        let (part, file) = Part::create(path).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { path: path.into(), is_read, part, file: BufWriter::new(file) })
    }

    fn add(&mut self, item: &Item, reason: &str) -> std::io::Result<()> {
        // A list cannot hold a path that is not UTF-8.
        let is_text = !matches!(&item.source, Source::File { path, .. } | Source::Watched { path, .. } if path.to_str().is_none());
        let place = Place::of(&item.source).filter(|place| is_text && !matches!(place, Place::Argument(_)));
        let Some(place) = place else {
            let text = format!("{}: {reason}", item.source.shown());
            return writeln!(self.file, "# {}", output::plain(&text));
        };
        let label = &item.label;
        let referrer = if let Source::Url(source) = &item.source { source.referrer.as_deref() } else { None };
        let line = FailedLine { place, referrer, name: label.name.as_deref(), tags: &label.tags, error: reason };
        writeln!(self.file, "{}", serde_json::to_string(&line)?)
    }

    /// Moves the list to its place, unless that would lose lines of a list that was not read to its end. Says where the
    /// failures are listed.
    ///
    /// # Errors
    ///
    /// The list cannot be written or moved.
    fn finish(mut self, is_whole: bool) -> anyhow::Result<String> {
        let path = self.path.display();
        if self.is_read && !is_whole {
            return Ok(format!("still in {path}, which stays as it was"));
        }
        let written = self.file.flush().and_then(|()| self.part.keep());
        written.with_context(|| format!("cannot write {path}"))?;
        Ok(format!("listed in {path}"))
    }
}
