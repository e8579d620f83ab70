//! Byte ranges (RFC 9110 section 14).

use std::ops::Range;

use http::{HeaderMap, header};

/// The most ranges in one request: a request for many is more likely an attack than of use (section 17.15).
pub(crate) const MAX_RANGES: usize = 16;

/// Why ranges are refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The header breaks the grammar.
    Malformed,
    /// This many ranges, which are more than [`MAX_RANGES`].
    TooMany(usize),
    /// No byte of any range lies inside the content.
    Outside,
}

/// The byte ranges that a request asks for, of content of `size` bytes; `None` if it asks for all of it. Ranges that
/// lie outside are left out, and those that overlap or touch are joined.
pub(crate) fn asked(headers: &HeaderMap, size: u64) -> Result<Option<Vec<Range<u64>>>, Refused> {
    let mut values = headers.get_all(header::RANGE).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().map_err(|_| Refused::Malformed)?;
    let Some((unit, set)) = text.split_once('=') else { return Err(Refused::Malformed) };
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        // An unknown unit is ignored (section 14.2).
        return Ok(None);
    }
    if values.next().is_some() {
        return Err(Refused::Malformed);
    }
    // Empty elements of a list are allowed (section 5.6.1).
    let specs: Vec<&str> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
    if specs.is_empty() {
        return Err(Refused::Malformed);
    }
    if specs.len() > MAX_RANGES {
        return Err(Refused::TooMany(specs.len()));
    }
    let mut ranges = Vec::with_capacity(specs.len());
    for spec in specs {
        let range = parse(spec, size).ok_or(Refused::Malformed)?;
        if range.start < range.end {
            ranges.push(range);
        }
    }
    if ranges.is_empty() { Err(Refused::Outside) } else { Ok(Some(join(ranges))) }
}

/// One range, cut to `size`; empty if it lies outside.
fn parse(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(size.saturating_sub(suffix)..size);
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    (first <= last).then(|| first..last.saturating_add(1).min(size).max(first))
}

/// Parses digits. A number that is too large for `u64` counts as the largest `u64`.
fn number(digits: &str) -> Option<u64> {
    let digital = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digital.then(|| digits.parse().unwrap_or(u64::MAX))
}

/// Joins ranges that overlap or touch, and then returns all ranges sorted. If there is nothing to join, the ranges keep
/// the order of the request.
fn join(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut sorted = ranges.clone();
    sorted.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<u64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match joined.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => joined.push(range),
        }
    }
    if joined.len() == ranges.len() { ranges } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(value: &str) -> Result<Option<Vec<Range<u64>>>, Refused> {
        let headers = HeaderMap::from_iter([(header::RANGE, value.parse().unwrap())]);
        asked(&headers, 100)
    }

    #[test]
    #[expect(clippy::single_range_in_vec_init, reason = "one range is what is asked for")]
    fn ranges_inside_are_found() {
        for (value, expected) in [
            ("bytes=0-0", vec![0..1]),
            ("bytes=0-", vec![0..100]),
            ("bytes=99-", vec![99..100]),
            ("bytes=10-1000", vec![10..100]),
            ("bytes=10-99999999999999999999999", vec![10..100]),
            ("bytes=-1", vec![99..100]),
            ("bytes=-1000", vec![0..100]),
            ("Bytes = 5-6 , , 1-2", vec![5..7, 1..3]),
            ("bytes=1-2,200-300", vec![1..3]),
            ("bytes=5-9,0-6", vec![0..10]),
            ("bytes=0-1,2-3", vec![0..4]),
            ("bytes=50-60,0-1,59-70", vec![0..2, 50..71]),
        ] {
            assert_eq!(ask(value), Ok(Some(expected)), "{value}");
        }
    }

    #[test]
    fn other_units_and_none_are_all() {
        assert_eq!(ask("seconds=1-2"), Ok(None));
        assert_eq!(asked(&HeaderMap::new(), 100), Ok(None));
    }

    #[test]
    fn what_breaks_the_grammar_or_lies_outside_is_refused() {
        for value in [
            "bytes",
            "bytes=",
            "bytes=,",
            "bytes=-",
            "bytes=a-b",
            "bytes=1",
            "bytes=2-1",
            "bytes=--1",
            "bytes=1--2",
            "bytes=+1-2",
            "bytes=0x1-2",
            "bytes=1-2;3-4",
            "bytes=1 - 2",
            "bytes=1-2-3",
            "0-1",
            "bytes=0-1,x",
        ] {
            assert_eq!(ask(value), Err(Refused::Malformed), "{value}");
        }
        for value in ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(ask(value), Err(Refused::Outside), "{value}");
        }
        assert_eq!(ask(&format!("bytes={}", ["0-0"; 17].join(","))), Err(Refused::TooMany(17)));
    }
}
