//! Splits multipart bodies (RFC 2046 section 5.1) into parts while they arrive.

use burrow_model::error::Error;
use burrow_vault::ports::ByteSource;
use memchr::memmem;

use super::parameters::Parameters;

/// The longest head of a part, and the longest rest of a line with a boundary, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// A multipart body. It holds the piece that arrived last, and a little more.
#[derive(Debug)]
pub(crate) struct Multipart<B> {
    body: B,
    /// What begins a line with a boundary: the line break before it, two hyphens, the boundary.
    delimiter: Vec<u8>,
    /// What has arrived and was not returned. It begins with the line break before the content or preamble; so a
    /// boundary can follow at once.
    held: Vec<u8>,
    /// Bytes at the start of `held` that are no content: that line break.
    skip: usize,
    place: Place,
    /// Bytes that are no part's content, so far, and how many of them are allowed: `max_request_bytes`, with room for
    /// the heads of as many files as are allowed.
    overhead: (usize, usize),
    max_request_bytes: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Preamble,
    /// In a part's content.
    Content,
    /// Behind a boundary.
    Boundary,
    /// Behind the last boundary.
    Epilogue,
}

/// The head of a part.
#[derive(Debug)]
pub(crate) struct Head {
    disposition: Parameters,
    media_type: Parameters,
}

impl Head {
    /// The name of the form's field.
    pub(crate) fn name(&self) -> String {
        self.disposition.text("name").unwrap_or_default()
    }

    /// The name of the file, if one is given that can be read.
    pub(crate) fn file_name(&self) -> Option<String> {
        self.disposition.text("filename")
    }

    /// Whether the part is a file: it has a file name, readable or not, or a type that no text field has.
    pub(crate) fn is_file(&self) -> bool {
        let media_type = self.media_type.value.as_str();
        self.disposition.has("filename") || media_type.starts_with("image/") || media_type == "application/octet-stream"
    }

    /// The character set that the part's type states, in lower case; empty if it states none.
    pub(crate) fn charset(&self) -> String {
        self.media_type.text("charset").unwrap_or_default().to_ascii_lowercase()
    }
}

impl<B: ByteSource> Multipart<B> {
    /// Begins to read a body. Of what is no file's content it reads `max_request_bytes`, and the heads of `max_files`.
    pub(crate) fn new(body: B, boundary: &[u8], max_request_bytes: usize, max_files: usize) -> Self {
        let overhead = (0, max_request_bytes.saturating_add(max_files.saturating_mul(MAX_HEAD)));
        // The first boundary may begin the body. Its own end then shows how this body breaks lines.
        let (delimiter, held) = ([b"\n--", boundary].concat(), b"\n".to_vec());
        Self { body, delimiter, held, skip: 1, place: Place::Preamble, overhead, max_request_bytes }
    }

    /// Returns the head of the next part, or `None` after the last. Skips what was not read of the part before.
    pub(crate) async fn next_part(&mut self) -> Result<Option<Head>, Error> {
        while let Some(skipped) = self.next_content().await? {
            self.count(skipped.len())?;
        }
        if self.place == Place::Boundary && self.boundary_is_last().await? {
            self.place = Place::Epilogue;
        }
        if self.place == Place::Epilogue {
            // It is read to its end: a digest may be over it.
            self.count(self.held.len())?;
            self.held = Vec::new();
            while let Some(piece) = self.body.next().await? {
                self.count(piece.len())?;
            }
            return Ok(None);
        }
        let head = self.head().await?;
        // The content may be empty, so that a boundary follows the head at once.
        let line_break = self.line_break();
        self.skip = line_break.len();
        self.held.splice(..0, line_break.iter().copied());
        self.place = Place::Content;
        Ok(Some(head))
    }

    /// Returns the next bytes of the part's content, at least one, or `None` at its end.
    async fn next_content(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if !matches!(self.place, Place::Content | Place::Preamble) {
            return Ok(None);
        }
        loop {
            let (end, is_found) = self.find_delimiter();
            let mut content = self.held.split_off(end);
            std::mem::swap(&mut content, &mut self.held);
            let skipped = self.skip.min(content.len());
            content.drain(..skipped);
            self.skip -= skipped;
            if is_found {
                self.held.drain(..self.delimiter.len());
                self.count(self.delimiter.len())?;
                self.place = Place::Boundary;
            }
            if !content.is_empty() {
                return Ok(Some(content));
            }
            if is_found {
                return Ok(None);
            }
            self.receive().await?;
        }
    }

    /// Returns where the next delimiter begins in `held`; or up to where there is surely none, and false.
    fn find_delimiter(&self) -> (usize, bool) {
        let length = self.delimiter.len();
        for at in memmem::find_iter(&self.held, &self.delimiter) {
            match self.held.get(at + length) {
                Some(b' ' | b'\t' | b'\r' | b'\n' | b'-') => return (at, true),
                // Another boundary, which begins with this one, or content.
                Some(_) => {}
                None => return (at, false),
            }
        }
        // A delimiter may have begun.
        (self.held.len().saturating_sub(length - 1), false)
    }

    /// Reads the line with a boundary to its end. Returns whether the boundary is the last.
    async fn boundary_is_last(&mut self) -> Result<bool, Error> {
        while self.held.len() < 2 {
            self.receive().await?;
        }
        if self.held.starts_with(b"--") {
            return Ok(true);
        }
        let mut line = self.line(0).await?;
        if !line.trim_ascii().is_empty() {
            return Err(malformed("a line with its boundary has something else on it"));
        }
        if line.pop() == Some(b'\r') && self.delimiter.starts_with(b"\n") {
            self.delimiter.insert(0, b'\r');
        }
        Ok(false)
    }

    /// The line breaks of this body.
    fn line_break(&self) -> &'static [u8] {
        if self.delimiter.starts_with(b"\r") { b"\r\n" } else { b"\n" }
    }

    async fn head(&mut self) -> Result<Head, Error> {
        // Lines that begin with white space continue those before them (RFC 5322 section 2.2.3).
        let (mut fields, mut read) = (Vec::<Vec<u8>>::new(), 0);
        loop {
            let line = self.line(read).await?;
            read += line.len() + 1;
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            if line.is_empty() {
                break;
            }
            let boundary = self.delimiter.strip_prefix(self.line_break()).unwrap_or_default();
            if line.starts_with(boundary) {
                return Err(malformed("a part ends within its head"));
            }
            match fields.last_mut() {
                Some(field) if line.starts_with(b" ") || line.starts_with(b"\t") => field.extend_from_slice(line),
                _ => fields.push(line.to_vec()),
            }
        }
        let field = |name: &str| {
            let value = |field: &Vec<u8>| {
                let at = field.iter().position(|&byte| byte == b':')?;
                let (known, value) = field.split_at_checked(at)?;
                known.trim_ascii().eq_ignore_ascii_case(name.as_bytes()).then(|| value.get(1..).map(<[u8]>::to_vec))?
            };
            fields.iter().find_map(value).unwrap_or_default()
        };
        let encoding = field("content-transfer-encoding").trim_ascii().to_ascii_lowercase();
        if !matches!(encoding.as_slice(), b"" | b"7bit" | b"8bit" | b"binary") {
            let encoding = String::from_utf8_lossy(&encoding).into_owned();
            return Err(malformed(&format!(
                "a part has the Content-Transfer-Encoding {encoding:?}, and none is taken"
            )));
        }
        let [disposition, media_type] = ["content-disposition", "content-type"].map(field);
        Ok(Head { disposition: Parameters::parse(&disposition), media_type: Parameters::parse(&media_type) })
    }

    /// Takes a line, without its line feed. `read` bytes of its head were read before.
    async fn line(&mut self, read: usize) -> Result<Vec<u8>, Error> {
        let mut searched = 0;
        while read + searched <= MAX_HEAD {
            let new = self.held.get(searched..).unwrap_or_default();
            if let Some(at) = memchr::memchr(b'\n', new) {
                let rest = self.held.split_off(searched + at + 1);
                let mut line = std::mem::replace(&mut self.held, rest);
                self.count(line.len())?;
                line.pop();
                return Ok(line);
            }
            searched = self.held.len();
            if searched <= MAX_HEAD {
                self.receive().await?;
            }
        }
        Err(malformed(&format!("a part's head is longer than {MAX_HEAD} bytes")))
    }

    /// Receives the next piece into `held`.
    async fn receive(&mut self) -> Result<(), Error> {
        let Some(piece) = self.body.next().await? else { return Err(malformed("it ends too early")) };
        if self.held.is_empty() {
            self.held = piece;
        } else {
            self.held.extend(piece);
        }
        Ok(())
    }

    fn count(&mut self, bytes: usize) -> Result<(), Error> {
        let (seen, allowed) = (self.overhead.0 + bytes, self.overhead.1);
        self.overhead.0 = seen;
        if seen > allowed {
            return Err(Error::Limit {
                limit: "max_request_bytes",
                allowed: self.max_request_bytes as u64,
                seen: seen as u64,
            });
        }
        Ok(())
    }
}

/// The content of the part whose head was read last.
impl<B: ByteSource> ByteSource for Multipart<B> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        self.next_content().await
    }
}

fn malformed(what: &str) -> Error {
    Error::Malformed(format!("the multipart body cannot be read: {what}"))
}

#[cfg(test)]
mod tests;
