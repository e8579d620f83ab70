//! Reads the lines of a text in UTF-8 or UTF-16, with any line breaks.

use std::io::{BufRead as _, BufReader, Read, Result};

/// The longest line that is read, in bytes of UTF-8.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// Bytes that are decoded at once.
const PIECE: usize = 8192;

/// A text, without its byte order mark.
#[derive(Debug)]
pub(super) struct Text<R> {
    from: BufReader<Decoded<R>>,
    /// What ends a line; unknown before the first end.
    line_break: Option<u8>,
    /// Line breaks read so far.
    breaks: u64,
}

impl<R: Read> Text<R> {
    pub(super) fn new(from: R) -> Self {
        let from = Decoded { from, encoding: None, ahead: Vec::new(), text: Vec::new(), given: 0 };
        Self { from: BufReader::with_capacity(1 << 16, from), line_break: None, breaks: 0 }
    }

    /// The number of the line that is read next, from 1.
    pub(super) fn number(&self) -> u64 {
        self.breaks + 1
    }

    /// Reads a line; `None` at the end. Of a line longer than [`MAX_LINE`] it returns a byte more than that.
    pub(super) fn line(&mut self) -> Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let line_break = self.line_break;
            let found = match self.from.fill_buf()? {
                [] => return Ok(Some(line).filter(|line| !line.is_empty())),
                bytes => {
                    let ends = |byte: &u8| line_break.map_or(matches!(byte, b'\r' | b'\n'), |known| *byte == known);
                    let end = bytes.iter().position(ends);
                    let taken = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
                    let room = (MAX_LINE + 1).saturating_sub(line.len());
                    line.extend_from_slice(taken.get(..room).unwrap_or(taken));
                    (taken.len(), end.and_then(|at| bytes.get(at).copied()))
                }
            };
            let (taken, end) = found;
            self.from.consume(taken + usize::from(end.is_some()));
            let Some(end) = end else { continue };
            self.breaks += 1;
            if self.line_break.is_none() {
                self.line_break = Some(self.first_break(end)?);
            }
            return Ok(Some(line));
        }
    }

    /// What ends the lines of this text, whose first line ends with this byte: the files of old Macs, and of Excel for
    /// Macs, have carriage returns alone.
    fn first_break(&mut self, end: u8) -> Result<u8> {
        if end == b'\r' && self.from.fill_buf()?.first() != Some(&b'\n') {
            return Ok(b'\r');
        }
        if end == b'\r' {
            self.from.consume(1);
        }
        Ok(b'\n')
    }

    /// Looks at the next byte that is not white space, and skips what is before it.
    pub(super) fn peek(&mut self) -> Result<Option<u8>> {
        loop {
            match self.from.fill_buf()?.first().copied() {
                Some(byte) if byte.is_ascii_whitespace() => {
                    self.byte()?;
                }
                byte => return Ok(byte),
            }
        }
    }

    /// Reads a byte, for what does not consist of lines.
    pub(super) fn byte(&mut self) -> Result<Option<u8>> {
        let byte = self.from.fill_buf()?.first().copied();
        self.from.consume(usize::from(byte.is_some()));
        self.breaks += u64::from(byte == Some(b'\n'));
        Ok(byte)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

/// Bytes as UTF-8.
#[derive(Debug)]
struct Decoded<R> {
    from: R,
    /// Known once the first bytes are read.
    encoding: Option<Encoding>,
    /// Bytes that were read and not decoded: the first ones, or a part of a character.
    ahead: Vec<u8>,
    /// Decoded text, of which so many bytes were given.
    text: Vec<u8>,
    given: usize,
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, into: &mut [u8]) -> Result<usize> {
        let encoding = match self.encoding {
            Some(encoding) => encoding,
            None => self.begin()?,
        };
        if encoding == Encoding::Utf8 && self.given >= self.text.len() {
            return self.from.read(into);
        }
        while self.given >= self.text.len() {
            let mut piece = [0; PIECE];
            let read = self.from.read(&mut piece)?;
            self.ahead.extend_from_slice(piece.get(..read).unwrap_or_default());
            self.decode(encoding, read == 0);
            if read == 0 && self.text.is_empty() {
                return Ok(0);
            }
        }
        let read = self.text.get(self.given..).unwrap_or_default().read(into)?;
        self.given += read;
        Ok(read)
    }
}

impl<R: Read> Decoded<R> {
    /// Finds out how the text is encoded: by its byte order mark, or by the zero in its first ASCII character.
    fn begin(&mut self) -> Result<Encoding> {
        let mut first = [0; 3];
        while self.ahead.len() < 3 {
            let room = 3 - self.ahead.len();
            match self.from.read(first.get_mut(..room).unwrap_or_default())? {
                0 => break,
                read => self.ahead.extend_from_slice(first.get(..read).unwrap_or_default()),
            }
        }
        let (encoding, mark) = match self.ahead.as_slice() {
            [0xef, 0xbb, 0xbf] => (Encoding::Utf8, 3),
            [0xff, 0xfe, ..] => (Encoding::Utf16Le, 2),
            [0xfe, 0xff, ..] => (Encoding::Utf16Be, 2),
            [1..=u8::MAX, 0, ..] => (Encoding::Utf16Le, 0),
            [0, 1..=u8::MAX, ..] => (Encoding::Utf16Be, 0),
            _ => (Encoding::Utf8, 0),
        };
        self.ahead.drain(..mark);
        if encoding == Encoding::Utf8 {
            self.text = std::mem::take(&mut self.ahead);
        }
        self.encoding = Some(encoding);
        Ok(encoding)
    }

    /// Decodes whole characters of what was read ahead; at the end, all of it. What is no UTF-16 becomes U+FFFD.
    fn decode(&mut self, encoding: Encoding, is_end: bool) {
        let unit = |pair: &[u8]| match (encoding, pair) {
            (Encoding::Utf16Be, [one, two]) => u16::from_be_bytes([*one, *two]),
            (_, [one, two]) => u16::from_le_bytes([*one, *two]),
            _ => u16::from(b'?'),
        };
        let mut units: Vec<u16> = self.ahead.chunks_exact(2).map(unit).collect();
        if !is_end && units.last().is_some_and(|last| (0xd800..0xdc00).contains(last)) {
            // The second half of a pair comes with the next piece.
            units.pop();
        }
        self.ahead.drain(..2 * units.len());
        let characters = char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER));
        (self.text, self.given) = (characters.collect::<String>().into_bytes(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a few bytes at a time.
    struct Slow<'a>(&'a [u8], usize);

    impl Read for Slow<'_> {
        fn read(&mut self, into: &mut [u8]) -> Result<usize> {
            let room = into.len().min(self.1);
            self.0.read(&mut into[..room])
        }
    }

    fn lines(bytes: &[u8]) -> Vec<String> {
        let read = |from: &mut dyn Read| {
            let (mut text, mut lines) = (Text::new(from), Vec::new());
            while let Some(line) = text.line().unwrap() {
                lines.push(String::from_utf8(line).unwrap());
            }
            lines
        };
        let whole = read(&mut &*bytes);
        for size in 1..5 {
            assert_eq!(read(&mut Slow(bytes, size)), whole, "{}", bytes.escape_ascii());
        }
        whole
    }

    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn line_breaks_of_every_system() {
        for text in ["a\nb\n", "a\r\nb\r\n", "a\rb\r", "a\nb", "a\r\nb", "a\rb"] {
            let read: Vec<_> = lines(text.as_bytes()).iter().map(|line| line.trim().to_owned()).collect();
            assert_eq!(read, ["a", "b"], "{text:?}");
        }
        // A carriage return within a line is a part of it, where lines end otherwise.
        assert_eq!(lines(b"a\nb\rc\n"), ["a", "b\rc"]);
        assert_eq!(lines(b"\n\na"), ["", "", "a"]);
        assert_eq!(lines(b""), [""; 0]);
    }

    #[test]
    fn encodings_by_their_marks_or_zeros() {
        let text = "http://a/ü\u{1f9a6}\nb\n";
        for (mark, bytes) in [
            ("\u{feff}", u16::to_le_bytes as fn(u16) -> _),
            ("\u{feff}", u16::to_be_bytes),
            ("", u16::to_le_bytes),
            ("", u16::to_be_bytes),
        ] {
            assert_eq!(lines(&utf16(&format!("{mark}{text}"), bytes)), ["http://a/ü\u{1f9a6}", "b"]);
        }
        assert_eq!(lines(format!("\u{feff}{text}").as_bytes()), ["http://a/ü\u{1f9a6}", "b"]);
        assert_eq!(lines(&utf16("a\n", u16::to_le_bytes)[..3]), ["a"]);
        assert_eq!(lines(b"\xff\xfea\0\x00\xd8"), ["a\u{fffd}"]);
        assert_eq!(lines(b"\xff\xfe"), [""; 0]);
    }

    #[test]
    fn a_long_line_is_cut_and_skipped() {
        let mut text = Text::new(std::io::repeat(b'x').take(1_000_000).chain(&b"\nb"[..]));
        assert_eq!(text.line().unwrap().unwrap().len(), MAX_LINE + 1);
        assert_eq!((text.number(), text.line().unwrap().unwrap()), (2, b"b".to_vec()));
    }
}
