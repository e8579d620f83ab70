//! Requests for content with invalid or impossible ranges, conditions and encodings.

use super::Stored;
use super::case::{Case, NOT_ACCEPTABLE, PRECONDITION, RANGE, get};

/// Invalid ranges. `bytes=` precedes each.
const UNREADABLE: &str = "- -- a a- -a a-b 1-a a-1 --1 1--2 -1- -1-2 0-1-2 5-2 1.5-3 1-3.5 +1-2 1-+2 0x1-2 1e1-20
    0-1;2-3 0-1:2-3 0_1-2 =0-1 bytes=0-1 0-1,a-b 0-1,5-2 0-1,- a,0-1 , ,, * *-* *-5 0-* 0/1 0-1/555 (0-1) [0-1]
    \"0-1\" 0%2d1 \u{664}-\u{665} \u{2212}5 0\u{2013}5 0";

/// Ranges that are completely outside the image. `N` stands for its size.
const OUTSIDE: &str = "-0 N- N-N N-999 999999- 999999-1000000 -0,-0 N-,-0 18446744073709551615- 18446744073709551616-
    18446744073709551616-18446744073709551617 99999999999999999999999999999999999999999-
    99999999999999999999999999999999999999999-99999999999999999999999999999999999999999999";

/// Ranges that are larger than the image or than any integer, but partly inside the image.
const TOO_LARGE: &str = "0-18446744073709551615 0-18446744073709551616 0-99999999999999999999999999999999999999999
    -18446744073709551615 -18446744073709551616 -99999999999999999999999999999999999999999
    00000000000000000000000000000000-1 0-0,999999- 1-999999,-0";

/// Ranges in other units than bytes. The server ignores them and sends the whole image.
const OTHER_UNITS: &str = "items=0-1 none=0-1 byte=0-1 bytess=0-1 x=a-b x= =0-1 seconds=1-2";

const TAGS: &str = r#"rubbish "rubbish" "" " W/"rubbish" W/ 'x' *x , ,,, "a","b" "a"b" 0 null"#;

const DATES: &str = "rubbish|0|-1|1700000000|2026-01-01|2026-01-01T00:00:00Z|Thu, 01 Jan 99999 00:00:00 GMT\
    |Thu, 99 Xxx 2026 25:61:61 GMT|Thu, 01 Jan 1970 00:00:00|Thu, 01 Jan 1970 00:00:00 PST|\u{fc}|*|\"x\"\
    |Thu, 01 Jan -001 00:00:00 GMT";

pub(super) fn ranges(stored: &Stored) -> Vec<Case> {
    let (path, size) = (format!("/images/{}/content", stored.id), stored.size);
    let range = |range: &str| get(&*path).header("range", format!("bytes={range}"));
    let mut cases = vec![range("").is(416, RANGE), range("0 - 1").is(416, RANGE), range("0-1 2-3").is(416, RANGE)];
    for unreadable in UNREADABLE.split_ascii_whitespace() {
        cases.push(range(unreadable).is(416, RANGE));
    }
    for outside in OUTSIDE.split_ascii_whitespace() {
        let outside = outside.replace('N', &size.to_string());
        cases.push(range(&outside).is(416, RANGE));
        cases.push(get("/images/by-name/photo.png/content").header("range", format!("bytes={outside}")).is(416, RANGE));
    }
    for large in TOO_LARGE.split_ascii_whitespace() {
        cases.push(range(large).any(&[206]));
    }
    // At most 16 parts are allowed, counted before adjacent ones are joined.
    for parts in [17, 100, 1000] {
        let apart: Vec<_> = (0..parts).map(|n| format!("{n}-{n}")).collect();
        let gaps: Vec<_> = (0..parts).map(|n| format!("{}-{}", 3 * n, 3 * n)).collect();
        for list in [apart.join(","), gaps.join(","), vec!["0-"; parts].join(","), vec!["-1"; parts].join(", ")] {
            cases.push(range(&list).is(416, RANGE));
        }
    }
    // Overlapping ranges are joined, so that the answer is not longer than the image.
    cases.push(range(&["0-"; 16].join(",")).any(&[206]));
    cases.push(range(&["-999999"; 16].join(",")).any(&[206]));
    for unit in OTHER_UNITS.split_ascii_whitespace() {
        cases.push(get(&*path).header("range", unit).any(&[200]));
    }
    for odd in ["", "bytes", "bytes:0-1", "0-1", "bytes 0-1", "\u{fc}"] {
        cases.push(get(&*path).header("range", odd).any(&[200, 416]));
    }
    // An `If-Range` that does not match: the whole image is sent.
    for tag in TAGS.split_ascii_whitespace().chain(DATES.split('|')) {
        cases.push(range("0-0").header("if-range", tag).any(&[200]));
    }
    for path in ["/stats", "/images", "/healthz", "/"] {
        cases.push(get(path).header("range", "bytes=999999999-").any(&[200]));
    }
    cases
}

/// Invalid conditions. An invalid `If-Match` does not hold; the others are ignored.
pub(super) fn conditions(stored: &Stored) -> Vec<Case> {
    let record = format!("/images/{}", stored.id);
    let content = format!("{record}/content");
    let mut cases = Vec::new();
    for tag in TAGS.split_ascii_whitespace() {
        cases.push(get(&*content).header("if-match", tag).is(412, PRECONDITION));
        for path in [&*content, &*record, "/stats", "/images", "/"] {
            cases.push(get(path).header("if-none-match", tag).any(&[200]));
        }
    }
    for date in DATES.split('|') {
        cases.push(get(&*content).header("if-modified-since", date).any(&[200]));
        cases.push(get(&*content).header("if-unmodified-since", date).any(&[200]));
    }
    let past = "Thu, 01 Jan 1970 00:00:00 GMT";
    cases.push(get(&*content).header("if-unmodified-since", past).is(412, PRECONDITION));
    cases.push(get(&*content).header("if-unmodified-since", past).header("range", "bytes=x").is(412, PRECONDITION));
    let many = vec!["\"x\""; 2000].join(",");
    cases.push(get(&*content).header("if-match", &*many).is(412, PRECONDITION));
    cases.push(get(&*content).header("if-none-match", many).any(&[200]));
    cases.extend(encodings(stored));
    cases
}

/// Encodings that the server cannot send. The stored image is not compressed.
fn encodings(stored: &Stored) -> Vec<Case> {
    let path = format!("/images/{}/content", stored.id);
    let mut cases = Vec::new();
    for refused in ["identity;q=0", "*;q=0", "identity;q=0.000, br", "gzip, identity;q=0", "*;q=0, gzip", "br, *;q=0"] {
        cases.push(get(&*path).header("accept-encoding", refused).is(406, NOT_ACCEPTABLE));
    }
    for odd in
        ["rubbish", ";q=0", "gzip;q=x", "gzip;q=2", "gzip;q=-1", "gzip;;;", ",,,", "\u{fc}", "*", "gzip;q=1;q=0", "q=0"]
    {
        cases.push(get(&*path).header("accept-encoding", odd).any(&[200]));
    }
    cases.push(get(&*path).header("accept-encoding", vec!["x;q=0.1"; 3000].join(",")).any(&[200]));
    cases
}
