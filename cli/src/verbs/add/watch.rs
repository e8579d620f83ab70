//! Watches directories: finds files that appear in them, and hands each over once it is whole.
//!
//! What the system tells of changes only says where to look. What is there decides, so nothing is missed for good where
//! it tells little (network file systems) or nothing (too many changes at once): all is scanned now and then.

mod files;
mod inbox;
mod memory;
mod whole;

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use burrow_model::key::ImageId;
use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use walkdir::WalkDir;

use super::items::{Enough, Reader, Source, is_hidden, name_of};
use crate::output;
use files::{Due, Files, Version};
use inbox::{Hint, News};
use memory::Memory;

pub(crate) use files::{Fate, Sight};
pub(crate) use inbox::Inbox;
pub(crate) use whole::{Whole, has_changed, open};

/// Time between two looks whether the directories are still there.
const LOOK: Duration = Duration::from_secs(1);

/// Time between two scans of everything: where the system tells of changes, and where it does not.
const SCAN: Duration = Duration::from_mins(1);
const SCAN_UNTOLD: Duration = Duration::from_secs(5);

/// A scan takes at most one part in so many of the time.
const SHARE: u32 = 20;

/// Files handed over before the next look at what changed.
const AT_ONCE: usize = 1000;

/// The directories to watch, and how.
#[derive(Clone, Debug)]
pub(crate) struct Watch {
    pub(crate) directories: Vec<PathBuf>,
    pub(crate) settle: Duration,
    /// The store, as it is named in every run.
    pub(crate) store: String,
    pub(crate) inbox: Arc<Inbox>,
}

impl Watch {
    /// Sends files to the reader until nobody wants more.
    pub(super) fn run(&self, reader: &Reader) -> Result<(), Enough> {
        let roots: Vec<_> = self.directories.iter().map(|directory| Root::new(directory, &self.store)).collect();
        let files = Files::new(self.settle, roots.iter().flat_map(Root::remembered));
        let inbox = self.inbox.clone();
        Watching { reader, inbox, files, roots, told: HashSet::new(), next_look: Instant::now() }.run()
    }
}

/// A watched directory.
struct Root {
    path: PathBuf,
    memory: Option<Memory>,
    /// Device and inode of the directory that is watched; `None` while it is away.
    watched: Option<(u64, u64)>,
    /// Whether people were told that it is away.
    is_told_away: bool,
    /// Dropped when the directory goes away: the system then tells nothing more of it.
    watcher: Option<RecommendedWatcher>,
    next_scan: Instant,
}

impl Root {
    fn new(path: &Path, store: &str) -> Self {
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let memory = Memory::of(&path, store);
        if memory.is_none() {
            output::note(
                "note: neither XDG_STATE_HOME nor HOME is set, so what is renamed between two runs is kept twice",
            );
        }
        Self { memory, path, watched: None, is_told_away: false, watcher: None, next_scan: Instant::now() }
    }

    fn remembered(&self) -> Vec<(Sight, ImageId)> {
        self.memory.as_ref().map(Memory::read).unwrap_or_default()
    }
}

struct Watching<'a> {
    reader: &'a Reader,
    inbox: Arc<Inbox>,
    files: Files,
    roots: Vec<Root>,
    /// What people were told of: each thing that is passed over has one line.
    told: HashSet<PathBuf>,
    next_look: Instant,
}

impl Watching<'_> {
    fn run(&mut self) -> Result<(), Enough> {
        loop {
            if Instant::now() >= self.next_look {
                (0..self.roots.len()).for_each(|root| self.look_after(root));
                self.next_look = Instant::now() + LOOK;
            }
            self.hand_over()?;
            let due = self.files.next_due().unwrap_or(self.next_look);
            let news = self.inbox.wait(due.min(self.next_look).saturating_duration_since(Instant::now()));
            self.take(news);
            if self.files.has_room_again() {
                self.scan_all();
            }
        }
    }

    fn scan_all(&mut self) {
        self.roots.iter_mut().for_each(|root| root.next_scan = Instant::now());
        self.next_look = Instant::now();
    }

    fn take(&mut self, News { paths, is_more, ended }: News) {
        for (path, sight, fate) in ended {
            self.files.ended(&path, sight, fate, Instant::now());
            match fate {
                Fate::Kept(image) => self.remember(&path, |memory| memory.add(sight, image)),
                // What it is now has its turn later.
                Fate::Changed => self.look_at(&path),
                Fate::Refused | Fate::Later => {}
            }
        }
        for (path, hint) in paths {
            self.look_at(&path);
            if let Hint::Written { is_closed } = hint {
                self.files.written(&path, is_closed, Instant::now());
            }
        }
        if is_more {
            self.scan_all();
        }
    }

    /// Writes to the memory of a watched directory.
    fn remember(&mut self, path: &Path, write: impl FnOnce(&mut Memory) -> std::io::Result<()>) {
        let Some(root) = self.roots.iter_mut().find(|root| path.starts_with(&root.path)) else { return };
        if let Some(Err(error)) = root.memory.as_mut().map(write) {
            root.memory = None;
            output::complain(&format!(
                "cannot note which files of {} are kept: {error}; what is renamed between two runs is kept twice",
                root.path.display()
            ));
        }
    }

    /// Watches a directory that is there, or there again, and scans it if it is time.
    fn look_after(&mut self, number: usize) {
        let Some(root) = self.roots.get_mut(number) else { return };
        let path = root.path.display();
        let found = std::fs::metadata(&root.path).ok().filter(std::fs::Metadata::is_dir);
        let Some(found) = found.map(|metadata| (metadata.dev(), metadata.ino())) else {
            (root.watched, root.watcher) = (None, None);
            if !std::mem::replace(&mut root.is_told_away, true) {
                output::note(&format!("{path} is not there; it is watched as soon as it is"));
            }
            return;
        };
        if root.watched != Some(found) {
            if std::mem::take(&mut root.is_told_away) {
                output::note(&format!("{path} is there, and watched"));
            }
            root.watched = Some(found);
            root.next_scan = Instant::now();
            let inbox = self.inbox.clone();
            let watcher = notify::recommended_watcher(move |event| inbox.event(event));
            let begun = watcher.and_then(|mut watcher| {
                watcher.watch(&root.path, RecursiveMode::Recursive)?;
                Ok(watcher)
            });
            root.watcher = match begun {
                Ok(watcher) => Some(watcher),
                Err(error) => {
                    let seconds = SCAN_UNTOLD.as_secs();
                    let text = format!(
                        "{path}: the system does not tell what changes there, so all is looked at every \
                                        {seconds} s: {error}"
                    );
                    output::note(&text);
                    None
                }
            };
        }
        if Instant::now() >= root.next_scan {
            self.scan(number);
        }
    }

    fn scan(&mut self, number: usize) {
        let Some(path) = self.roots.get(number).map(|root| root.path.clone()) else { return };
        let (begun, mut seen) = (Instant::now(), HashSet::new());
        self.walk(&path, &path, &mut seen);
        let pause = begun.elapsed().saturating_mul(SHARE);
        let images = self.files.images(&seen);
        let Some(root) = self.roots.get_mut(number) else { return };
        root.next_scan = Instant::now() + pause.max(if root.watcher.is_some() { SCAN } else { SCAN_UNTOLD });
        // Nothing is forgotten of a directory that is away.
        if root.watched.is_some() && !seen.is_empty() {
            self.remember(&path, |memory| memory.replace(&images));
        }
    }

    /// Looks at everything below a path: all but hidden files, also those behind links.
    fn walk(&mut self, root: &Path, path: &Path, seen: &mut HashSet<Version>) {
        let found = WalkDir::new(path).follow_links(true).into_iter();
        for entry in found.filter_entry(|entry| entry.path() == root || !is_hidden(entry.file_name())) {
            match entry {
                Ok(entry) if entry.file_type().is_dir() => {}
                Ok(entry) if entry.file_type().is_file() => match entry.metadata() {
                    Ok(metadata) => {
                        let sight = Sight::of(&metadata);
                        seen.insert(sight.version);
                        self.files.seen(entry.path(), sight, Instant::now());
                    }
                    // It is gone again.
                    Err(_) => self.files.gone(entry.path()),
                },
                Ok(entry) => self.tell(entry.path(), "neither a file nor a directory"),
                Err(error) if error.loop_ancestor().is_some() => {
                    self.tell(error.path().unwrap_or(path), "a link to a directory that it is in");
                }
                // What was there a moment ago may be gone, but a link that leads nowhere is told.
                Err(error) if error.path().is_none_or(|path| path.symlink_metadata().is_err()) => {}
                Err(error) => {
                    let reason = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    self.tell(error.path().unwrap_or(path), &format!("cannot be read: {reason}"));
                }
            }
        }
    }

    /// The watched directory that a path is in.
    fn root_of(&self, path: &Path) -> Option<&Root> {
        self.roots.iter().find(|root| path.starts_with(&root.path))
    }

    /// Looks at a path that something was told of.
    fn look_at(&mut self, path: &Path) {
        let Some(root) = self.root_of(path).map(|root| root.path.clone()) else { return };
        if path.strip_prefix(&root).is_ok_and(|below| below.iter().any(is_hidden)) {
            return;
        }
        match std::fs::symlink_metadata(path) {
            Ok(_) => self.walk(&root, path, &mut HashSet::new()),
            Err(_) => self.files.gone(path),
        }
    }

    fn tell(&mut self, path: &Path, reason: &str) {
        if self.told.insert(path.to_owned()) {
            output::note(&format!("{}: passed over: {reason}", path.display()));
        }
    }

    /// Hands over the files whose turn has come; waits until there is room for them.
    fn hand_over(&mut self) -> Result<(), Enough> {
        for Due { path, sight, image, tries } in self.files.due(Instant::now(), AT_ONCE) {
            let below = self.root_of(&path).and_then(|root| path.strip_prefix(&root.path).ok()).unwrap_or(&path);
            let name = name_of(below);
            self.reader.send(Source::Watched { path, sight, image, tries }, Some(name), &[], None)?;
        }
        Ok(())
    }
}
