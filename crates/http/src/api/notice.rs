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
    Tagged,
    Untagged,
    Renamed,
    Retried,
    Deleted,
}

impl Notice {
    const ALL: [Self; 7] =
        [Self::Added, Self::Stored, Self::Tagged, Self::Untagged, Self::Renamed, Self::Retried, Self::Deleted];

    fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Stored => "stored",
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
        match self {
            Self::Added => format!("{images} on the way"),
            Self::Stored => format!("{images} stored"),
            Self::Tagged => format!("{images} tagged"),
            Self::Untagged => format!("tags taken off {images}"),
            Self::Renamed => format!("{images} renamed"),
            Self::Retried => format!("{images} tried again"),
            Self::Deleted => format!("{images} deleted"),
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
    if count == 1 { "1 image".into() } else { format!("{count} images") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn a_notice_is_one_of_a_few_sentences() {
        let of = |query: &str| read(Unchecked::parse(query).unwrap().only(&["told", "count"], &[]).unwrap());
        assert_eq!(of("told=deleted&count=3").as_deref(), Some("3 images deleted"));
        assert_eq!(of("told=added&count=1").as_deref(), Some("1 image on the way"));
        for nothing in ["told=<b>&count=1", "told=added", "told=added&count=x", "told=added&count=99999", "count=1"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(Notice::Deleted.on("/?q=a+b&told=added&count=1", 2), "/?q=a+b&told=deleted&count=2");
    }
}
