//! Counters that several instances and processes may raise at once, without locks, though any of them may die at any
//! time.
//!
//! WASI has no lock of files, and a lock that is made of a file outlives its owner. So a counter is a directory with a
//! file for each of its last values, named by how often the counter was raised: 1, 2, 3 and so on. To raise it, one
//! writes the next value to a temporary file and links that to the next number. The file system lets exactly one link
//! to a name succeed. Whoever comes too late begins again from the value that came before.
//!
//! Old values are removed, the oldest first, and only those that are [`KEPT`] raises behind. A caller that was stopped
//! for so long that its number was taken *and* removed meanwhile sees values that are much newer, and gives up.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::directory;

/// How many of the last values stay. A caller that is overtaken so often between two of its steps gives up: of 50 uploads at
/// once on two cores some were, when 16 stayed. It must be the same in ../../js/counter.mjs.
const KEPT: u64 = 64;

/// How often a caller that comes too late begins again.
const ATTEMPTS: u32 = 1000;

/// A value of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Raised {
    /// How often the counter was raised.
    times: u64,
    /// Its value since.
    value: i64,
}

/// Reads the value of the counter in a directory; `None` if it was never raised.
///
/// # Errors
///
/// The directory cannot be read, or the value is damaged.
pub fn read(directory: &Path) -> io::Result<Option<i64>> {
    Ok(latest(directory)?.map(|raised| raised.value))
}

/// Adds to the counter in a directory, which is made if it is not there, and returns the sum. `write` writes a temporary
/// file, durably, and returns its path.
///
/// # Errors
///
/// The file system fails, the value is damaged, the sum is too large, or others raise the counter all the time.
pub fn add(directory: &Path, delta: i64, write: impl Fn(&[u8]) -> io::Result<PathBuf>) -> io::Result<i64> {
    for _ in 0..ATTEMPTS {
        let last = if let Some(last) = latest(directory)? {
            last
        } else {
            directory::make(directory)?;
            Raised::default()
        };
        let value = last.value.checked_add(delta).ok_or_else(|| io::Error::other("the sum is out of range"))?;
        let next = Raised { times: last.times + 1, value };
        let written = write(value.to_string().as_bytes())?;
        let linked = fs::hard_link(&written, directory.join(next.times.to_string()));
        fs::remove_file(&written)?;
        match linked {
            Ok(()) => {
                directory::sync(directory)?;
                return confirm(directory, next);
            }
            // Another was faster to raise it, or has removed it.
            Err(error) if [ErrorKind::AlreadyExists, ErrorKind::NotFound].contains(&error.kind()) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("others raise it all the time"))
}

/// Returns the value that this caller has linked, unless that was too late.
fn confirm(directory: &Path, linked: Raised) -> io::Result<i64> {
    let mut times = numbers(directory)?;
    times.sort_unstable();
    let newest = times.last().copied().unwrap_or_default();
    if newest >= linked.times + KEPT {
        // Its number may have been taken and removed before, so this value may count for nothing.
        return Err(io::Error::other("others raised it while this caller was stopped"));
    }
    // In batches, and never the value from which somebody may be counting on.
    if times.len() as u64 > 2 * KEPT {
        for old in times.iter().filter(|old| **old + KEPT <= newest) {
            unless_gone(fs::remove_file(directory.join(old.to_string())))?;
        }
    }
    Ok(linked.value)
}

/// Removes a counter. Who raises it at the same time makes it anew.
///
/// # Errors
///
/// The file system fails, or somebody raises the counter all the time.
pub fn remove(directory: &Path) -> io::Result<()> {
    for _ in 0..ATTEMPTS {
        let mut times = numbers(directory)?;
        times.sort_unstable();
        for times in times {
            unless_gone(fs::remove_file(directory.join(times.to_string())))?;
        }
        match fs::remove_dir(directory) {
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {}
            removed => return unless_gone(removed),
        }
    }
    Err(io::Error::other("others raise it all the time"))
}

fn latest(directory: &Path) -> io::Result<Option<Raised>> {
    for _ in 0..ATTEMPTS {
        let Some(times) = numbers(directory)?.into_iter().max() else { return Ok(None) };
        match fs::read_to_string(directory.join(times.to_string())) {
            Ok(value) => {
                let value = value.parse().map_err(|_| io::Error::new(ErrorKind::InvalidData, "it is damaged"))?;
                return Ok(Some(Raised { times, value }));
            }
            // Removed meanwhile, with the counter or because there are newer ones.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("others raise it all the time"))
}

/// The numbers in the directory; none if it is not there.
fn numbers(directory: &Path) -> io::Result<Vec<u64>> {
    let entries = match directory::entries(directory) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    Ok(entries.iter().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect())
}

fn unless_gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Writes temporary files into a directory beside the counter.
    fn writer(directory: &Path) -> impl Fn(&[u8]) -> io::Result<PathBuf> {
        let (directory, count) = (directory.to_owned(), Cell::new(0));
        move |bytes| {
            count.set(count.get() + 1);
            let path = directory.join(format!("tmp-{}", count.get()));
            fs::write(&path, bytes).map(|()| path)
        }
    }

    #[test]
    fn values_are_added_up_and_old_ones_removed() {
        let root = tempfile::tempdir().unwrap();
        let (counter, write) = (root.path().join("counter"), writer(root.path()));
        assert_eq!(read(&counter).unwrap(), None);
        let sums: Vec<i64> = (0..3 * KEPT).map(|_| add(&counter, 2, &write).unwrap()).collect();
        let right: Vec<i64> = (1..=3 * i64::try_from(KEPT).unwrap()).map(|n| 2 * n).collect();
        assert_eq!(sums, right);
        assert_eq!(add(&counter, -1000, &write).unwrap(), right.last().unwrap() - 1000);
        assert!(numbers(&counter).unwrap().len() as u64 <= 2 * KEPT);
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "temporary files are left");
        remove(&counter).unwrap();
        assert_eq!((read(&counter).unwrap(), add(&counter, 1, &write).unwrap()), (None, 1));
    }

    #[test]
    fn a_sum_out_of_range_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let (counter, write) = (root.path().join("counter"), writer(root.path()));
        add(&counter, i64::MAX, &write).unwrap();
        assert!(add(&counter, 1, &write).is_err());
        assert_eq!(read(&counter).unwrap(), Some(i64::MAX));
    }

    #[test]
    fn who_is_overtaken_while_it_writes_begins_again() {
        let root = tempfile::tempdir().unwrap();
        let (counter, write) = (root.path().join("counter"), writer(root.path()));
        let overtaken = Cell::new(false);
        let sum = add(&counter, 1, |bytes| {
            if !overtaken.replace(true) {
                add(&counter, 10, &write)?;
            }
            write(bytes)
        });
        assert_eq!((sum.unwrap(), read(&counter).unwrap()), (11, Some(11)));
    }

    #[test]
    fn who_is_stopped_until_its_number_is_removed_gives_up() {
        let root = tempfile::tempdir().unwrap();
        let (counter, write) = (root.path().join("counter"), writer(root.path()));
        let stopped = Cell::new(false);
        let sum = add(&counter, 1, |bytes| {
            if !stopped.replace(true) {
                (0..=2 * KEPT).try_for_each(|_| add(&counter, 1, &write).map(drop))?;
            }
            write(bytes)
        });
        assert!(sum.unwrap_err().to_string().contains("stopped"));
        assert_eq!(read(&counter).unwrap(), Some(2 * i64::try_from(KEPT).unwrap() + 1));
    }

    #[test]
    fn a_damaged_value_is_no_value() {
        let root = tempfile::tempdir().unwrap();
        let counter = root.path().join("counter");
        add(&counter, 1, writer(root.path())).unwrap();
        fs::write(counter.join("1"), "").unwrap();
        assert_eq!(read(&counter).unwrap_err().kind(), ErrorKind::InvalidData);
    }
}
