//! The notice that a page shows after a form, such as "3 images deleted".
//!
//! The page's query carries it: `told` names one of a few sentences, and `count` is the number of images in it. So a
//! link to a page cannot make it say anything else.

use crate::api::selection::MAX_MANY;
use crate::route::Query;

/// The action that a form carried out.
#[derive(Clone, Copy)]
pub(crate) enum Notice {
    Added,
    Stored,
    Taken,
    Tagged,
    Untagged,
    Renamed,
    Retried,
    Deleted,
}

impl Notice {
    const ALL: [Self; 8] = [
        Self::Added,
        Self::Stored,
        Self::Taken,
        Self::Tagged,
        Self::Untagged,
        Self::Renamed,
        Self::Retried,
        Self::Deleted,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Stored => "stored",
            Self::Taken => "taken",
            Self::Tagged => "tagged",
            Self::Untagged => "untagged",
            Self::Renamed => "renamed",
            Self::Retried => "retried",
            Self::Deleted => "deleted",
        }
    }

    /// The sentence, with the number of images in it.
    pub(crate) fn sentence(self, count: usize) -> String {
        let images = images(count as u64);
        match (self, count) {
            (Self::Added, _) => format!("Downloading {images}"),
            (Self::Stored, _) => format!("{images} stored"),
            (Self::Taken, _) => format!("{images} added"),
            (Self::Tagged, 0) => "The tags were there already".into(),
            (Self::Tagged, _) => format!("{images} tagged"),
            (Self::Untagged, 0) => "No tag to remove: no selected image has it".into(),
            (Self::Untagged, _) => format!("Tags removed from {images}"),
            (Self::Renamed, _) => format!("{images} renamed"),
            (Self::Retried, _) => format!("Retrying {images}"),
            (Self::Deleted, _) => format!("{images} deleted"),
        }
    }

    /// The path of a page, with this notice in its query in place of an earlier one.
    pub(crate) fn on(self, path: &str, count: usize) -> String {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let kept = url::form_urlencoded::parse(query.as_bytes()).filter(|(name, _)| name != "told" && name != "count");
        let mut pairs = url::form_urlencoded::Serializer::new(String::new());
        pairs.extend_pairs(kept);
        pairs.append_pair("told", self.word()).append_pair("count", &count.to_string());
        format!("{path}?{}", pairs.finish())
    }
}

/// The notice in a page's query; `None` if the query has no valid one.
pub(crate) fn read(query: &Query) -> Option<String> {
    let word = query.get("told")?;
    let notice = Notice::ALL.into_iter().find(|notice| notice.word() == word)?;
    Some(notice.sentence(query.get("count")?.parse().ok().filter(|count| *count <= MAX_MANY)?))
}

/// A number of images, for people.
pub(crate) fn images(count: u64) -> String {
    if count == 1 { "1 image".into() } else { format!("{} images", number(count)) }
}

/// A number, for people: its digits in groups of three.
pub(crate) fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (n, digit) in digits.chars().enumerate() {
        if n > 0 && (digits.len() - n).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn digits_are_grouped() {
        let numbers = [0, 7, 999, 1000, 50_000, 1_234_567, u64::MAX];
        let shown = ["0", "7", "999", "1,000", "50,000", "1,234,567", "18,446,744,073,709,551,615"];
        assert_eq!(numbers.map(number), shown);
    }

    #[test]
    fn a_notice_is_one_of_a_few_sentences() {
        let of = |query: &str| read(Unchecked::parse(query).unwrap().only(&["told", "count"], &[]).unwrap());
        assert_eq!(of("told=deleted&count=3").as_deref(), Some("3 images deleted"));
        assert_eq!(of("told=added&count=1").as_deref(), Some("Downloading 1 image"));
        assert_eq!(of("told=untagged&count=0").as_deref(), Some("No tag to remove: no selected image has it"));
        for nothing in ["told=<b>&count=1", "told=added", "told=added&count=x", "told=added&count=99999", "count=1"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(Notice::Deleted.on("/?q=a+b&told=added&count=1", 2), "/?q=a+b&told=deleted&count=2");
    }
}
