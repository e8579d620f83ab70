//! The search that a page shows: its conditions, the paths that change them, and the words of the search box.

use burrow_model::record::ImageRecord;
use burrow_model::time::moment;
use http::HeaderMap;
use url::form_urlencoded::Serializer;

use crate::api::images::{LISTING, UNFINISHED};
use crate::protocol::negotiation::wants_html;
use crate::route::Query;
use crate::texts::Language;

/// The conditions that the search box takes as `name:value`, besides `tag:`.
const OPERATORS: [&str; 5] = ["status", "type", "host", "since", "until"];

/// Words for `status:` beside those of the interface.
const STATUSES: [(&str, &str); 3] = [("stored", "ready"), ("waiting", UNFINISHED), ("downloading", UNFINISHED)];

/// Whether a query parameter decides what a page lists.
pub(crate) fn is_listing(name: &str) -> bool {
    name == "tag" || LISTING.contains(&name)
}

/// The search whose result a page shows.
pub(crate) struct Search<'a> {
    pub(crate) q: &'a str,
    pub(crate) tags: Vec<&'a str>,
    pub(crate) status: &'a str,
    pub(crate) is_oldest_first: bool,
    query: &'a Query,
}

/// A condition of a search, and the path of the search without it.
pub(crate) struct Condition {
    /// The name of the condition; empty for words.
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) without: String,
}

impl<'a> Search<'a> {
    pub(crate) fn new(query: &'a Query) -> Self {
        Self {
            q: query.get("q").unwrap_or_default(),
            tags: query.all("tag").collect(),
            status: query.get("status").unwrap_or_default(),
            is_oldest_first: query.get("order") == Some("oldest"),
            query,
        }
    }

    /// Whether the search may leave images out.
    pub(crate) fn is_narrow(&self) -> bool {
        !self.conditions(Language::default()).is_empty()
    }

    /// Whether the page shows failed images alone.
    pub(crate) fn is_of_failed(&self) -> bool {
        self.status == "failed"
    }

    /// Whether the page begins somewhere after the first image.
    pub(crate) fn is_continued(&self) -> bool {
        self.query.get("cursor").is_some()
    }

    /// What holds for all images that are found.
    pub(crate) fn conditions(&self, language: Language) -> Vec<Condition> {
        let words = Some(self.q).filter(|q| !q.is_empty());
        let words = words.map(|q| Condition { name: "", value: q.to_owned(), without: self.without("q") });
        let tag = |tag: &&str| Condition { name: "tag", value: (*tag).to_owned(), without: self.without_tag(tag) };
        let other = |name: &&'static str| {
            let value = shown(name, self.query.get(name)?, language);
            Some(Condition { name, value, without: self.without(name) })
        };
        words.into_iter().chain(self.tags.iter().map(tag)).chain(OPERATORS.iter().filter_map(other)).collect()
    }

    /// The parameters that the search box keeps besides its words.
    pub(crate) fn kept(&self) -> Vec<(&str, &str)> {
        self.query.pairs().filter(|(name, _)| is_listing(name) && *name != "q").collect()
    }

    /// The path of the same search with this tag, too.
    pub(crate) fn with_tag(&self, tag: &str) -> String {
        let here = self.here();
        if self.tags.contains(&tag) {
            return here;
        }
        let tag = Serializer::new(String::new()).append_pair("tag", tag).finish();
        format!("{here}{}{tag}", if here.contains('?') { '&' } else { '?' })
    }

    /// The path of the same search with this tag in place of its words.
    pub(crate) fn with_tag_alone(&self, tag: &str) -> String {
        self.path("/", |name, value| name != "q" && (name != "tag" || value != tag), Some(("tag", tag)))
    }

    /// The path of the same search in the other order.
    pub(crate) fn turned(&self) -> String {
        let order = if self.is_oldest_first { None } else { Some(("order", "oldest")) };
        self.path("/", |name, _| name != "order", order)
    }

    /// The path of the same search from a cursor on.
    pub(crate) fn at(&self, cursor: u64) -> String {
        self.path("/", |_, _| true, Some(("cursor", &cursor.to_string())))
    }

    /// The path of this search, from its beginning.
    pub(crate) fn here(&self) -> String {
        self.path("/", |_, _| true, None)
    }

    /// The path of an image's page, which leads through the images of this search.
    pub(crate) fn image(&self, id: &str) -> String {
        self.path(&format!("/images/{id}"), |name, _| name != "limit", None)
    }

    /// The path of this search from an image on, and at that image.
    pub(crate) fn around(&self, image: &ImageRecord) -> String {
        let before = if self.is_oldest_first { image.seq.saturating_sub(1) } else { image.seq.saturating_add(1) };
        format!("{}#i-{}", self.at(before), image.id)
    }

    fn without_tag(&self, tag: &str) -> String {
        self.path("/", |name, value| name != "tag" || value != tag, None)
    }

    fn without(&self, name: &str) -> String {
        self.path("/", |other, _| other != name, None)
    }

    fn path(&self, page: &str, keep: impl Fn(&str, &str) -> bool, also: Option<(&str, &str)>) -> String {
        let kept = self.query.pairs().filter(|(name, value)| is_listing(name) && keep(name, value));
        path(page, kept.chain(also))
    }
}

/// A path with a query.
pub(crate) fn path<'q>(page: &str, pairs: impl IntoIterator<Item = (&'q str, &'q str)>) -> String {
    let query = Serializer::new(String::new()).extend_pairs(pairs).finish();
    if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
}

/// The text of a condition, for people.
fn shown(name: &str, value: &str, language: Language) -> String {
    match (name, value) {
        ("status", "ready") => language.say("stored").into(),
        ("status", UNFINISHED) => language.count("in progress", "in progress", 1).into(),
        _ => value.to_owned(),
    }
}

/// The path of the search that a text in the search box means, if the text has conditions such as `tag:otter`. Programs
/// search by parameters alone.
pub(crate) fn spelled_out(query: &Query, headers: &HeaderMap) -> Option<String> {
    let (words, conditions) = read(query.get("q")?);
    if conditions.is_empty() || !wants_html(headers) {
        return None;
    }
    let is_replaced = |name: &str| name == "q" || name == "cursor" || conditions.iter().any(|(new, _)| *new == name);
    let kept = query.pairs().filter(|(name, value)| {
        let is_repeated = *name == "tag" && conditions.iter().any(|(new, tag)| new == name && tag == value);
        (*name == "tag" && !is_repeated) || !is_replaced(name)
    });
    let words = Some(("q", words.as_str())).filter(|(_, words)| !words.is_empty());
    let new = conditions.iter().map(|(name, value)| (*name, value.as_str()));
    Some(path("/", words.into_iter().chain(kept).chain(new)))
}

/// Splits a text into words and conditions. A part in double quotes has no condition; `tag:"two words"` has one.
fn read(text: &str) -> (String, Vec<(&'static str, String)>) {
    let (mut words, mut conditions) = (Vec::new(), Vec::<(&'static str, String)>::new());
    for part in parts(text) {
        let operator = part.split_once(':').and_then(|(name, value)| {
            let known = OPERATORS.iter().chain(&["tag"]).find(|known| known.eq_ignore_ascii_case(name))?;
            let value = value.trim_matches('"').trim();
            let is_valid = match *known {
                "since" | "until" => moment(value, false).is_some(),
                _ => !value.is_empty(),
            };
            is_valid.then_some((*known, value))
        });
        let Some((name, value)) = operator else {
            words.push(part);
            continue;
        };
        let value = STATUSES.iter().find(|(word, _)| name == "status" && *word == value).map_or(value, |(_, is)| is);
        if name != "tag" {
            conditions.retain(|(other, _)| *other != name);
        }
        if !conditions.iter().any(|(other, old)| *other == name && old == value) {
            conditions.push((name, value.to_owned()));
        }
    }
    (words.join(" "), conditions)
}

/// The parts of a text between white space that is not in quotes.
fn parts(text: &str) -> Vec<&str> {
    let mut is_quoted = false;
    let ends = |c: char| {
        is_quoted ^= c == '"';
        c.is_whitespace() && !is_quoted
    };
    text.split(ends).filter(|part| !part.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, header};

    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn the_search_box_takes_conditions() {
        let spelled = |text: &str| {
            let query = Unchecked::parse(text).unwrap();
            let query = query.only(&[&["cursor"], &LISTING[..]].concat(), &["tag"]).unwrap().clone();
            assert_eq!(spelled_out(&query, &HeaderMap::new()), None, "programs search by parameters");
            let accept = HeaderValue::from_static("text/html");
            spelled_out(&query, &HeaderMap::from_iter([(header::ACCEPT, accept)]))
        };
        for (query, expected) in [
            ("q=tag:river", "/?tag=river"),
            ("q=otter+Tag:river+cub&tag=a&order=oldest&cursor=9", "/?q=otter+cub&tag=a&order=oldest&tag=river"),
            ("q=tag:%22two+words%22+type:png", "/?tag=two+words&type=png"),
            ("q=tag:a+tag:b+tag:a&tag=b", "/?tag=a&tag=b"),
            ("q=status:waiting&status=failed", "/?status=unfinished"),
            ("q=since:2026-11-01+until:2026-11-30", "/?since=2026-11-01&until=2026-11-30"),
            ("q=host:a.example+host:b.example", "/?host=b.example"),
        ] {
            assert_eq!(spelled(query).as_deref(), Some(expected), "{query}");
        }
        for plain in
            ["", "q=otter", "q=tag:", "q=since:yesterday", "q=c:a", "q=%22tag:river%22", "q=javascript:alert(1)"]
        {
            assert_eq!(spelled(plain), None, "{plain}");
        }
    }

    #[test]
    fn each_condition_can_be_taken_away() {
        let query = Unchecked::parse("q=a&tag=x&tag=y&type=png&status=unfinished&order=oldest&told=added").unwrap();
        let query = query.only(&[&["told"], &LISTING[..]].concat(), &["tag"]).unwrap();
        let search = Search::new(query);
        let conditions: Vec<_> = search
            .conditions(Language::default())
            .into_iter()
            .map(|it| (it.name, it.value, it.without.contains("told")))
            .collect();
        let is = |name, value: &str| (name, value.to_owned(), false);
        assert_eq!(
            conditions,
            [is("", "a"), is("tag", "x"), is("tag", "y"), is("status", "in progress"), is("type", "png")]
        );
        assert_eq!(
            search.conditions(Language::default())[1].without,
            "/?q=a&tag=y&type=png&status=unfinished&order=oldest"
        );
        assert_eq!(search.turned(), "/?q=a&tag=x&tag=y&type=png&status=unfinished");
    }
}
