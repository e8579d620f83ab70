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
    /// The URL of the page on which the URL was found.
    pub(crate) referrer: Option<String>,
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
        if self.file.is_some() && self.referrer.is_some() {
            return Err("a referrer goes with a url, not with a file".into());
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
        let format = if let Some(format) = self.format {
            format
        } else {
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
mod tests;
