//! Conditional requests (RFC 9110 section 13).

use http::{HeaderMap, HeaderName, header};

/// What identifies the current version of a representation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Validators<'a> {
    /// The entity tag in its quotes, after `W/` if it is weak.
    pub(crate) etag: &'a str,
    /// Seconds since 1970; `None` if the time does not identify the content.
    pub(crate) last_modified: Option<u64>,
}

/// The result of the conditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All conditions hold, or the request has none.
    Proceed,
    /// The client has it already: 304.
    NotModified,
    /// A condition does not hold: 412.
    Failed,
}

/// Evaluates the conditions in the order of section 13.2.2; `reading` is true for `GET` and `HEAD`.
pub(crate) fn evaluate(headers: &HeaderMap, reading: bool, now: Validators<'_>) -> Verdict {
    if headers.contains_key(header::IF_MATCH) {
        if !tags(headers, &header::IF_MATCH).any(|tag| tag == "*" || same(tag, now.etag)) {
            return Verdict::Failed;
        }
    } else if let (Some(since), Some(modified)) = (date(headers, &header::IF_UNMODIFIED_SINCE), now.last_modified)
        && modified > since
    {
        return Verdict::Failed;
    }
    if headers.contains_key(header::IF_NONE_MATCH) {
        let matches = |tag: &str| tag == "*" || opaque(tag) == opaque(now.etag);
        if tags(headers, &header::IF_NONE_MATCH).any(matches) {
            return if reading { Verdict::NotModified } else { Verdict::Failed };
        }
    } else if reading
        && let (Some(since), Some(modified)) = (date(headers, &header::IF_MODIFIED_SINCE), now.last_modified)
        && modified <= since
    {
        return Verdict::NotModified;
    }
    Verdict::Proceed
}

/// The strong comparison (section 8.8.3.2): a weak tag equals no tag.
fn same(one: &str, other: &str) -> bool {
    one == other && !one.starts_with("W/")
}

/// The tag without `W/`, which is what the weak comparison compares.
fn opaque(tag: &str) -> &str {
    tag.strip_prefix("W/").unwrap_or(tag)
}

/// Whether `If-Range` lets a range be sent (section 13.1.5).
pub(crate) fn range_holds(headers: &HeaderMap, now: Validators<'_>) -> bool {
    let Some(condition) = headers.get(header::IF_RANGE) else { return true };
    condition.to_str().is_ok_and(|tag| same(tag, now.etag))
        || date(headers, &header::IF_RANGE).is_some_and(|date| Some(date) == now.last_modified)
}

/// Whether a condition lists exactly this entity tag.
pub(crate) fn names(headers: &HeaderMap, condition: &HeaderName, etag: &str) -> bool {
    tags(headers, condition).any(|tag| tag == etag)
}

/// The entity tags of a header, with `W/` and quotes. Words without quotes, such as `*`, are returned as they are. A
/// quote that is not closed ends the list.
fn tags<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|mut rest| {
        std::iter::from_fn(move || {
            rest = rest.trim_start_matches([' ', '\t', ',']);
            // A tag may contain commas, so it ends at its closing quote.
            let opening = if rest.starts_with("W/\"") { 3 } else { 1 };
            let len = match rest.get(..opening)? {
                "W/\"" | "\"" => opening + rest.get(opening..)?.find('"')? + 1,
                _ => rest.find(',').unwrap_or(rest.len()),
            };
            let (tag, after) = rest.split_at_checked(len)?;
            rest = after;
            Some(tag.trim())
        })
    })
}

/// The date in a header, in seconds since 1970; `None` if the header is missing or is not a date.
fn date(headers: &HeaderMap, name: &HeaderName) -> Option<u64> {
    let date = httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()?;
    Some(date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Validators<'static> = Validators { etag: "\"a\"", last_modified: Some(784_111_777) };
    const THEN: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    }

    #[test]
    fn conditions_are_evaluated_in_order() {
        use Verdict::{Failed, NotModified, Proceed};
        for (pairs, reading, writing) in [
            (&[][..], Proceed, Proceed),
            (&[("if-match", "\"a\"")], Proceed, Proceed),
            (&[("if-match", "\"x,y\", \"a\"")], Proceed, Proceed),
            (&[("if-match", "*")], Proceed, Proceed),
            (&[("if-match", "W/\"a\"")], Failed, Failed),
            (&[("if-match", "a")], Failed, Failed),
            (&[("if-match", "")], Failed, Failed),
            (&[("if-match", "\"b\"")], Failed, Failed),
            (&[("if-none-match", "\"a\"")], NotModified, Failed),
            (&[("if-none-match", "W/\"a\"")], NotModified, Failed),
            (&[("if-none-match", "\"b\",, W/\"c\" ,\"a\"")], NotModified, Failed),
            (&[("if-none-match", "*")], NotModified, Failed),
            (&[("if-none-match", "\"b\"")], Proceed, Proceed),
            (&[("if-none-match", "\"a")], Proceed, Proceed),
            (&[("if-modified-since", THEN)], NotModified, Proceed),
            (&[("if-modified-since", BEFORE)], Proceed, Proceed),
            (&[("if-modified-since", "yesterday")], Proceed, Proceed),
            (&[("if-modified-since", THEN), ("if-none-match", "\"b\"")], Proceed, Proceed),
            (&[("if-unmodified-since", THEN)], Proceed, Proceed),
            (&[("if-unmodified-since", BEFORE)], Failed, Failed),
            (&[("if-unmodified-since", BEFORE), ("if-match", "\"a\"")], Proceed, Proceed),
            (&[("if-match", "\"a\""), ("if-none-match", "\"a\"")], NotModified, Failed),
        ] {
            assert_eq!(evaluate(&headers(pairs), true, NOW), reading, "{pairs:?}");
            assert_eq!(evaluate(&headers(pairs), false, NOW), writing, "{pairs:?}");
        }
    }

    #[test]
    fn a_weak_tag_is_good_for_not_sending_it_again_and_for_nothing_else() {
        use Verdict::{Failed, NotModified, Proceed};
        let now = Validators { etag: "W/\"a\"", last_modified: None };
        for (pair, reading) in [
            (("if-none-match", "W/\"a\""), NotModified),
            (("if-none-match", "\"a\""), NotModified),
            (("if-none-match", "W/\"b\""), Proceed),
            (("if-match", "W/\"a\""), Failed),
            (("if-match", "\"a\""), Failed),
            (("if-match", "*"), Proceed),
        ] {
            assert_eq!(evaluate(&headers(&[pair]), true, now), reading, "{pair:?}");
        }
        assert!(!range_holds(&headers(&[("if-range", "W/\"a\"")]), now));
    }

    #[test]
    fn a_range_needs_the_same_content() {
        for (value, holds) in
            [("\"a\"", true), ("W/\"a\"", false), ("\"b\"", false), (THEN, true), (BEFORE, false), ("x", false)]
        {
            assert_eq!(range_holds(&headers(&[("if-range", value)]), NOW), holds, "{value}");
        }
        assert!(range_holds(&headers(&[]), NOW));
        assert!(!range_holds(&headers(&[("if-range", THEN)]), Validators { last_modified: None, ..NOW }));
    }
}
