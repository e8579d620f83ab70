//! Reads lists of images: plain URLs, CSV with a header, or JSON objects, one image a line.
//!
//! An invalid line is an error of that line only. Memory does not grow with the list.

use std::io::{BufRead, Read as _, Result};

use serde::Deserialize;

/// The longest line that is read, in bytes.
const MAX_LINE: u64 = 64 * 1024;

/// One image of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Entry {
    /// The URL to download; an entry has either a URL or a file.
    pub(crate) url: Option<String>,
    /// The path of the file.
    pub(crate) file: Option<String>,
    /// The image's name.
    pub(crate) name: Option<String>,
    /// The image's tags.
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

/// A line that is neither empty nor a comment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The line's number, from 1.
    pub(crate) number: u64,
    /// The image that the line names, or why the line is invalid.
    pub(crate) entry: std::result::Result<Entry, String>,
}

/// The format of a list.
#[derive(Debug)]
enum Format {
    Plain,
    Json,
    /// The positions of the columns.
    Csv {
        url: Option<usize>,
        file: Option<usize>,
        name: Option<usize>,
        tags: Option<usize>,
    },
}

/// The lines of a list that are neither empty nor comments.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    /// Detected from the first line that is neither empty nor a comment.
    format: Option<Format>,
    number: u64,
    line: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, format: None, number: 0, line: Vec::new() }
    }

    /// Reads a line into `self.line`; false at the end of the list. Cuts off a line that is too long.
    fn read(&mut self) -> Result<bool> {
        self.line.clear();
        // One byte more than allowed, and the line break.
        let read = (&mut self.from).take(MAX_LINE + 2).read_until(b'\n', &mut self.line)?;
        self.number += 1;
        if read > 0 && self.line.last() != Some(&b'\n') {
            self.from.skip_until(b'\n')?;
        }
        Ok(read > 0)
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            let number = self.number;
            let line =
                if number == 1 { self.line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.line) } else { &self.line };
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let entry = match std::str::from_utf8(line) {
                _ if line.len() as u64 > MAX_LINE => Err(format!("longer than {MAX_LINE} bytes")),
                Err(error) => Err(format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1)),
                Ok(text) => match &self.format {
                    Some(format) => format.parse(text),
                    None => match Format::of(text) {
                        Err(error) => Err(error),
                        Ok(format) => {
                            let is_header = matches!(format, Format::Csv { .. });
                            let format = self.format.insert(format);
                            if is_header {
                                continue;
                            }
                            format.parse(text)
                        }
                    },
                },
            };
            return Some(Ok(Line { number, entry }));
        }
    }
}

impl Format {
    /// Detects the format from the first line: an object, a CSV header with a column `url` or `file`, or a URL.
    ///
    /// # Errors
    ///
    /// The line looks like a CSV header without such a column.
    fn of(line: &str) -> std::result::Result<Self, String> {
        if line.starts_with('{') {
            return Ok(Self::Json);
        }
        let Ok(columns) = fields(line) else { return Ok(Self::Plain) };
        let column = |name: &str| columns.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
        let (url, file) = (column("url"), column("file"));
        if url.is_none() && file.is_none() {
            let is_header = columns.len() > 1 && !line.contains("://");
            return if is_header {
                Err("this looks like the header of a CSV file, but no column is named url".into())
            } else {
                Ok(Self::Plain)
            };
        }
        Ok(Self::Csv { url, file, name: column("name"), tags: column("tags") })
    }

    fn parse(&self, line: &str) -> std::result::Result<Entry, String> {
        let entry = match self {
            Self::Plain => Entry { url: Some(line.into()), ..Entry::default() },
            Self::Json => {
                serde_json::from_str(line).map_err(|error| format!("not a JSON object as expected: {error}"))?
            }
            Self::Csv { url, file, name, tags } => {
                let fields = fields(line)?;
                let field = |column: &Option<usize>| {
                    let field = fields.get((*column)?)?.trim();
                    (!field.is_empty()).then(|| field.to_owned())
                };
                let tags = field(tags).unwrap_or_default();
                let tags = tags.split(';').map(str::trim).filter(|tag| !tag.is_empty()).map(Into::into).collect();
                Entry { url: field(url), file: field(file), name: field(name), tags }
            }
        };
        if entry.url.is_some() == entry.file.is_some() {
            return Err("it needs either a url or a file".into());
        }
        Ok(entry)
    }
}

/// The fields of one line of CSV (RFC 4180). Fields cannot hold line breaks: an open quote spoils one line only.
fn fields(line: &str) -> std::result::Result<Vec<String>, String> {
    // The reader would accept an open quote and close it at the end.
    if line.matches('"').count() % 2 == 1 {
        return Err("a quote is not closed".into());
    }
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(line.as_bytes());
    let record = reader.records().next().transpose().map_err(|error| error.to_string())?;
    Ok(record.map(|record| record.iter().map(str::to_owned).collect()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of each line, and its URL or file, or the error.
    fn read(list: &[u8]) -> Vec<(u64, String)> {
        let line = |line: Result<Line>| {
            let line = line.unwrap();
            (line.number, line.entry.map_or_else(|error| error, |entry| entry.url.or(entry.file).unwrap()))
        };
        Lines::new(list).map(line).collect()
    }

    #[test]
    fn plain_lines_with_all_that_files_have() {
        let list =
            b"\xef\xbb\xbfhttp://a/1\r\n\r\n# a comment\n  http://a/2?x,y \n\t\nno url\nhttp://a/\xff\nhttp://a/3";
        let expected = [
            (1, "http://a/1".into()),
            (4, "http://a/2?x,y".into()),
            (6, "no url".into()),
            (7, "not UTF-8 at byte 10 of the line".into()),
            (8, "http://a/3".into()),
        ];
        assert_eq!(read(list), expected);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\xef\xbb\xbf"), []);
    }

    #[test]
    fn a_line_too_long_costs_itself_only() {
        let mut list = vec![b'x'; 200_000];
        list.extend(b"\nhttp://a/2\n");
        list.extend(vec![b'y'; 65_536]);
        list.extend(b"\n");
        let read = read(&list);
        assert_eq!((read[0].1.as_str(), &read[1]), ("longer than 65536 bytes", &(2, "http://a/2".into())));
        assert_eq!((read.len(), read[2].0, read[2].1.len()), (3, 3, 65_536));
    }

    #[test]
    fn csv_by_its_header() {
        let list =
            b"# mine\nName , URL,tags,x\nan otter,http://a/1,river; brown ;,\n\"a \"\"b\"\", c\",http://a/2\n,,t\n\
            \"open,http://a/3\nn,http://a/4,,\n";
        let lines: Vec<_> = Lines::new(list.as_slice()).map(|line| line.unwrap()).collect();
        let entry = |url: &str, name: &str, tags: &[&str]| {
            let tags = tags.iter().map(ToString::to_string).collect();
            Ok(Entry { url: Some(url.into()), name: Some(name.into()), tags, file: None })
        };
        let expected = [
            (3, entry("http://a/1", "an otter", &["river", "brown"])),
            (4, entry("http://a/2", "a \"b\", c", &[])),
            (5, Err("it needs either a url or a file".into())),
            (6, Err("a quote is not closed".into())),
            (7, entry("http://a/4", "n", &[])),
        ];
        assert_eq!(lines, expected.map(|(number, entry)| Line { number, entry }));
    }

    #[test]
    fn a_missing_column_is_told() {
        let read = read(b"name,address\nx,http://a/1\n");
        assert!(read[0].1.contains("no column is named url"), "{read:?}");
    }

    #[test]
    fn json_lines_as_failures_are_written() {
        let list = br#"{"url":"http://a/1","name":null,"tags":["t"],"error":"the origin answered 404"}
{"url":7}
[1]
{"file":"a b.png"}
{"url":"u","file":"f"}
"#;
        let read = read(list);
        assert_eq!((read[0].1.as_str(), read[3].1.as_str()), ("http://a/1", "a b.png"));
        for bad in [1, 2, 4] {
            assert!(read[bad].1.starts_with("not a JSON object") || read[bad].1.starts_with("it needs"), "{read:?}");
        }
    }

    #[test]
    fn lists_of_any_length_take_the_same_memory() {
        let list = std::io::BufReader::new(std::io::repeat(b'\n').take(10_000_000).chain(&b"http://a/1"[..]));
        let mut lines = Lines::new(list);
        assert_eq!(lines.next().unwrap().unwrap().number, 10_000_001);
        assert!(lines.next().is_none() && lines.line.capacity() < 4096);
    }
}
