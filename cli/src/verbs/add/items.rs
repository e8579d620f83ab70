//! Reads the images to add, on its own thread: arguments, directories and lists.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use burrow_host::Label;
use burrow_model::key::ImageId;
use burrow_model::name::derived;
use tokio::sync::mpsc;
use walkdir::{DirEntry, WalkDir};

use super::list::{Entry, Lines};
use super::watch::{Sight, Watch};

/// Items that are read ahead of the scheduler.
const AHEAD: usize = 64;

/// An image to add, or an argument or line that names no image.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) source: Source,
    pub(crate) label: Label,
    /// The list and line that name the image, if a list does.
    pub(crate) at: Option<String>,
}

/// Where an image is.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Url(burrow_host::Source),
    File {
        path: PathBuf,
        /// Whether it was found in a directory, which may also hold files that are no images.
        is_found: bool,
    },
    /// A file that appeared in a watched directory, and is whole.
    Watched {
        path: PathBuf,
        /// How it looked when its turn came.
        sight: Sight,
        /// The image that it became in an earlier run or under another name, and whether nothing of it changed since.
        image: Option<(ImageId, bool)>,
        /// How often the store did not take it.
        tries: u32,
    },
    /// An argument or file that cannot be read, and the reason.
    Nowhere(String, String),
    /// A line of a list that cannot be read, and the reason.
    Unread(String, String),
}

impl Source {
    /// What tells the source from others. Two paths that are not UTF-8 may be shown alike.
    pub(crate) fn key(&self) -> OsString {
        match self {
            Self::File { path, .. } | Self::Watched { path, .. } => path.clone().into_os_string(),
            source => source.shown().into(),
        }
    }

    /// The source as people name it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Url(source) => source.url.clone(),
            Self::Nowhere(text, _) | Self::Unread(text, _) => text.clone(),
            Self::File { path, .. } | Self::Watched { path, .. } => path.display().to_string(),
        }
    }
}

/// The images, lists, labels and watched directories of the command line.
#[derive(Clone, Debug)]
pub(crate) struct Arguments {
    pub(crate) images: Vec<OsString>,
    pub(crate) lists: Vec<PathBuf>,
    pub(crate) referrer: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) tags: Vec<String>,
    pub(crate) watch: Option<Watch>,
}

/// The items as they are read, and their number as far as it is known.
#[derive(Debug)]
pub(crate) struct Items {
    pub(crate) items: mpsc::Receiver<Item>,
    pub(crate) total: Arc<Total>,
}

/// The number of items: counted while they are read, and estimated before.
#[derive(Debug, Default)]
pub(crate) struct Total {
    read: AtomicU64,
    expected: AtomicU64,
    is_known: AtomicBool,
}

impl Total {
    /// The number of items, or an estimate until all are read.
    pub(crate) fn get(&self) -> u64 {
        let read = self.read.load(Ordering::Relaxed);
        if self.is_known() { read } else { read.max(self.expected.load(Ordering::Relaxed)) }
    }

    /// Whether all items are read.
    pub(crate) fn is_known(&self) -> bool {
        self.is_known.load(Ordering::Relaxed)
    }
}

impl Arguments {
    /// Begins to read, on a new thread.
    ///
    /// # Errors
    ///
    /// The thread cannot be started.
    pub(crate) fn read(self) -> std::io::Result<Items> {
        let (sender, items) = mpsc::channel(AHEAD);
        let total = Arc::new(Total::default());
        let reader =
            Reader { to: sender, total: total.clone(), referrer: self.referrer.clone(), tags: self.tags.clone() };
        // Nobody waits for the thread to end: standard input may never end.
        std::thread::Builder::new().name("list".into()).spawn(move || reader.read(&self))?;
        Ok(Items { items, total })
    }
}

pub(super) struct Reader {
    to: mpsc::Sender<Item>,
    total: Arc<Total>,
    referrer: Option<String>,
    tags: Vec<String>,
}

/// The receiver is gone, so nobody wants more items.
pub(super) struct Enough;

impl Reader {
    fn read(&self, given: &Arguments) -> Result<(), Enough> {
        let expected = given.lists.iter().map(|list| lines(list)).sum::<u64>() + given.images.len() as u64;
        self.total.expected.store(expected, Ordering::Relaxed);
        let arguments = given.images.iter().try_for_each(|image| self.argument(image, given.name.as_deref()));
        arguments.and_then(|()| given.lists.iter().try_for_each(|list| self.list(list)))?;
        self.total.is_known.store(true, Ordering::Relaxed);
        given.watch.as_ref().map_or(Ok(()), |watch| watch.run(self))
    }

    pub(super) fn send(
        &self,
        source: Source,
        name: Option<String>,
        tags: &[String],
        at: Option<String>,
    ) -> Result<(), Enough> {
        self.total.read.fetch_add(1, Ordering::Relaxed);
        // A file may have a name of which nothing is left.
        let name = name.filter(|name| !name.is_empty());
        let label = Label { name, tags: [&self.tags, tags].concat() };
        self.to.blocking_send(Item { source, label, at }).map_err(|_| Enough)
    }

    /// A URL that is to be downloaded; a list may state another referrer for it.
    fn url(&self, url: String, referrer: Option<String>) -> Source {
        Source::Url(burrow_host::Source { url, referrer: referrer.or_else(|| self.referrer.clone()) })
    }

    fn argument(&self, image: &OsStr, name: Option<&str>) -> Result<(), Enough> {
        let (path, name) = (Path::new(image), name.map(str::to_owned));
        if let Some(url) = image.to_str().filter(|image| is_url(image)) {
            self.send(self.url(url.into(), None), name, &[], None)
        } else if path.is_dir() {
            self.directory(path)
        } else if path.exists() {
            self.file(path, name, &[], None)
        } else {
            let reason = "neither a URL (http:// or https://) nor a file or directory that is there";
            self.send(Source::Nowhere(path.display().to_string(), reason.into()), None, &[], None)
        }
    }

    fn file(&self, path: &Path, name: Option<String>, tags: &[String], at: Option<String>) -> Result<(), Enough> {
        let name = name.or_else(|| Some(name_of(Path::new(path.file_name()?))));
        self.send(Source::File { path: path.into(), is_found: false }, name, tags, at)
    }

    /// Sends all files below a directory except hidden ones, also those behind links. Each is named after its path in
    /// the directory.
    fn directory(&self, directory: &Path) -> Result<(), Enough> {
        let is_hidden = |entry: &DirEntry| entry.depth() > 0 && is_hidden(entry.file_name());
        let found = WalkDir::new(directory).follow_links(true).sort_by_file_name();
        for entry in found.into_iter().filter_entry(|entry| !is_hidden(entry)) {
            match entry {
                Ok(entry) if entry.file_type().is_file() => {
                    let name = name_of(entry.path().strip_prefix(directory).unwrap_or(entry.path()));
                    self.send(Source::File { path: entry.into_path(), is_found: true }, Some(name), &[], None)?;
                }
                Ok(_) => {}
                // A link to a directory that it is in: what is there is sent anyway.
                Err(error) if error.loop_ancestor().is_some() => {}
                Err(error) => self.broken(error.path().unwrap_or(directory), &error)?,
            }
        }
        Ok(())
    }

    fn list(&self, path: &Path) -> Result<(), Enough> {
        let from: Box<dyn std::io::Read> = if path == Path::new("-") {
            Box::new(std::io::stdin())
        } else {
            match File::open(path) {
                Ok(file) => Box::new(file),
                Err(error) => return self.broken(path, &error),
            }
        };
        for line in Lines::new(from) {
            let line = match line {
                Ok(line) => line,
                Err(error) => return self.broken(path, &error),
            };
            let at = format!("{}, line {}", path.display(), line.number);
            match line.entry {
                Ok(Entry { file: Some(file), name, tags, .. }) => self.file(Path::new(&file), name, &tags, Some(at))?,
                Ok(Entry { url, referrer, name, tags, .. }) => {
                    self.send(self.url(url.unwrap_or_default(), referrer), name, &tags, Some(at))?;
                }
                Err(reason) => self.send(Source::Unread(at.clone(), reason), None, &[], Some(at))?,
            }
        }
        Ok(())
    }

    fn broken(&self, path: &Path, error: &impl std::error::Error) -> Result<(), Enough> {
        let reason = format!("cannot be read: {error}");
        self.send(Source::Nowhere(path.display().to_string(), reason), None, &[], None)
    }
}

/// Whether a file or directory of this name is passed over.
pub(super) fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// The name for an image in this file.
pub(super) fn name_of(path: &Path) -> String {
    derived(&path.to_string_lossy())
}

/// Whether a text is meant as a URL, valid or not.
fn is_url(text: &str) -> bool {
    text.split_once("://").is_some_and(|(scheme, _)| scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Estimates the entries of a list by its lines that are not blank; 0 if the list can be read only once.
fn lines(path: &Path) -> u64 {
    let Some(file) = File::open(path).ok().filter(|file| file.metadata().is_ok_and(|metadata| metadata.is_file()))
    else {
        return 0;
    };
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let (mut lines, mut is_empty) = (0, true);
    while let Ok(bytes) = reader.fill_buf()
        && !bytes.is_empty()
    {
        for &byte in bytes {
            match byte {
                b'\n' => {
                    lines += u64::from(!is_empty);
                    is_empty = true;
                }
                b' ' | b'\t' | b'\r' => {}
                _ => is_empty = false,
            }
        }
        let read = bytes.len();
        reader.consume(read);
    }
    lines + u64::from(!is_empty)
}
