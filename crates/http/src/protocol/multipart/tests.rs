//! Tests of bodies that can be read, and of those that cannot.

use burrow_vault::testing::World;

use super::*;

/// A body in pieces of this size.
struct Pieces<'a>(std::slice::Chunks<'a, u8>);

impl ByteSource for Pieces<'_> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.0.next().map(<[u8]>::to_vec))
    }
}

/// The parts of a body: name, file name, content.
type Parts = Vec<(String, Option<String>, Vec<u8>)>;

fn read_in(size: usize, body: &[u8]) -> Result<Parts, String> {
    World::default().run(async {
        let (mut form, mut parts) = (Multipart::new(Pieces(body.chunks(size)), b"B", 4096, 2), Vec::new());
        while let Some(head) = form.next_part().await.map_err(|error| error.to_string())? {
            let mut content = Vec::new();
            while let Some(piece) = form.next().await.map_err(|error| error.to_string())? {
                assert!(!piece.is_empty());
                content.extend(piece);
            }
            parts.push((head.name(), head.file_name(), content));
        }
        Ok(parts)
    })
}

/// Reads a body in pieces of every size, which must make no difference.
fn read(body: &[u8]) -> Result<Parts, String> {
    let whole = read_in(body.len().max(1), body);
    for size in 1..100 {
        assert_eq!(read_in(size, body), whole, "in pieces of {size}: {}", body.escape_ascii());
    }
    whole
}

fn part(name: &str, content: &[u8]) -> (String, Option<String>, Vec<u8>) {
    (name.into(), None, content.into())
}

#[test]
fn bodies_that_can_be_read() {
    let two = vec![part("a", b"1\r\n--\r\n--C"), part("b", b"")];
    for (body, expected) in [
        (
            &b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--\r\n--C\r\n--B\r\n\
               content-disposition:form-data;name=b\r\n\r\n\r\n--B--\r\n"[..],
            two.clone(),
        ),
        // No line break behind the last boundary, one before the first, white space behind boundaries.
        (
            b"\r\n--B \t\r\nContent-Disposition : form-data; name=a\r\n\r\n1\r\n--\r\n--C\r\n--B  \r\n\
              X: y\r\nno field\r\nContent-Disposition: form-data;\r\n\tname=b\r\n\r\n\r\n--B--",
            two.clone(),
        ),
        // A preamble and an epilogue, the end of an empty part right behind its head.
        (
            b"preamble --B\r\n-B\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--\r\n--C\r\n--B\r\n\
              Content-Disposition: form-data; name=b\r\n\r\n--B--\r\n--B\r\nepilogue",
            two,
        ),
        // Line feeds alone; what else breaks lines is content.
        (b"--B\nContent-Disposition: form-data; name=a\n\n1\r\n2\n\n--B--\n", vec![part("a", b"1\r\n2\n")]),
        // Line feeds alone are content where lines end otherwise.
        (b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\n--B\n\r\n--B--\r\n", vec![part("a", b"1\n--B\n")]),
        // Another boundary that begins like this one.
        (
            b"--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--Bx\r\n2\r\n--B--\r\n",
            vec![part("a", b"1\r\n--Bx\r\n2")],
        ),
        (b"--B\r\n\r\nno head\r\n--B--", vec![part("", b"no head")]),
        (b"--B--", Vec::new()),
    ] {
        assert_eq!(read(body), Ok(expected), "{}", body.escape_ascii());
    }
}

#[test]
fn bodies_that_cannot_be_read() {
    let head = "--B\r\nContent-Disposition: form-data; name=a\r\n";
    for (body, reason) in [
        ("", "ends too early"),
        ("no boundary", "ends too early"),
        ("--B", "ends too early"),
        ("--B\r\n", "ends too early"),
        (head, "ends too early"),
        (&format!("{head}\r\n1"), "ends too early"),
        (&format!("{head}\r\n1\r\n--B\r\n"), "ends too early"),
        (&format!("{head}\r\n1\r\n--B-\r\n"), "something else on it"),
        (&format!("{head}--B--\r\n"), "ends within its head"),
        (&format!("{head}Content-Transfer-Encoding: Base64\r\n\r\n1\r\n--B--"), "\"base64\", and none is taken"),
        (&format!("--B\r\n{}", "x: y\r\n".repeat(5000)), "longer than 16384 bytes"),
        (&format!("--B\r\nx{}", "y".repeat(20_000)), "longer than 16384 bytes"),
    ] {
        let error = read(body.as_bytes()).unwrap_err();
        assert!(error.contains(reason), "{body}: {error}");
    }
}

#[test]
fn what_is_no_content_is_limited() {
    let end = |more: &str| format!("--B--{}", more.repeat(40_000));
    let fields = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n".repeat(1000);
    for (body, is_read) in [(end(""), true), ("x".repeat(40_000), false), (end("x"), false), (fields, false)] {
        let read = read_in(1000, body.as_bytes());
        match read {
            Ok(_) => assert!(is_read, "{} bytes", body.len()),
            Err(error) => assert!(!is_read && error.contains("max_request_bytes = 4096"), "{error}"),
        }
    }
}

#[test]
fn a_part_is_a_file_by_its_file_name_or_type() {
    for (head, is_file) in [
        ("Content-Disposition: form-data; name=f; filename=a.png", true),
        ("Content-Disposition: form-data; name=f; filename=\"\"", true),
        ("Content-Disposition: form-data; name=f; filename*=gbk''%B2%E2", true),
        ("Content-Disposition: form-data; name=f\r\nContent-Type: IMAGE/png", true),
        ("Content-Type: image/x-unknown; a=b", true),
        ("Content-Disposition: form-data; name=f\r\nContent-Type: application/octet-stream", true),
        ("Content-Disposition: form-data; name=f\r\nContent-Type: text/plain; charset=utf-8", false),
        ("Content-Disposition: form-data; name=\"filename=a\"", false),
        ("X-Content-Disposition: form-data; filename=a", false),
    ] {
        let body = format!("--B\r\n{head}\r\n\r\n--B--");
        let mut form = Multipart::new(Pieces(body.as_bytes().chunks(7)), b"B", 4096, 2);
        let found = World::default().run(form.next_part()).unwrap().unwrap();
        assert_eq!(found.is_file(), is_file, "{head}");
    }
}
