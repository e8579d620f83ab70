//! Archives alone. tests/archive.rs moves them between vaults.

use super::*;

/// Makes an archive of these entries.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for (name, bytes) in entries {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn what_is_no_archive_says_so() {
    let head = br#"{"format":"burrow-archive","version":1}"#.as_slice();
    let cases: [(Vec<u8>, &str); 8] = [
        (Vec::new(), "cut short"),
        (b"GIF89a".to_vec(), "no archive"),
        (vec![b'x'; 10_000], "no archive"),
        (archive(&[("a", b"b")]), "must be burrow.json"),
        (archive(&[(HEAD, b"{}")]), "another program's"),
        (archive(&[(HEAD, br#"{"format":"burrow-archive","version":2}"#)]), "version 2"),
        (archive(&[(HEAD, head), ("images/x.json", b"{}")]), "cut short"),
        (archive(&[(HEAD, head), (SUMS, b"")])[..1500].to_vec(), "archive"),
    ];
    for (bytes, expected) in cases {
        let error = Known::default().add(bytes.as_slice()).unwrap_err().to_string();
        assert!(error.contains(expected), "{expected}: {error}");
    }
    let mut known = Known::default();
    known.add(archive(&[(HEAD, head), (SUMS, b"12  images/x.json\n")]).as_slice()).unwrap();
    assert!(known.has("12  images/x.json") && !known.has("13  images/x.json"));
}

#[test]
fn contents_have_the_endings_that_people_know() {
    for (media_type, ending) in [
        ("image/jpeg", "jpg"),
        ("image/png", "png"),
        ("image/svg+xml", "svg"),
        ("image/vnd.microsoft.icon", "ico"),
        ("image/bmp", "bmp"),
        ("odd", "odd"),
    ] {
        assert_eq!(entry::extension(media_type), ending);
    }
}
