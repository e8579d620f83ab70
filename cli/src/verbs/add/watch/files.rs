//! Which files of watched directories are to be kept, and when: pure, over what was seen of each.

use std::collections::{HashMap, HashSet};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use burrow_model::key::ImageId;
use serde::{Deserialize, Serialize};

/// A file that a program has open is taken all the same if it is unchanged for this many times the time to settle: some
/// programs never close a file, and the system may not tell that it was closed.
const OPEN: u32 = 30;

/// Files that wait at once, at most. The next scan finds what did not fit.
const WAITING: usize = 100_000;

/// The waits before a file is tried again that the store did not take: the first, and the longest.
const FIRST_RETRY: Duration = Duration::from_secs(10);
const LAST_RETRY: Duration = Duration::from_mins(10);

/// What tells one content of a file from others: writing changes it, and renaming and moving do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// Seconds since 1970, and nanoseconds.
    pub(crate) modified: (i64, i64),
}

/// A version of a file, and when anything of the file last changed, its name included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sight {
    #[serde(flatten)]
    pub(crate) version: Version,
    /// As `modified`.
    pub(crate) changed: (i64, i64),
}

impl Sight {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let modified = (metadata.mtime(), metadata.mtime_nsec());
        let version = Version { inode: metadata.ino(), size: metadata.size(), modified };
        Self { version, changed: (metadata.ctime(), metadata.ctime_nsec()) }
    }
}

/// What became of a version of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is this image.
    Kept(ImageId),
    /// It is no image, or none that the vault takes. It may become one once it changes.
    Refused,
    /// The store failed, so it is tried again.
    Later,
    /// It changed, or went away, before it was read to its end.
    Changed,
}

/// What is known of a version.
#[derive(Clone, Copy, Debug)]
struct Known {
    changed: (i64, i64),
    image: Option<ImageId>,
    /// Whether this process has seen that the vault has the image.
    is_checked: bool,
}

/// A file that is not kept yet.
#[derive(Debug)]
struct Waiting {
    sight: Sight,
    /// Since when it is as it is.
    since: Instant,
    /// Whether a program is known to write it.
    is_open: bool,
    /// How often the store did not take it.
    tries: u32,
    is_under_way: bool,
}

/// A file whose turn has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) path: PathBuf,
    pub(crate) sight: Sight,
    /// The image that a file of this version became, and whether nothing of the file has changed since.
    pub(crate) image: Option<(ImageId, bool)>,
    /// How often the store did not take it.
    pub(crate) tries: u32,
}

/// The files of all watched directories.
#[derive(Debug)]
pub(crate) struct Files {
    settle: Duration,
    known: HashMap<Version, Known>,
    waiting: HashMap<PathBuf, Waiting>,
    /// Versions that are being read: another name of such a file waits until the first is kept.
    under_way: HashSet<Version>,
    has_left_out: bool,
}

impl Files {
    /// A file must be unchanged for the time to settle. The images are those that files became in earlier runs.
    pub(crate) fn new(settle: Duration, images: impl IntoIterator<Item = (Sight, ImageId)>) -> Self {
        let known = |(sight, image): (Sight, ImageId)| {
            (sight.version, Known { changed: sight.changed, image: Some(image), is_checked: false })
        };
        Self {
            settle,
            known: images.into_iter().map(known).collect(),
            waiting: HashMap::new(),
            under_way: HashSet::new(),
            has_left_out: false,
        }
    }

    /// Notes how a file looks now.
    pub(crate) fn seen(&mut self, path: &Path, sight: Sight, now: Instant) {
        let known = self.known.get(&sight.version).filter(|known| known.changed == sight.changed);
        // Nothing is in an empty file; its writer has not begun.
        if sight.version.size == 0 || known.is_some_and(|known| known.is_checked) {
            self.gone(path);
            return;
        }
        let is_settled = known.is_some();
        let is_full = self.waiting.len() >= WAITING;
        match self.waiting.get_mut(path) {
            Some(waiting) if waiting.sight == sight => {}
            Some(waiting) => {
                (waiting.sight, waiting.since, waiting.tries) = (sight, now, 0);
            }
            None if is_full => self.has_left_out = true,
            None => {
                // What was kept in an earlier run has been whole since then.
                let since = if is_settled { now.checked_sub(self.settle).unwrap_or(now) } else { now };
                let waiting = Waiting { sight, since, is_open: false, tries: 0, is_under_way: false };
                self.waiting.insert(path.to_owned(), waiting);
            }
        }
    }

    /// Notes that a program has written to a file, and whether it then closed the file.
    pub(crate) fn written(&mut self, path: &Path, is_closed: bool, now: Instant) {
        if let Some(waiting) = self.waiting.get_mut(path) {
            (waiting.is_open, waiting.since) = (!is_closed, now);
        }
    }

    /// Forgets a file that is not there, or need not be kept.
    pub(crate) fn gone(&mut self, path: &Path) {
        if self.waiting.get(path).is_some_and(|waiting| !waiting.is_under_way) {
            self.waiting.remove(path);
        }
    }

    fn due_at(&self, waiting: &Waiting) -> Option<Instant> {
        let is_free = !waiting.is_under_way && !self.under_way.contains(&waiting.sight.version);
        let settle = if waiting.is_open { self.settle * OPEN } else { self.settle };
        let retry = match waiting.tries {
            0 => Duration::ZERO,
            tries => FIRST_RETRY.saturating_mul(1 << (tries - 1).min(10)).min(LAST_RETRY),
        };
        is_free.then(|| waiting.since + settle + retry)
    }

    /// The files whose turn has come, at most `most`. Each is under way until [`Self::ended`].
    pub(crate) fn due(&mut self, now: Instant, most: usize) -> Vec<Due> {
        let is_due = |waiting: &Waiting| self.due_at(waiting).is_some_and(|due| due <= now);
        let mut paths: Vec<_> =
            self.waiting.iter().filter(|(_, it)| is_due(it)).map(|(path, _)| path.clone()).collect();
        paths.sort_unstable();
        let mut due = Vec::new();
        for path in paths {
            if due.len() == most {
                break;
            }
            let Some(waiting) = self.waiting.get_mut(&path) else { continue };
            let sight = waiting.sight;
            // Of several names of one file the first is taken.
            if !self.under_way.insert(sight.version) {
                continue;
            }
            waiting.is_under_way = true;
            let known = self.known.get(&sight.version);
            let image = known.and_then(|known| Some((known.image?, known.changed == sight.changed)));
            due.push(Due { path, sight, image, tries: waiting.tries });
        }
        due
    }

    /// When the next file's turn comes, if any waits.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.waiting.values().filter_map(|waiting| self.due_at(waiting)).min()
    }

    /// Notes what became of a file.
    pub(crate) fn ended(&mut self, path: &Path, sight: Sight, fate: Fate, now: Instant) {
        self.under_way.remove(&sight.version);
        let Some(waiting) = self.waiting.get_mut(path) else { return };
        waiting.is_under_way = false;
        let image = match fate {
            Fate::Later => {
                (waiting.tries, waiting.since) = (waiting.tries.saturating_add(1), now);
                return;
            }
            Fate::Changed => {
                self.waiting.remove(path);
                return;
            }
            Fate::Refused => None,
            Fate::Kept(image) => Some(image),
        };
        self.known.insert(sight.version, Known { changed: sight.changed, image, is_checked: true });
        // It may have changed meanwhile.
        if waiting.sight == sight {
            self.waiting.remove(path);
        }
    }

    /// Whether files were left out because too many wait, and there is room again.
    pub(crate) fn has_room_again(&mut self) -> bool {
        self.has_left_out && self.waiting.len() < WAITING / 2 && std::mem::take(&mut self.has_left_out)
    }

    /// The files that are images, of those versions that a scan has seen. Forgets the others if they are many.
    pub(crate) fn images(&mut self, seen: &HashSet<Version>) -> Vec<(Sight, ImageId)> {
        if self.known.len() > 2 * seen.len() + WAITING {
            self.known.retain(|version, _| seen.contains(version));
        }
        let known = self.known.iter().filter(|(version, _)| seen.contains(version));
        let image = |(version, known): (&Version, &Known)| {
            Some((Sight { version: *version, changed: known.changed }, known.image?))
        };
        known.filter_map(image).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn sight(inode: u64, size: u64, modified: i64, changed: i64) -> Sight {
        Sight { version: Version { inode, size, modified: (modified, 0) }, changed: (changed, 0) }
    }

    fn paths(files: &mut Files, now: Instant) -> Vec<PathBuf> {
        files.due(now, 10).into_iter().map(|due| due.path).collect()
    }

    fn image(n: u8) -> ImageId {
        ImageId::new(1, &[n; 10])
    }

    #[test]
    fn a_file_waits_until_it_is_unchanged_and_closed() {
        let (mut files, begun, a) = (Files::new(SETTLE, []), Instant::now(), Path::new("a"));
        files.seen(a, sight(1, 0, 1, 1), begun);
        assert_eq!(files.next_due(), None, "nothing is in an empty file");
        files.seen(a, sight(1, 5, 2, 2), begun);
        assert_eq!(files.next_due(), Some(begun + SETTLE));
        // It grows: the time begins anew.
        let later = begun + Duration::from_secs(1);
        files.seen(a, sight(1, 9, 3, 3), later);
        assert!(paths(&mut files, begun + SETTLE).is_empty());
        // A program is known to write it, and closes it.
        files.written(a, false, later);
        assert!(paths(&mut files, later + SETTLE).is_empty());
        files.written(a, true, later + SETTLE);
        assert_eq!(paths(&mut files, later + 2 * SETTLE), [a]);
        // It is under way, so it is not due again.
        assert!(paths(&mut files, later + 9 * SETTLE).is_empty());
        files.ended(a, sight(1, 9, 3, 3), Fate::Kept(image(1)), later);
        files.seen(a, sight(1, 9, 3, 3), later);
        assert_eq!(files.next_due(), None);
        // What is never closed is taken in the end.
        files.seen(a, sight(1, 10, 4, 4), later);
        files.written(a, false, later);
        assert_eq!(files.next_due(), Some(later + OPEN * SETTLE));
    }

    #[test]
    fn a_file_that_moved_is_compared_with_its_image() {
        let (mut files, now) = (Files::new(SETTLE, []), Instant::now());
        let (a, b) = (Path::new("a"), Path::new("b"));
        files.seen(a, sight(1, 5, 1, 1), now);
        assert_eq!(paths(&mut files, now + SETTLE), [a]);
        // It moves while it is read: the other name waits.
        files.seen(b, sight(1, 5, 1, 2), now);
        assert!(paths(&mut files, now + 2 * SETTLE).is_empty());
        files.ended(a, sight(1, 5, 1, 1), Fate::Kept(image(1)), now);
        let due = files.due(now + 2 * SETTLE, 10);
        assert_eq!((due[0].path.as_path(), due[0].image), (b, Some((image(1), false))));
        files.ended(b, sight(1, 5, 1, 2), Fate::Kept(image(1)), now);
        files.seen(b, sight(1, 5, 1, 2), now);
        assert_eq!(files.next_due(), None);
        // Other content has another version, whatever its name.
        files.seen(b, sight(1, 5, 9, 9), now);
        assert_eq!(files.due(now + SETTLE, 10)[0].image, None);
    }

    #[test]
    fn what_an_earlier_run_kept_is_checked_at_once_and_once() {
        let (mut files, now, a) = (Files::new(SETTLE, [(sight(1, 5, 1, 1), image(1))]), Instant::now(), Path::new("a"));
        files.seen(a, sight(1, 5, 1, 1), now);
        assert_eq!(files.due(now, 10)[0].image, Some((image(1), true)));
        files.ended(a, sight(1, 5, 1, 1), Fate::Kept(image(1)), now);
        files.seen(a, sight(1, 5, 1, 1), now);
        assert_eq!(files.next_due(), None);
    }

    #[test]
    fn what_the_store_did_not_take_is_tried_again_and_what_is_no_image_is_not() {
        let (mut files, now, a) = (Files::new(SETTLE, []), Instant::now(), Path::new("a"));
        files.seen(a, sight(1, 5, 1, 1), now);
        for wait in [10, 20, 40] {
            files.due(now + LAST_RETRY, 10);
            files.ended(a, sight(1, 5, 1, 1), Fate::Later, now);
            assert_eq!(files.next_due(), Some(now + SETTLE + Duration::from_secs(wait)));
        }
        assert_eq!(files.due(now + LAST_RETRY, 10)[0].tries, 3);
        files.ended(a, sight(1, 5, 1, 1), Fate::Refused, now);
        files.seen(a, sight(1, 5, 1, 1), now);
        assert_eq!(files.next_due(), None);
        // Anything of it changes, such as who may read it.
        files.seen(a, sight(1, 5, 1, 2), now);
        assert_eq!(files.next_due(), Some(now + SETTLE));
    }

    #[test]
    fn only_what_a_scan_has_seen_is_remembered() {
        let (one, other) = (sight(1, 5, 1, 1), sight(2, 5, 1, 1));
        let mut files = Files::new(SETTLE, [(one, image(1)), (other, image(2))]);
        assert_eq!(files.images(&HashSet::from([one.version])), [(one, image(1))]);
        assert_eq!(files.known.len(), 2, "a directory that is away may come back");
    }
}
