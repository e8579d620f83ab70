//! `burrow add`: downloads images or reads files, and stores them.

mod items;
mod list;
mod report;
mod watch;

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use burrow_host::{Burrow, Error, Image, Label, Status, VaultError, Wanted};
use burrow_model::key::ImageId;
use futures::StreamExt as _;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio_util::sync::CancellationToken;

use crate::find::found;
use crate::open::{Holder, Opened};
use crate::output;
use crate::parse::Refused;
use crate::signals::Signals;
use items::{Arguments, Item, Source};
use report::{Outcome, Report};
use watch::{Fate, Inbox, Sight, Watch, Whole};

/// Download images, or read files and directories, and store them. Leaves images alone that are stored already.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags")]
pub(crate) struct Add {
    /// URLs of images, files, or directories. A directory stands for all files below it except hidden ones.
    #[arg(required_unless_present_any = ["from", "watch"], value_name = "URL|FILE|DIRECTORY")]
    images: Vec<OsString>,

    /// Read images from this list, too; - is standard input. It has a URL a line, a JSON object a line, or is a table
    /// with a header (url or file, referrer, name, tags) or a JSON array. May be repeated.
    #[arg(long, value_name = "FILE")]
    from: Vec<PathBuf>,

    /// Watch this directory, and keep each file that is or appears there once it is whole, until interrupted. May be
    /// repeated. Files that are renamed or moved there are not kept twice.
    #[arg(long, value_name = "DIRECTORY", conflicts_with_all = ["again", "fail_fast"])]
    watch: Vec<PathBuf>,

    /// A file of a watched directory is whole when it is closed and unchanged for so many seconds.
    #[arg(long, value_name = "SECONDS", default_value = "2", requires = "watch")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    settle: u32,

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
    /// `--name` is given with anything but a single image; `--watch` names something else than a directory.
    pub(crate) fn check(&self) -> Result<(), Refused> {
        let is_one = matches!(self.images.as_slice(), [image] if !Path::new(image).is_dir());
        let is_one = is_one && self.from.is_empty() && self.watch.is_empty();
        if self.name.is_some() && !is_one {
            return Err(Refused::Unusable("--name goes with one image only".into()));
        }
        let is_other = |path: &&PathBuf| std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_dir());
        if let Some(path) = self.watch.iter().find(is_other) {
            return Err(Refused::Unusable(format!("--watch: {} is no directory", path.display())));
        }
        Ok(())
    }

    pub(crate) async fn run(self, opened: &Opened) -> anyhow::Result<ExitCode> {
        let watches = !self.watch.is_empty();
        let how = report::How { json: self.json, quiet: self.quiet, lists: !self.from.is_empty(), watches };
        let report = RefCell::new(Report::new(how, self.failed.as_deref(), &self.from)?);
        let inbox = Arc::new(Inbox::default());
        let watch = watches.then(|| Watch {
            directories: self.watch,
            settle: Duration::from_secs(self.settle.into()),
            store: opened.store.clone(),
            inbox: inbox.clone(),
        });
        let given = Arguments {
            images: self.images,
            lists: self.from,
            referrer: self.referrer,
            name: self.name,
            tags: self.tags,
            watch,
        };
        let items::Items { items, total } = given.read().context("cannot start a thread")?;
        if !self.json && !self.quiet && !opened.uses_proxy {
            output::note_proxies();
        }
        let adding =
            Adding { burrow: &opened.burrow, again: self.again, inbox: &inbox, store_error: RefCell::default() };

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
            // Whoever watches hands each file over once, and waits for what becomes of it.
            let is_watched = matches!(item.source, Source::Watched { .. });
            if !self.again && !is_watched && !under_way.borrow_mut().insert(item.source.key()) {
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
            // This process cannot connect anew to another one that opens the store.
            if opened.holder == Holder::Other && adding.store_error.borrow().is_some() {
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
        if let Some(error) = adding.store_error.into_inner().filter(|_| opened.holder == Holder::Other) {
            anyhow::bail!("watching ends: {error}");
        }
        Ok(interrupted.get().map_or(code, ExitCode::from))
    }
}

/// Adds single images.
struct Adding<'a> {
    burrow: &'a Burrow,
    again: bool,
    /// Where those who watch learn what became of a file.
    inbox: &'a Inbox,
    /// Why the store did not take a watched file.
    store_error: RefCell<Option<String>>,
}

impl Adding<'_> {
    async fn add(&self, item: &Item) -> Outcome {
        match &item.source {
            Source::Url(source) => self.url(source.clone(), item.label.clone()).await,
            Source::File { path, is_found } => match self.file(path, item.label.clone()).await {
                Err(Error::Vault(VaultError::NotAnImage(_))) if *is_found => Outcome::NoImage,
                added => added.unwrap_or_else(|error| Outcome::Failed(error.to_string())),
            },
            Source::Watched { path, sight, image, tries } => {
                let (outcome, fate) = self.watched(path, *sight, *image, item.label.clone()).await;
                self.inbox.ended(path.clone(), *sight, fate);
                // A failure is told once, however often the file is tried again.
                if *tries > 0 && matches!(outcome, Outcome::Failed(_)) { Outcome::Passed } else { outcome }
            }
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
            && let Some(image) = self.present(&label, &open).await?
        {
            return Ok(Outcome::Present(image));
        }
        self.burrow.put(open().await?, label).await.map(Outcome::Added)
    }

    /// The image that has the name and the content of a file.
    async fn present<F: AsyncRead + Unpin>(
        &self,
        label: &Label,
        open: impl AsyncFn() -> Result<F, Error>,
    ) -> Result<Option<Image>, Error> {
        let Some(name) = &label.name else { return Ok(None) };
        if found(self.burrow.get_by_name(name).await)?.is_none() {
            return Ok(None);
        }
        let sha256 = digest(open().await?).await.map_err(Error::Read)?;
        found(self.burrow.get_by_content(name, &sha256).await)
    }

    /// Stores a file of a watched directory, unless it is `kept`: the image that it became before, and whether nothing of
    /// it has changed since.
    async fn watched(&self, path: &Path, sight: Sight, kept: Option<(ImageId, bool)>, label: Label) -> (Outcome, Fate) {
        let fate_of = |image: &Image| ImageId::parse(&image.id).map_or(Fate::Refused, Fate::Kept);
        match self.whole(path, sight, kept, label).await {
            Ok(Some(Outcome::Added(image))) => (Outcome::Added(image.clone()), fate_of(&image)),
            Ok(Some(Outcome::Present(image))) if kept.is_some() => (Outcome::Passed, fate_of(&image)),
            Ok(Some(Outcome::Present(image))) => (Outcome::Present(image.clone()), fate_of(&image)),
            Ok(Some(outcome)) => (outcome, Fate::Refused),
            Ok(None) => (Outcome::Passed, Fate::Changed),
            Err(Error::Read(error)) if watch::has_changed(&error) => (Outcome::Passed, Fate::Changed),
            Err(Error::Vault(VaultError::NotAnImage(_))) => (Outcome::NoImage, Fate::Refused),
            Err(error) => {
                let text = error.to_string();
                let fate = match error {
                    Error::Vault(VaultError::StoreFailed(_)) => {
                        self.store_error.replace(Some(text.clone()));
                        Fate::Later
                    }
                    Error::Vault(VaultError::LimitExceeded(full)) if full.limit != MAX_IMAGE_BYTES => Fate::Later,
                    Error::Vault(_) | Error::Read(_) => Fate::Refused,
                    _ => Fate::Later,
                };
                (Outcome::Failed(text), fate)
            }
        }
    }

    /// As [`Self::file`], of a file as it was seen. `None` if it is not so any more.
    async fn whole(
        &self,
        path: &Path,
        sight: Sight,
        kept: Option<(ImageId, bool)>,
        label: Label,
    ) -> Result<Option<Outcome>, Error> {
        let Some(file) = watch::open(path, sight).map_err(Error::Read)? else { return Ok(None) };
        let open = async || {
            let mut file = file.try_clone().map_err(Error::Read)?;
            std::io::Seek::rewind(&mut file).map_err(Error::Read)?;
            Whole::new(file, sight).map_err(Error::Read)
        };
        if let Some((id, is_untouched)) = kept
            && let Some(image) = found(self.burrow.get(&id.to_string()).await)?
            && let Some(content) = &image.content
            && (is_untouched || digest(open().await?).await.map_err(Error::Read)? == content.sha256)
        {
            return Ok(Some(Outcome::Present(image)));
        }
        if let Some(image) = self.present(&label, &open).await? {
            return Ok(Some(Outcome::Present(image)));
        }
        self.burrow.put(open().await?, label).await.map(|image| Some(Outcome::Added(image)))
    }
}

/// The limit that a file exceeds for good, not only while the vault is full.
const MAX_IMAGE_BYTES: &str = "max_image_bytes";

/// SHA-256 of a file, in lower-case hexadecimal digits.
async fn digest(mut file: impl AsyncRead + Unpin) -> std::io::Result<String> {
    let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE]);
    loop {
        match file.read(&mut piece).await? {
            0 => return Ok(output::hex(&digest.finalize())),
            read => digest.update(piece.get(..read).unwrap_or_default()),
        }
    }
}
