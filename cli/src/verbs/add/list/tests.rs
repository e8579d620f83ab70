//! Tests of lists as programs write them.

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
    let list = b"\xef\xbb\xbfhttp://a/1\r\n\r\n# a comment\n  http://a/2?x,y \n\t\nno url\nhttp://a/\xff\nhttp://a/3";
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
    let list = b"# mine\nName , URL,tags,x\nan otter,http://a/1,river; brown ;,\n\"a \"\"b\"\", c\",http://a/2\n,,t\n\
        \"open,http://a/3\nn,http://a/4,,\n";
    let lines: Vec<_> = Lines::new(list.as_slice()).map(|line| line.unwrap()).collect();
    let entry = |url: &str, name: &str, tags: &[&str]| {
        let tags = tags.iter().map(ToString::to_string).collect();
        Ok(Entry { url: Some(url.into()), name: Some(name.into()), tags, ..Entry::default() })
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
fn referrers_of_every_kind_of_list() {
    for list in [
        "Referrer,url\nhttp://a/page,http://a/1\n",
        "{\"url\":\"http://a/1\",\"referrer\":\"http://a/page\"}\n",
        "[{\"url\":\"http://a/1\",\"referrer\":\"http://a/page\"}]",
    ] {
        let entry = Lines::new(list.as_bytes()).next().unwrap().unwrap().entry.unwrap();
        assert_eq!((entry.url.as_deref(), entry.referrer.as_deref()), (Some("http://a/1"), Some("http://a/page")));
    }
    let read = read(b"file,referrer\na.png,http://a/page\nb.png,\n");
    assert_eq!(read, [(2, "a referrer goes with a url, not with a file".into()), (3, "b.png".into())]);
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
