//! `burrow add`: downloads images or reads files, and stores them.

mod items;
mod list;
mod report;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use burrow_host::{Burrow, Error, Label, Status, VaultError, Wanted};
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio_util::sync::CancellationToken;

use crate::find::found;
use crate::open::Opened;
use crate::output;
use crate::parse::Refused;
use crate::signals::Signals;
use items::{Arguments, Item, Source};
use report::{Outcome, Report};

/// Download images, or read files and directories, and store them. Leaves images alone that are stored already.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Add {
    /// URLs of images, files, or directories. A directory stands for all files below it except hidden ones.
    #[arg(required_unless_present = "from", value_name = "URL|FILE|DIRECTORY")]
    images: Vec<OsString>,

    /// Read images from this list, too; - is standard input. It has a URL a line, a JSON object a line, or is a table
    /// with a header (url or file, referrer, name, tags) or a JSON array. May be repeated.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,

    /// Name of the image; only for a single image [default: the last part of its URL, or the file's name].
    #[arg(long)]
    name: Option<String>,

    /// The page on which the images were found; their origins are told it, as browsers tell it.
    #[arg(long, value_name = "URL")]
    referrer: Option<String>,

    /// Tag of all these images; may be repeated.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// Add images that are stored already once more, as new images.
    #[arg(long)]
    again: bool,

    /// Begin no further image after the first failure.
    #[arg(long)]
    fail_fast: bool,

    /// Write the failed images to this file, as a list that --from takes.
    #[arg(long, value_name = "FILE")]
    failed: Option<PathBuf>,

    /// Print one JSON object a line: one for each image, and a summary at the end.
    #[arg(long)]
    json: bool,

    /// Print nothing but failures.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

/// Time between two redraws of the progress on the terminal.
const PACE: Duration = Duration::from_millis(100);

/// Bytes of a file that are read and hashed at once.
const PIECE: usize = 256 * 1024;

impl Add {
    /// Refuses flags that contradict each other. Runs before the store is made.
    ///
    /// # Errors
    ///
    /// `--name` is given with anything but a single image.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let is_one = matches!(self.images.as_slice(), [image] if self.from.is_empty() && !Path::new(image).is_dir());
        if self.name.is_some() && !is_one {
            return Err(Refused::Unusable("--name goes with one image only".into()));
        }
        Ok(())
    }

    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let how = report::How { json: self.json, quiet: self.quiet, lists: !self.from.is_empty() };
        let report = RefCell::new(Report::new(how, self.failed.as_deref(), &self.from)?);
        let given = Arguments {
            images: self.images,
            lists: self.from,
            referrer: self.referrer,
            name: self.name,
            tags: self.tags,
        };
        let items::Items { items, total } = given.read().context("cannot start a thread")?;
        if !self.json && !self.quiet && !opened.uses_proxy {
            output::note_proxies();
        }
        let adding = Adding { burrow: &opened.burrow, again: self.again };

        let stop = CancellationToken::new();
        let (under_way, untold) = (RefCell::new(HashSet::new()), RefCell::new(None));
        let tell = |number, item: &Item, outcome: &Outcome| {
            if let Err(error) = report.borrow_mut().ended(number, item, outcome) {
                // For example, the disk with the list of failures is full.
                untold.replace(Some(error));
                stop.cancel();
            }
        };
        let items = futures::stream::unfold(items, async |mut items| Some((items.recv().await?, items)));
        let wanted = items.filter_map(async |item| {
            // The same source twice at once would be downloaded twice.
            if !self.again && !under_way.borrow_mut().insert(item.source.key()) {
                tell(None, &item, &Outcome::Twice);
                return None;
            }
            let url = if let Source::Url(source) = &item.source { Some(source.url.clone()) } else { None };
            Some(Wanted { url, what: item })
        });
        let work = async |item: Item| {
            let number = report.borrow_mut().began(&item);
            let outcome = adding.add(&item).await;
            under_way.borrow_mut().remove(&item.source.key());
            tell(Some(number), &item, &outcome);
            if self.fail_fast && matches!(outcome, Outcome::Failed(_)) {
                stop.cancel();
            }
        };
        let interrupted = Cell::new(None);
        let mut signals = Signals::listen().context("cannot listen to signals")?;
        let interrupts = async {
            interrupted.set(Some(signals.next().await));
            stop.cancel();
            report.borrow_mut().stopping();
            signals.next().await;
        };
        let drawing = async {
            let mut pace = tokio::time::interval(PACE);
            loop {
                pace.tick().await;
                report.borrow_mut().draw(total.get());
            }
        };
        tokio::select! {
            _ = opened.burrow.for_each(wanted, work, stop.cancelled()) => {}
            // Interrupted twice: images under way stay jobs, which the next run or a server takes up.
            () = interrupts => {}
            () = drawing => {}
        }
        let code = report.into_inner().end(&total);
        if let Some(error) = untold.take() {
            return Err(error).context("cannot tell what was done");
        }
        let code = code?;
        Ok(interrupted.get().map_or(code, ExitCode::from))
    }
}

/// Adds single images.
struct Adding<'a> {
    burrow: &'a Burrow,
    again: bool,
}

impl Adding<'_> {
    async fn add(&self, item: &Item) -> Outcome {
        match &item.source {
            Source::Url(source) => self.url(source.clone(), item.label.clone()).await,
            Source::File { path, is_found } => match self.file(path, item.label.clone()).await {
                Err(Error::Vault(VaultError::NotAnImage(_))) if *is_found => Outcome::NoImage,
                added => added.unwrap_or_else(|error| Outcome::Failed(error.to_string())),
            },
            Source::Nowhere(_, reason) | Source::Unread(_, reason) => Outcome::Failed(reason.clone()),
        }
    }

    async fn url(&self, source: burrow_host::Source, label: Label) -> Outcome {
        let added = if self.again {
            self.burrow.ingest(source, label).await.map(|image| (image, false))
        } else {
            self.burrow.ensure(source, label).await
        };
        match added {
            Ok((image, true)) => Outcome::Present(image),
            Ok((image, false)) if image.status == Status::Ready => Outcome::Added(image),
            Ok((image, false)) => Outcome::Failed(image.error.unwrap_or_else(|| "it is not ready".into())),
            Err(error) => Outcome::Failed(error.to_string()),
        }
    }

    /// Stores a file, unless an image of the same name has the same content.
    async fn file(&self, path: &Path, label: Label) -> Result<Outcome, Error> {
        let open = async || tokio::fs::File::open(path).await.map_err(Error::Read);
        if !self.again
            && let Some(name) = &label.name
            && found(self.burrow.get_by_name(name).await)?.is_some()
            && let sha256 = digest(open().await?).await.map_err(Error::Read)?
            && let Some(image) = found(self.burrow.get_by_content(name, &sha256).await)?
        {
            return Ok(Outcome::Present(image));
        }
        self.burrow.put(open().await?, label).await.map(Outcome::Added)
    }
}

/// SHA-256 of a file, in lower-case hexadecimal digits.
async fn digest(mut file: tokio::fs::File) -> std::io::Result<String> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(output::hex(&digest.finalize())),
            read => digest.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
