//! Lets a JPEG decoder go on where a file is cut, so that what came is drawn.

use std::io::Read;

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

/// A file, and filler behind its end.
#[derive(Debug)]
pub(super) struct Tailed<'a> {
    rest: &'a [u8],
    filler: Filler,
    /// Bytes of filler that were read.
    filled: usize,
}

impl<'a> Tailed<'a> {
    pub(super) fn new(file: &'a [u8], filler: Filler) -> Self {
        Self { rest: file, filler, filled: 0 }
    }

    fn filler_at(&self, at: usize) -> u8 {
        /// Enough for a decoder to notice.
        const OTHERS: usize = 64;
        match self.filler {
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
