//! Bodies whose end is invalid or ambiguous: request smuggling, lengths, chunks.

use super::Stored;
use super::case::{CLOSED, Case, UNREADABLE, cut, raw};

/// How a server refuses an absurd length. It may also wait for the body until the client hangs up.
const TOO_LONG: &[u16] = &[400, 413, 431, CLOSED];

/// The head of a request that adds an image, without its end.
const POST: &str = "POST /images HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";

/// A body that would add an image.
const ADD: &str = "{\"url\":\"http://127.0.0.1:1/chunked.png\"}";

/// Spellings of `Transfer-Encoding: chunked` that hyper accepts, and other servers may not.
const ENCODINGS: &str = "Transfer-Encoding: chunked|transfer-encoding: CHUNKED|Transfer-Encoding: \tchunked\t\
    |Transfer-Encoding:chunked|Transfer-Encoding: identity, chunked|Transfer-Encoding: chunked, chunked\
    |Transfer-Encoding: ,chunked|Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\
    |X: y\nTransfer-Encoding: chunked";

/// Spellings that hyper does not accept, and other servers may.
const NO_ENCODINGS: &str = "Transfer-Encoding : chunked|Transfer-Encoding\t: chunked| Transfer-Encoding: chunked\
    |Transfer-Encoding: xchunked|Transfer-Encoding: chunkedx|Transfer-Encoding: \"chunked\"\
    |Transfer-Encoding: chunked;q=1|Transfer-Encoding: chunked, identity|Transfer-Encoding: identity\
    |Transfer-Encoding: gzip|Transfer-Encoding: chunked,|Transfer-Encoding:|Transfer-Encoding: \u{b}chunked\
    |Transfer-Encoding: chunked\0|Transfer-Encoding: \u{a0}chunked|Transfer-Encoding:\r\n chunked\
    |X: y\rTransfer-Encoding: chunked|Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\
    |Transfer-Encoding: chunked\r\nTransfer-Encoding: x";

/// Lengths that are invalid, or two: `#` stands for the length of the body, `@` for its length with the hidden request.
const LENGTHS: &str = "#\r\nContent-Length: @|@\r\nContent-Length: #|#\r\nX: y\r\ncontent-length: @\
    |#\r\nContent-Length: x|#\r\nContent-Length:|#, @|#,#|# @|# x|#;|#.0|#e0|+#|-#|- #|0x#|\"#\"|#\0|\0#|#\u{b}\
    |\r\n #|\u{664}\u{660}|-1|chunked||1_0";

/// Invalid sizes of a chunk; `S` stands for the right one.
const SIZES: &str = "-S|+S|0xS| S|\tS|Sh|Sg|S,|S_0|S 0|S\0|\r\nS||;a=b|\"S\"|S\u{b}|S;a\nb|S\n;a";

/// A request that must stay a part of another request's body.
fn hidden(stored: &Stored) -> String {
    format!("DELETE /images/{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", stored.id)
}

/// Requests whose end two servers could see in different places. Each hides a request that removes an image.
pub(super) fn smuggling(stored: &Stored) -> Vec<Case> {
    let hidden = hidden(stored);
    // A server that reads chunks sees the hidden request after the first body and inside the second one. A server that
    // reads the length sees the reverse.
    let behind_chunks = format!("0\r\n\r\n{hidden}");
    let size = format!("{:x}\r\n", hidden.len());
    let in_chunks = format!("{size}{hidden}\r\n0\r\n\r\n");
    let mut cases = Vec::new();
    let mut both = |encoding: &str, length: usize, body: &str| {
        let length = format!("Content-Length: {length}");
        for lines in [format!("{length}\r\n{encoding}"), format!("{encoding}\r\n{length}")] {
            cases.push(raw(format!("{POST}{lines}\r\n\r\n{body}")).any(UNREADABLE));
        }
    };
    for encoding in ENCODINGS.split('|') {
        both(encoding, size.len(), &in_chunks);
        // The server must close the connection after the chunks (RFC 9112 section 6.1).
        if stored.natively {
            both(encoding, behind_chunks.len(), &behind_chunks);
        }
    }
    for encoding in NO_ENCODINGS.split('|') {
        both(encoding, size.len(), &in_chunks);
        both(encoding, behind_chunks.len(), &behind_chunks);
    }
    let old = POST.replace("HTTP/1.1", "HTTP/1.0");
    for connection in ["keep-alive", "Transfer-Encoding", "Content-Length"] {
        let head = format!("Connection: {connection}\r\nTransfer-Encoding: chunked");
        cases.push(raw(format!("{old}{head}\r\n\r\n{behind_chunks}")).any(UNREADABLE));
    }
    cases
}

pub(super) fn lengths(stored: &Stored) -> Vec<Case> {
    let body = format!("{ADD}{}", hidden(stored));
    let (short, long) = (ADD.len(), body.len());
    let mut lengths: Vec<_> = LENGTHS
        .split('|')
        .map(|length| length.replace('#', &short.to_string()).replace('@', &long.to_string()))
        .collect();
    // 2^64 more than the right length, and 1,000 digits: a parser that wraps or stops early would accept them.
    lengths.push((u128::from(u64::MAX) + 1 + short as u128).to_string());
    lengths.push("9".repeat(1000));
    let mut cases: Vec<_> = lengths
        .iter()
        .map(|length| raw(format!("{POST}Content-Length: {length}\r\n\r\n{body}")).any(UNREADABLE))
        .collect();
    let image = POST.replace("application/json", "image/png");
    for length in [u64::MAX, u64::MAX - 1, u64::MAX - 2, 1 << 63, (1 << 63) - 1, 1 << 40] {
        for (head, body) in [(POST, ADD), (&image, "\u{89}PNG")] {
            cases.push(cut(format!("{head}Content-Length: {length}\r\n\r\n{body}")).any(TOO_LONG));
        }
    }
    // Shorter than promised.
    for sent in [0, 1, short - 1] {
        cases.push(cut(format!("{POST}Content-Length: {short}\r\n\r\n{}", &ADD[..sent])).any(UNREADABLE));
    }
    cases
}

/// Invalid chunks. The JSON in them would add an image.
pub(super) fn chunks(_: &Stored) -> Vec<Case> {
    let length = ADD.len();
    let head = format!("{POST}Transfer-Encoding: chunked\r\n\r\n");
    let good = format!("{length:x}\r\n{ADD}\r\n");
    let mut cases = Vec::new();
    for size in SIZES.split('|') {
        let size = size.replace('S', &format!("{length:x}"));
        cases.push(raw(format!("{head}{size}\r\n{ADD}\r\n0\r\n\r\n")).any(UNREADABLE));
    }
    for body in [
        format!("FFFFFFFFFFFFFFFFF\r\n{ADD}\r\n0\r\n\r\n"),
        format!("1{length:016x}\r\n{ADD}\r\n0\r\n\r\n"),
        format!("{length:x};{}\r\n{ADD}\r\n0\r\n\r\n", "x".repeat(20_000)),
        format!("{:x}\r\n{ADD}\r\n0\r\n\r\n", length - 1),
        format!("{length:x}\r\n{ADD}0\r\n\r\n"),
        format!("{length:x}\r\n{ADD}\n0\r\n\r\n"),
        format!("{length:x}\r\n{ADD}\r0\r\n\r\n"),
        format!("{length:x}\n{ADD}\n0\n\n"),
        format!("{length:x}\r{ADD}\r0\r\r"),
        format!("{good}0\r\nX: {}\r\n\r\n", "y".repeat(20_000)),
        format!("{good}0\r\n{}\r\n", "X: y\r\n".repeat(2000)),
        format!("{good}x\r\n"),
        format!("{good}-1\r\n"),
        format!("{good}\r\n\r\n"),
        format!("{good}0;\n\r\n\r\n"),
    ] {
        cases.push(raw(format!("{head}{body}")).any(UNREADABLE));
    }
    for trailer in "X|X : y|X y: z|: y|X: a\0b|X: a\rb| X: y|X\0: y".split('|') {
        cases.push(raw(format!("{head}{good}0\r\n{trailer}\r\n\r\n")).any(UNREADABLE));
    }
    // Cut before the end.
    let whole = format!("{good}0\r\nX: y\r\n");
    for end in
        [0, 1, 2, 3, 4, 10, good.len() - 2, good.len() - 1, good.len(), good.len() + 1, good.len() + 3, whole.len()]
    {
        cases.push(cut(format!("{head}{}", &whole[..end])).any(UNREADABLE));
    }
    for size in [length + 20, 0x0fff_ffff_ffff_ffff] {
        cases.push(cut(format!("{head}{size:x}\r\n{ADD}\r\n0\r\n\r\n")).any(UNREADABLE));
    }
    cases
}

/// Bodies that the server need not read to answer. Each is full of requests that remove an image.
pub(super) fn unread_bodies(stored: &Stored) -> Vec<Case> {
    let mut cases = Vec::new();
    for (line, status) in [
        ("GET /stats", 200),
        ("GET /healthz", 200),
        ("GET /nothing", 404),
        ("PUT /stats", 405),
        ("POST /nothing", 404),
        ("DELETE /images/x", 404),
        ("POST /images/x/retry", 404),
    ] {
        let head = format!("{line} HTTP/1.1\r\nHost: localhost\r\n");
        for times in [1, 1000] {
            let body = hidden(stored).repeat(times);
            let counted = format!("Content-Length: {}\r\n\r\n{body}", body.len());
            cases.push(raw(format!("{head}{counted}")).any(&[status]));
            let chunked = format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            cases.push(raw(format!("{head}{chunked}")).any(&[status]));
        }
    }
    cases
}
