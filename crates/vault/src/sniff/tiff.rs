//! Finds size and orientation in the first directory of a TIFF (TIFF 6.0, section 2; `BigTIFF`), wherever that is, and
//! the orientation in EXIF, which is a TIFF without pixels.

use std::ops::Range;

use burrow_model::appearance::{Appearance, Orientation};

use super::look::{Look, Unknown};

/// The most entries of a directory.
const MAX_ENTRIES: u64 = 4096;

/// Tags.
const WIDTH: u64 = 256;
const HEIGHT: u64 = 257;
const ORIENTATION: u64 = 274;

/// Reads the numbers of a TIFF, in its byte order.
struct Numbers<'a, L> {
    look: &'a mut L,
    /// Where in the file the TIFF is. Its offsets count from there.
    within: Range<u64>,
    is_big_endian: bool,
}

/// A directory: where its entries are.
struct Directory {
    first: u64,
    entries: u64,
    /// The length of an entry, and of the offsets and counts in it.
    entry: u64,
    offset: usize,
}

/// An entry of a directory: its tag, the type and number of its values, and where they are, if they are few.
struct Entry {
    tag: u64,
    kind: u64,
    count: u64,
    value: u64,
}

impl<'a, L: Look> Numbers<'a, L> {
    async fn new(look: &'a mut L, within: Range<u64>) -> Result<Self, Unknown> {
        let is_big_endian = look.bytes(within.start).await? == *b"MM";
        Ok(Self { look, within, is_big_endian })
    }

    /// The number of this many bytes, at most 8.
    async fn number(&mut self, at: u64, length: usize) -> Result<u64, Unknown> {
        let mut bytes = [0; 8];
        let used = bytes.get_mut(..length).ok_or(Unknown::Unsaid)?;
        let at = at.checked_add(self.within.start).ok_or(Unknown::Unsaid)?;
        if at.checked_add(length as u64).is_none_or(|end| end > self.within.end) {
            return Err(Unknown::Unsaid);
        }
        self.look.read(at, used).await?;
        if self.is_big_endian {
            used.reverse();
        }
        Ok(u64::from_le_bytes(bytes))
    }

    async fn first_directory(&mut self) -> Result<Directory, Unknown> {
        let is_big = self.number(2, 2).await? == 43;
        // In BigTIFF numbers of entries and offsets have 8 bytes.
        let (first, offset, count, entry) = if is_big { (8, 8, 8, 20) } else { (4, 4, 2, 12) };
        let directory = self.number(first, offset).await?;
        let entries = self.number(directory, count).await?.min(MAX_ENTRIES);
        let first = directory.checked_add(count as u64).ok_or(Unknown::Unsaid)?;
        Ok(Directory { first, entries, entry, offset })
    }

    async fn entry(&mut self, directory: &Directory, n: u64) -> Result<Entry, Unknown> {
        let at = directory.first.checked_add(n * directory.entry).ok_or(Unknown::Unsaid)?;
        let tag = self.number(at, 2).await?;
        let kind = self.number(at + 2, 2).await?;
        let count = self.number(at + 4, directory.offset).await?;
        Ok(Entry { tag, kind, count, value: at + 4 + directory.offset as u64 })
    }

    /// A width or a height.
    async fn side(&mut self, entry: &Entry) -> Result<u32, Unknown> {
        let length = match entry.kind {
            1 => 1,
            3 => 2,
            4 => 4,
            16 => 8,
            _ => return Err(Unknown::Unsaid),
        };
        u32::try_from(self.number(entry.value, length).await?).map_err(|_| Unknown::Unsaid)
    }

    /// An orientation. Decoders take only a single number of 16 bits.
    async fn orientation(&mut self, entry: &Entry) -> Result<Option<Orientation>, Unknown> {
        if (entry.kind, entry.count) != (3, 1) {
            return Ok(None);
        }
        let number = self.number(entry.value, 2).await?;
        Ok(u8::try_from(number).ok().and_then(|number| Orientation::try_from(number).ok()))
    }
}

/// Size and orientation of a TIFF. Its further pages are no animation.
pub(super) async fn examine(look: &mut impl Look, shown: &mut Appearance) -> Result<(), Unknown> {
    shown.is_animated = Some(false);
    let mut numbers = Numbers::new(look, 0..u64::MAX).await?;
    let directory = numbers.first_directory().await?;
    let (mut width, mut height) = (None, None);
    // Entries are in the order of their tags, but some writers forget that.
    for n in 0..directory.entries {
        let entry = numbers.entry(&directory, n).await?;
        match entry.tag {
            WIDTH => width = Some(numbers.side(&entry).await?),
            HEIGHT => height = Some(numbers.side(&entry).await?),
            ORIENTATION => shown.orientation = numbers.orientation(&entry).await?,
            _ => {}
        }
        shown.dimensions = width.zip(height);
    }
    Ok(())
}

/// The orientation in a part of a file that is EXIF.
pub(super) async fn orientation(look: &mut impl Look, within: Range<u64>) -> Result<Option<Orientation>, Unknown> {
    let mut numbers = Numbers::new(look, within).await?;
    let directory = numbers.first_directory().await?;
    for n in 0..directory.entries {
        let entry = numbers.entry(&directory, n).await?;
        if entry.tag == ORIENTATION {
            return numbers.orientation(&entry).await;
        }
    }
    Ok(None)
}
