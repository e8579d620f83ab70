//! Reads lists of images: plain URLs, tables with a header, JSON objects one a line, or a JSON array.
//!
//! An invalid line is an error of that line only. Memory does not grow with the list.

mod array;
mod table;
mod text;

use std::collections::VecDeque;
use std::io::{Read, Result};

use serde::{Deserialize, Deserializer};

use array::Next;
use table::{Open, Table};
use text::{MAX_LINE, Text};

/// Lines of one record of a table: fields in quotes may hold line breaks.
const MAX_LINES: usize = 100;

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
    #[serde(default, deserialize_with = "tags")]
    pub(crate) tags: Vec<String>,
}

/// Reads tags as programs write them: an array, a text that separates them, or null.
fn tags<'de, D: Deserializer<'de>>(from: D) -> std::result::Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[serde(expecting = "tags are an array of texts, or one text that separates them by commas or semicolons")]
    enum Tags {
        List(Vec<String>),
        Text(String),
    }
    Ok(match Option::deserialize(from)? {
        None => Vec::new(),
        Some(Tags::List(tags)) => tags,
        Some(Tags::Text(tags)) => table::split_tags(&tags),
    })
}

impl Entry {
    /// Refuses an entry that names no image, or two.
    fn checked(self) -> std::result::Result<Self, String> {
        if self.url.is_some() == self.file.is_some() {
            return Err("it needs either a url or a file".into());
        }
        Ok(self)
    }
}

/// A line that is neither empty nor a comment, or a record of a table, or an element of an array.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// The number of its (first) line, from 1.
    pub(crate) number: u64,
    /// The image that the line names, or why the line is invalid.
    pub(crate) entry: std::result::Result<Entry, String>,
}

/// The format of a list.
#[derive(Clone, Copy, Debug)]
enum Format {
    Plain,
    Json,
    Table(Table),
    Array,
    /// Nothing more is read: the list is none that is known, or has ended.
    Over,
}

/// The lines of a list that are neither empty nor comments.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    text: Text<R>,
    /// Detected from the first line that is neither empty nor a comment.
    format: Option<Format>,
    /// The separator that the list states for Excel.
    separator: Option<char>,
    /// Lines that were read to see whether a record goes on in them, and does not.
    ahead: VecDeque<(u64, Vec<u8>)>,
}

impl<R: Read> Lines<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { text: Text::new(from), format: None, separator: None, ahead: VecDeque::new() }
    }

    fn read(&mut self) -> Result<Option<(u64, Vec<u8>)>> {
        if let Some(line) = self.ahead.pop_front() {
            return Ok(Some(line));
        }
        let number = self.text.number();
        Ok(self.text.line()?.map(|line| (number, line)))
    }

    fn next_line(&mut self) -> Result<Option<Line>> {
        if self.format.is_none() && self.text.peek()? == Some(b'[') {
            self.text.byte()?;
            self.format = Some(Format::Array);
        }
        if let Some(Format::Array) = self.format {
            let (line, is_over) = match array::next(&mut self.text)? {
                Next::Element(line) => (Some(line), false),
                Next::NoEnd(line) => (Some(line), true),
                Next::End => (None, true),
            };
            if is_over {
                self.format = Some(Format::Over);
            }
            return Ok(line);
        }
        if let Some(Format::Over) = self.format {
            return Ok(None);
        }
        while let Some((number, line)) = self.read()? {
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let entry = match std::str::from_utf8(line) {
                _ if line.len() > MAX_LINE => Err(format!("longer than {MAX_LINE} bytes")),
                Err(error) => Err(format!("not UTF-8 at byte {} of the line", error.valid_up_to() + 1)),
                Ok(text) => match self.parse(text)? {
                    Some(entry) => entry,
                    None => continue,
                },
            };
            return Ok(Some(Line { number, entry }));
        }
        Ok(None)
    }

    /// Parses a line, and the next ones if it goes on in them. `None` if it names no image, but says how to read others.
    fn parse(&mut self, line: &str) -> Result<Option<std::result::Result<Entry, String>>> {
        let format = match self.format {
            Some(format) => format,
            None => {
                if let Some(separator) = table::stated_separator(line) {
                    self.separator = Some(separator);
                    return Ok(None);
                }
                let (format, error) = match Format::of(line, self.separator) {
                    Ok(format) => (format, None),
                    Err(error) => (Format::Over, Some(format!("{error}; nothing of this list is taken"))),
                };
                self.format = Some(format);
                match (error, format) {
                    (Some(error), _) => return Ok(Some(Err(error))),
                    (None, Format::Table(_)) => return Ok(None),
                    (None, format) => format,
                }
            }
        };
        let entry = match format {
            Format::Plain => plain(line),
            Format::Table(table) => match table.entry(line) {
                Ok(entry) => Ok(entry),
                Err(Open) => self.continued(&table, line)?,
            },
            _ => serde_json::from_str(line).map_err(|error| format!("not a JSON object as expected: {error}")),
        };
        Ok(Some(entry.and_then(Entry::checked)))
    }

    /// Reads a record that goes on in the next lines. If it does not end, or a line in it is a whole record, a quote is
    /// missing: then only the first line is spoilt.
    fn continued(&mut self, table: &Table, line: &str) -> Result<std::result::Result<Entry, String>> {
        let (mut record, mut read) = (line.to_owned(), VecDeque::new());
        while record.len() <= MAX_LINE
            && read.len() < MAX_LINES
            && let Some((number, line)) = self.read()?
        {
            let text = String::from_utf8_lossy(&line).trim_end().to_owned();
            read.push_back((number, line));
            record.push('\n');
            record.push_str(&text);
            if let Ok(entry) = table.entry(&record) {
                return Ok(Ok(entry));
            }
            if table.entry(&text).is_ok_and(|entry| entry.url.is_some_and(|url| url.contains("://"))) {
                break;
            }
        }
        read.append(&mut self.ahead);
        self.ahead = read;
        Ok(Err("a quote is not closed".into()))
    }
}

impl<R: Read> Iterator for Lines<R> {
    type Item = Result<Line>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_line().transpose()
    }
}

impl Format {
    /// Detects the format from the first line: an object, a header with a column `url` or `file`, or a URL.
    ///
    /// # Errors
    ///
    /// The list is none of these, and reading it as URLs would ask for what nobody wants.
    fn of(line: &str, separator: Option<char>) -> std::result::Result<Self, String> {
        if line.starts_with('{') {
            let is_cut = serde_json::from_str::<serde::de::IgnoredAny>(line).is_err_and(|error| error.is_eof());
            return if is_cut {
                Err("a JSON object goes on over several lines; a list has one a line, or is an array of them".into())
            } else {
                Ok(Self::Json)
            };
        }
        if line.starts_with('<') {
            return Err("this looks like HTML or XML, not like a list".into());
        }
        if let Some(table) = Table::of(line, separator) {
            return Ok(Self::Table(table));
        }
        match table::columns(line) {
            Some(columns) => {
                let columns: Vec<_> = columns.iter().map(|column| column.trim()).collect();
                Err(format!("its columns are {}, and none is named url or file", columns.join(", ")))
            }
            None => Ok(Self::Plain),
        }
    }
}

/// Reads a line of a list without a header.
fn plain(line: &str) -> std::result::Result<Entry, String> {
    const SEPARATORS: [char; 5] = [',', ';', '|', '\t', ' '];
    let has_column = line.contains('\t') || (line.contains(' ') && line.contains([',', ';', '|']));
    // A URL may hold another, but not behind a separator.
    let mut others = line.match_indices("://").skip(1).filter_map(|(at, _)| line.get(..at));
    let has_url = others.any(|before| before.trim_end_matches(|c: char| c.is_ascii_alphabetic()).ends_with(SEPARATORS));
    if has_column || has_url {
        return Err("there is more than a URL; a list with columns needs a header, such as url,name,tags".into());
    }
    Ok(Entry { url: Some(line.into()), ..Entry::default() })
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
    fn a_list_that_is_none_is_told_once() {
        for (list, reason) in [
            (&b"name,address\nx,http://a/1\n"[..], "its columns are name, address, and none is named url or file"),
            (b"image_url;title\nhttp://a/1;x\n", "its columns are image_url, title, and none"),
            (b"{\n  \"url\": \"http://a/1\"\n}\n", "goes on over several lines"),
            (b"<!doctype html>\n<p>http://a/1\n", "looks like HTML"),
        ] {
            let read = read(list);
            assert!(read.len() == 1 && read[0].1.contains(reason) && read[0].1.ends_with("is taken"), "{read:?}");
        }
    }

    #[test]
    fn tables_of_every_spreadsheet() {
        for list in [
            "url;name\nhttp://a/1,2;x\n",
            "name\turl\r\nx\thttp://a/1,2\r\n",
            "url|name\nhttp://a/1,2|x",
            "sep=;\nurl;name\nhttp://a/1,2;x",
            "\u{feff}\"url\";\"name\"\r\"http://a/1,2\";\"x\"\r",
            "title,url\n\"two\nlines, \"\"quoted\"\"\",\"http://a/1,2\"\n",
        ] {
            let lines: Vec<_> = Lines::new(list.as_bytes()).map(|line| line.unwrap().entry.unwrap().url).collect();
            assert_eq!(lines, [Some("http://a/1,2".into())], "{list:?}");
        }
        let utf16: Vec<u8> = "\u{feff}url;name\r\nhttp://a/1;ü\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let lines: Vec<_> = Lines::new(utf16.as_slice()).map(|line| line.unwrap()).collect();
        let entry = Entry { url: Some("http://a/1".into()), name: Some("ü".into()), ..Entry::default() };
        assert_eq!(lines, [Line { number: 2, entry: Ok(entry) }]);
    }

    #[test]
    fn a_quote_that_is_not_closed_spoils_its_line_only() {
        let list = b"name,url\n\"open,http://a/1\n\"x\",http://a/2\n\"y\nz\",http://a/3\n\"open\nto the end\n";
        let told = "a quote is not closed";
        assert_eq!(
            read(list),
            [
                (2, told.into()),
                (3, "http://a/2".into()),
                (4, "http://a/3".into()),
                (6, told.into()),
                (7, "it needs either a url or a file".into())
            ]
        );
        let endless = [b"name,url\n\"".as_slice(), &b"x\n".repeat(1000)].concat();
        assert_eq!(read(&endless).len(), 1000);
    }

    #[test]
    fn a_plain_line_with_columns_is_not_taken_for_a_url() {
        for (line, is_url) in [
            ("http://a/1.png", true),
            ("http://a/my otter.png", true),
            ("http://a/1.png?x=1,2;y|z", true),
            ("http://a/web/http://b/1.png", true),
            ("http://a/?u=https://b/1.png", true),
            ("http://a/1.png\totter", false),
            ("http://a/1.png, an otter", false),
            ("http://a/1.png,http://b/2.png", false),
            ("http://a/1.png http://b/2.png", false),
        ] {
            assert_eq!(read(line.as_bytes())[0].1 == line, is_url, "{line}");
        }
    }

    #[test]
    fn tags_as_programs_write_them() {
        for (tags, expected) in [
            ("null", &[][..]),
            ("[]", &[]),
            ("[\"a\", \"b, c\"]", &["a", "b, c"]),
            ("\"a, b; c\"", &["a", "b", "c"]),
            ("\"\"", &[]),
        ] {
            let line = format!("{{\"url\":\"http://a/1\",\"tags\":{tags}}}");
            let entry = Lines::new(line.as_bytes()).next().unwrap().unwrap().entry.unwrap();
            assert_eq!(entry.tags, expected, "{tags}");
        }
        let read = read(b"{\"url\":\"http://a/1\",\"tags\":7}");
        assert!(read[0].1.contains("tags are an array of texts"), "{read:?}");
    }

    #[test]
    fn arrays_in_one_line_or_many() {
        let list = br#"
[ "http://a/1", {"url": "http://a/2",
   "name": "a \"]\" b", "tags": ["x"]
  },7 , {"file":"a.png"},
 {"url":}, null, ["http://a/4"],
 "http:\/\/a\/5"]
more
"#;
        let read = read(list);
        let numbers: Vec<_> = read.iter().map(|(number, _)| *number).collect();
        assert_eq!(numbers, [2, 2, 4, 4, 5, 5, 5, 6]);
        for (at, expected) in [(0, "http://a/1"), (1, "http://a/2"), (3, "a.png"), (7, "http://a/5")] {
            assert_eq!(read[at].1, expected);
        }
        for bad in [2, 4, 5, 6] {
            assert!(read[bad].1.starts_with("not a URL or an object"), "{read:?}");
        }
    }

    #[test]
    fn an_array_without_an_end_is_told() {
        for (list, elements) in [("[", 1), ("[\"http://a/1\"", 2), ("[\"http://a/1\",{\"url\":\"http", 3), ("[]", 0)] {
            let read = read(list.as_bytes());
            assert_eq!(read.len(), elements, "{read:?}");
            assert!(elements == 0 || read.last().unwrap().1 == "the array is not closed", "{read:?}");
        }
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
        assert!(lines.next().is_none() && lines.ahead.is_empty());
    }
}
