//! The window: the plain bytes around the place that is being packed.

/// A match reaches back at most so far.
pub(crate) const REACH: u32 = 32_768;

/// The window is cut only when it has so many bytes to give up, so that each byte is moved rarely.
const SLACK: usize = 256 * 1024;

/// A part of the plain bytes. Positions count from the first plain byte of the stream.
#[derive(Debug, Default)]
pub(crate) struct Window {
    bytes: Vec<u8>,
    /// The position of the first byte in `bytes`.
    start: u32,
}

impl Window {
    /// The position after the last byte.
    pub(crate) fn end(&self) -> u32 {
        self.start + self.bytes.len() as u32
    }

    /// The bytes from a position on; none if it lies outside.
    pub(crate) fn from(&self, position: u32) -> &[u8] {
        self.offset(position).and_then(|offset| self.bytes.get(offset..)).unwrap_or_default()
    }

    /// The bytes between two positions, if the window has them.
    pub(crate) fn between(&self, from: u32, to: u32) -> Option<&[u8]> {
        self.bytes.get(self.offset(from)?..self.offset(to)?)
    }

    /// All bytes, and the position of the first.
    pub(crate) fn all(&self) -> (&[u8], u32) {
        (&self.bytes, self.start)
    }

    fn offset(&self, position: u32) -> Option<usize> {
        position.checked_sub(self.start).map(|offset| offset as usize)
    }

    pub(crate) fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn push(&mut self, byte: u8) {
        self.bytes.push(byte);
    }

    /// Repeats bytes; false if there are none at that distance.
    pub(crate) fn repeat(&mut self, length: u32, distance: u32) -> bool {
        let (length, distance) = (length as usize, distance as usize);
        let Some(from) = self.bytes.len().checked_sub(distance) else { return false };
        if distance == 0 {
            return false;
        }
        if length <= distance {
            self.bytes.extend_from_within(from..from + length);
        } else {
            for at in from..from + length {
                let byte = self.bytes.get(at).copied().unwrap_or(0);
                self.bytes.push(byte);
            }
        }
        true
    }

    /// Gives up the bytes before a position, some time.
    pub(crate) fn forget_before(&mut self, position: u32) {
        let unneeded = position.saturating_sub(self.start) as usize;
        if unneeded > SLACK {
            self.bytes.drain(..unneeded.min(self.bytes.len()));
            self.start = position;
        }
    }
}
