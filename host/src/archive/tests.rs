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

/// A header of this kind that states this size, and no byte of what it is for.
fn header(kind: tar::EntryType, name: &str, size: u64) -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_path(name).unwrap();
    header.set_size(size);
    header.set_cksum();
    header.as_bytes().to_vec()
}

/// Gives bytes without end, and counts how many were asked for.
struct Endless<'a>(&'a mut u64);

impl Read for Endless<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        *self.0 += into.len() as u64;
        into.fill(b'a');
        Ok(into.len())
    }
}

#[test]
fn no_header_stands_for_more_bytes_than_it_has() {
    use tar::EntryType;
    const LARGE: u64 = 3 << 30;
    let head = archive(&[(HEAD, br#"{"format":"burrow-archive","version":1}"#)]);
    // Without the two empty blocks at its end.
    let head = &head[..head.len() - 1024];
    for (kind, expected) in [
        (EntryType::GNULongName, "short name"),
        (EntryType::GNULongLink, "short name"),
        (EntryType::GNUSparse, "short name"),
        (EntryType::Symlink, "short name"),
        (EntryType::XHeader, "larger than 65536"),
        (EntryType::XGlobalHeader, "larger than 65536"),
    ] {
        let mut read = 0;
        let bytes = [head, &header(kind, "x", LARGE)].concat();
        let error = Known::default().add(bytes.as_slice().chain(Endless(&mut read))).unwrap_err().to_string();
        assert!(error.contains(expected), "{kind:?}: {error}");
        assert!(read < 1 << 20, "{kind:?}: {read} bytes were read");
    }
}

#[test]
fn what_archivers_state_beside_is_left_out() {
    let archive = |extensions: &[(&str, &[u8])]| {
        let mut tar = tar::Builder::new(Vec::new());
        for (name, bytes) in [(HEAD, br#"{"format":"burrow-archive","version":1}"#.as_slice()), (SUMS, b"")] {
            tar.append_pax_extensions(extensions.iter().copied()).unwrap();
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            tar.append_data(&mut header, name, bytes).unwrap();
        }
        Known::default().add(tar.into_inner().unwrap().as_slice())
    };
    archive(&[("mtime", b"1.5"), ("SCHILY.dev", b"1")]).unwrap();
    for key in ["path", "size", "GNU.sparse.size"] {
        let error = archive(&[(key, b"7")]).unwrap_err().to_string();
        assert!(error.contains(key), "{error}");
    }
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
