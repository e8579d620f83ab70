//! Reads tables: CSV and its variants with other separators (RFC 4180).

use super::Entry;

/// Separators of fields, the most common first. Spreadsheets write semicolons where the comma is the decimal sign.
const SEPARATORS: [char; 4] = [',', ';', '\t', '|'];

/// The separator, and the places of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Table {
    separator: char,
    url: Option<usize>,
    file: Option<usize>,
    referrer: Option<usize>,
    name: Option<usize>,
    tags: Option<usize>,
}

/// A quote is not closed, or not at the end of its field: the record goes on in the next line, or a quote is missing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Open;

impl Table {
    /// Reads a header. `None` if no column is named `url` or `file`. `separator` is known if the list states it.
    pub(super) fn of(header: &str, separator: Option<char>) -> Option<Self> {
        let separators = separator.map_or_else(|| SEPARATORS.to_vec(), |separator| vec![separator]);
        separators.into_iter().find_map(|separator| {
            let columns = fields(header, separator).ok()?;
            let column = |name: &str| columns.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
            let (url, file) = (column("url"), column("file"));
            let is_one = url.is_some() || file.is_some();
            is_one.then(|| Self {
                separator,
                url,
                file,
                referrer: column("referrer"),
                name: column("name"),
                tags: column("tags"),
            })
        })
    }

    /// Reads a record.
    pub(super) fn entry(&self, record: &str) -> Result<Entry, Open> {
        let fields = fields(record, self.separator)?;
        let field = |column: Option<usize>| {
            let field = fields.get(column?)?.trim();
            (!field.is_empty()).then(|| field.to_owned())
        };
        let tags = split_tags(&field(self.tags).unwrap_or_default());
        let referrer = field(self.referrer);
        Ok(Entry { url: field(self.url), file: field(self.file), referrer, name: field(self.name), tags })
    }
}

/// The columns of what looks like the header of a table, though none is named as needed.
pub(super) fn columns(line: &str) -> Option<Vec<String>> {
    let split = SEPARATORS.iter().find_map(|&separator| {
        let fields = fields(line, separator).ok()?;
        (fields.len() > 1).then_some(fields)
    });
    split.filter(|_| !line.contains("://"))
}

/// The separator that the first line of a table states for Excel: `sep=;`.
pub(super) fn stated_separator(line: &str) -> Option<char> {
    let (word, separator) = line.split_once('=')?;
    let mut characters = separator.trim_matches('"').chars();
    let separator = characters.next().filter(|_| characters.next().is_none());
    separator.filter(|_| word.trim_matches('"').eq_ignore_ascii_case("sep"))
}

/// Splits tags at semicolons or commas.
pub(super) fn split_tags(tags: &str) -> Vec<String> {
    tags.split([';', ',']).map(str::trim).filter(|tag| !tag.is_empty()).map(Into::into).collect()
}

/// The fields of a record. A field in quotes may hold separators, line breaks and doubled quotes.
fn fields(record: &str, separator: char) -> Result<Vec<String>, Open> {
    let (mut fields, mut rest) = (Vec::new(), record);
    loop {
        let (mut field, mut is_quoted) = (String::new(), false);
        // White space before a quote is no part of the field.
        let begun = rest.trim_start_matches(|c: char| c.is_whitespace() && c != separator);
        if let Some(mut quoted) = begun.strip_prefix('"') {
            is_quoted = true;
            loop {
                let (text, after) = quoted.split_once('"').ok_or(Open)?;
                field.push_str(text);
                if let Some(after) = after.strip_prefix('"') {
                    field.push('"');
                    quoted = after;
                } else {
                    rest = after;
                    break;
                }
            }
        }
        let (text, after) = rest.split_once(separator).map_or((rest, None), |(text, after)| (text, Some(after)));
        if is_quoted && !text.trim().is_empty() {
            return Err(Open);
        }
        field.push_str(text);
        fields.push(field);
        match after {
            Some(after) => rest = after,
            None => return Ok(fields),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_split() {
        for (record, separator, expected) in [
            ("a,b", ',', Ok(vec!["a", "b"])),
            ("", ',', Ok(vec![""])),
            (",", ',', Ok(vec!["", ""])),
            ("a;b,c", ';', Ok(vec!["a", "b,c"])),
            ("a\t\"b\tc\"\t", '\t', Ok(vec!["a", "b\tc", ""])),
            ("\"a \"\"b\"\", c\",d", ',', Ok(vec!["a \"b\", c", "d"])),
            ("a, \"b,c\" ,d", ',', Ok(vec!["a", "b,c ", "d"])),
            ("5\" pipe,a\"b", ',', Ok(vec!["5\" pipe", "a\"b"])),
            ("\"two\nlines\",b", ',', Ok(vec!["two\nlines", "b"])),
            ("a,\"open,b", ',', Err(Open)),
            ("\"a\"b,c", ',', Err(Open)),
            ("\"\"\"", ',', Err(Open)),
        ] {
            let expected = expected.map(|fields| fields.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(fields(record, separator), expected, "{record:?}");
        }
    }

    #[test]
    fn a_header_shows_its_separator() {
        let table =
            |separator| Table { separator, url: Some(1), file: None, referrer: None, name: Some(0), tags: None };
        for (header, separator) in [("name,url", ','), ("Name;URL", ';'), ("name\turl", '\t'), ("name | url", '|')] {
            assert_eq!(Table::of(header, None), Some(table(separator)), "{header}");
        }
        assert_eq!(Table::of("name:url", Some(':')), Some(table(':')));
        assert_eq!(Table::of("name,address", None), None);
        assert_eq!(columns("image_url;title").unwrap(), ["image_url", "title"]);
        assert_eq!(columns("http://a/1.png,title"), None);
        assert_eq!(columns("word"), None);
        assert_eq!((stated_separator("sep=;"), stated_separator("\"SEP=,\"")), (Some(';'), Some(',')));
        assert_eq!(
            (stated_separator("sep="), stated_separator("step=;"), stated_separator("sep=ab")),
            (None, None, None)
        );
    }
}
