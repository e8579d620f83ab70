//! The notice that a page shows after a form, such as "3 images deleted".
//!
//! The page's query carries it: `told` names one of a few sentences, and `count` is the number of images in it. So a
//! link to a page cannot make it say anything else.

use crate::api::selection::MAX_MANY;
use crate::route::Query;
use crate::texts::Language;

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
    pub(crate) fn sentence(self, language: Language, count: usize) -> String {
        let n = count as u64;
        let text = match (self, count) {
            (Self::Added, _) => language.count("Downloading {n} image", "Downloading {n} images", n),
            (Self::Stored, _) => language.count("{n} image stored", "{n} images stored", n),
            (Self::Taken, _) => language.count("{n} image added", "{n} images added", n),
            (Self::Tagged, 0) => language.say("The tags were there already"),
            (Self::Tagged, _) => language.count("{n} image tagged", "{n} images tagged", n),
            (Self::Untagged, 0) => language.say("No tag to remove: no selected image has it"),
            (Self::Untagged, _) => language.count("Tags removed from {n} image", "Tags removed from {n} images", n),
            (Self::Renamed, _) => language.count("{n} image renamed", "{n} images renamed", n),
            (Self::Retried, _) => language.count("Retrying {n} image", "Retrying {n} images", n),
            (Self::Deleted, _) => language.count("{n} image deleted", "{n} images deleted", n),
        };
        text.into()
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
pub(crate) fn read(query: &Query, language: Language) -> Option<String> {
    let word = query.get("told")?;
    let notice = Notice::ALL.into_iter().find(|notice| notice.word() == word)?;
    Some(notice.sentence(language, query.get("count")?.parse().ok().filter(|count| *count <= MAX_MANY)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn a_notice_is_one_of_a_few_sentences() {
        let of = |query: &str| {
            let query = Unchecked::parse(query).unwrap();
            read(query.only(&["told", "count"], &[]).unwrap(), Language::default())
        };
        assert_eq!(of("told=deleted&count=3").as_deref(), Some("3 images deleted"));
        assert_eq!(of("told=added&count=1").as_deref(), Some("Downloading 1 image"));
        assert_eq!(of("told=untagged&count=0").as_deref(), Some("No tag to remove: no selected image has it"));
        for nothing in ["told=<b>&count=1", "told=added", "told=added&count=x", "told=added&count=99999", "count=1"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(Notice::Deleted.on("/?q=a+b&told=added&count=1", 2), "/?q=a+b&told=deleted&count=2");
    }
}
