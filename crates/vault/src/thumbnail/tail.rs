//! Lets decoders go on where a file is cut, so that what came is drawn.

use std::io::{BufRead, Read, Seek, SeekFrom};

use crate::jpeg::Missing;

/// An end of image (ITU-T T.81, B.1.1.3).
const END: [u8; 2] = [0xff, 0xd9];

/// What follows the bytes of a cut file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Filler {
    /// Ends of image: the decoder fills up with zeros.
    Zeros,
    /// Some bytes that are no zeros, then ends of image.
    Others,
}

/// A JPEG, and behind its end the restarts that its scan lacks, and filler.
#[derive(Debug)]
pub(super) struct Tailed<'a> {
    rest: &'a [u8],
    filler: Filler,
    /// The number of the next restart, and how many are missing.
    restarts: (u8, u64),
    /// Bytes of filler that were read.
    filled: usize,
}

impl<'a> Tailed<'a> {
    pub(super) fn new(file: &'a [u8], filler: Filler, missing: Option<&Missing>) -> Self {
        let restarts = missing.map_or((0, 0), |missing| (missing.next_restart, missing.restarts));
        Self { rest: file, filler, restarts, filled: 0 }
    }

    fn filler_at(&self, at: usize) -> u8 {
        /// Enough for a decoder to notice.
        const OTHERS: usize = 64;
        let (next, count) = self.restarts;
        let number = at / 2;
        match self.filler {
            // A restart ends its interval, whose rest the decoder fills up with zeros.
            _ if (number as u64) < count => match at % 2 {
                0 => 0xff,
                _ => 0xd0 + next.wrapping_add(u8::try_from(number % 8).unwrap_or(0)) % 8,
            },
            Filler::Others if at < OTHERS => 0x5a,
            _ => END.get(at % 2).copied().unwrap_or(0),
        }
    }
}

impl Read for Tailed<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if !self.rest.is_empty() {
            return self.rest.read(into);
        }
        // One at a time, so that the number says what the decoder used.
        let Some(first) = into.first_mut() else { return Ok(0) };
        *first = self.filler_at(self.filled);
        self.filled += 1;
        Ok(1)
    }
}

impl Tailed<'_> {
    /// Whether the decoder read past the end of the file.
    pub(super) fn is_cut(&self) -> bool {
        self.filled > 0
    }
}

/// A file, filled up to a length, and with other first bytes.
#[derive(Debug)]
pub(super) struct Filled<'a> {
    head: &'a [u8],
    file: &'a [u8],
    length: u64,
    /// What fills it up, first and then.
    first: [u8; 4],
    then: [u8; 512],
    at: u64,
}

impl<'a> Filled<'a> {
    /// `head` takes the place of as many bytes of `file`. `filler` is the byte that fills it up first, and the one that
    /// does so then.
    pub(super) fn new(head: &'a [u8], file: &'a [u8], length: u64, (first, then): (u8, u8)) -> Self {
        Self { head, file, length, first: [first; 4], then: [then; 512], at: 0 }
    }
}

impl<'a> BufRead for Filled<'a> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let rest_of = |file: &'a [u8]| usize::try_from(self.at).ok().and_then(|at| file.get(at..));
        if let Some(rest) = [self.head, self.file].into_iter().filter_map(rest_of).find(|rest| !rest.is_empty()) {
            return Ok(rest);
        }
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let ended_ago = usize::try_from(self.at.saturating_sub(self.file.len() as u64)).unwrap_or(usize::MAX);
        let filler = self.first.get(ended_ago..).filter(|first| !first.is_empty()).unwrap_or(&self.then);
        Ok(filler.get(..left).unwrap_or(filler))
    }

    fn consume(&mut self, count: usize) {
        self.at += count as u64;
    }
}

impl Read for Filled<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.fill_buf()?.read(into)?;
        self.consume(read);
        Ok(read)
    }
}

impl Seek for Filled<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        let end = self.length.max(self.file.len() as u64);
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => end.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.at)
    }
}
