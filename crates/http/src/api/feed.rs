//! `GET /feed.atom`: the newest images as an Atom feed (RFC 4287).

use askama::Template;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use burrow_model::time::timestamp;
use burrow_vault::ports::Ports;
use burrow_vault::vault::{Filter, Order};
use http::{HeaderMap, StatusCode, header};

use crate::api::images::filter;
use crate::message::{Answer, respond, set};
use crate::problem::Problem;
use crate::protocol::address::address_without_page;
use crate::route::Query;
use crate::service::{Head, Service};

/// Images in a feed. Readers that ask less often than these arrive miss some, as with any feed.
const ENTRIES: usize = 50;

/// When a feed without entries was last updated: it always was as it is.
const NEVER: u64 = 0;

/// The query parameters, besides `tag`, that decide which images a feed has.
const SEARCH: [&str; 3] = ["q", "host", "type"];

/// What a feed has, and where it is.
pub(crate) struct Feed<'a> {
    pub(crate) title: String,
    pub(crate) filter: Filter,
    /// The path of the feed itself, and of the page with the same images.
    pub(crate) here: String,
    pub(crate) page: String,
    /// What stands before the paths of images.
    pub(crate) prefix: String,
    /// The tags that entries may have; `None` for all of theirs.
    pub(crate) tags: Option<&'a [String]>,
}

#[derive(Template)]
#[template(path = "feed.xml")]
struct Atom {
    base: String,
    here: String,
    page: String,
    prefix: String,
    title: String,
    updated: String,
    version: &'static str,
    entries: Vec<Entry>,
}

struct Entry {
    id: String,
    name: String,
    created: String,
    updated: String,
    media_type: String,
    size: u64,
    tags: Vec<String>,
}

impl<P: Ports> Service<P> {
    /// `GET /feed.atom`.
    pub(crate) async fn feed(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let query = head.query.only(&SEARCH, &["tag"])?;
        let tags: Vec<&str> = query.all("tag").collect();
        let title = if tags.is_empty() { "Burrow".to_owned() } else { format!("Burrow: {}", tags.join(", ")) };
        let (here, page) = (path_of(query, "/feed.atom"), path_of(query, "/"));
        let feed = Feed { title, filter: filter(query)?, here, page, prefix: String::new(), tags: None };
        self.atom(head.headers, feed).await
    }

    /// A feed of the newest ready images. It leaves out images whose records cannot be read.
    pub(crate) async fn atom(&self, headers: &HeaderMap, feed: Feed<'_>) -> Result<Answer<P>, Problem> {
        let Feed { title, filter, here, page, prefix, tags } = feed;
        let filter = Filter { status: Some(Status::Ready), ..filter };
        let images = self.vault.list(&filter, Order::Newest, None, ENTRIES).await?.images;
        let updated = images.iter().map(|image| image.updated).max().unwrap_or(NEVER);
        let entries = images.iter().filter_map(|image| entry(image, tags)).collect();
        let version = env!("CARGO_PKG_VERSION");
        let (title, updated, base) = (text(&title), timestamp(updated), base(headers));
        let atom = Atom { base, here, page, prefix, title, updated, version, entries };
        let body = atom.render().map_err(|_| Problem::internal())?;
        let mut response = respond(StatusCode::OK, "application/atom+xml", body.into_bytes());
        // Its links lead to the name under which it was asked for.
        set(response.headers_mut(), header::VARY, "host, x-forwarded-proto");
        Ok(response.into())
    }
}

/// The entry of an image; `None` if it is not ready.
fn entry(image: &ImageRecord, tags: Option<&[String]>) -> Option<Entry> {
    let content = image.content().ok()?;
    Some(Entry {
        id: image.id.to_string(),
        name: text(&image.name),
        created: timestamp(image.created),
        updated: timestamp(image.updated),
        media_type: content.media_type.clone(),
        size: content.size,
        tags: tags.unwrap_or(&image.tags).iter().map(|tag| text(tag)).collect(),
    })
}

/// A path with the parameters of a feed.
pub(crate) fn path_of(query: &Query, path: &str) -> String {
    let mut pairs = url::form_urlencoded::Serializer::for_suffix(format!("{path}?"), path.len() + 1);
    pairs.extend_pairs(query.pairs().filter(|(name, _)| *name == "tag" || SEARCH.contains(name)));
    let path = pairs.finish();
    path.strip_suffix('?').map_or_else(|| path.clone(), str::to_owned)
}

/// A text without the characters that XML cannot have (XML 1.0, section 2.2).
fn text(text: &str) -> String {
    let allowed = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if allowed(c) { c } else { char::REPLACEMENT_CHARACTER }).collect()
}

/// The address under which the client asks: ids of feeds have to be whole, and readers of feeds differ in what they make
/// of relative links.
fn base(headers: &HeaderMap) -> String {
    address_without_page(headers).unwrap_or_else(|| "http://localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::route::Unchecked;

    #[test]
    fn texts_and_paths_are_what_xml_and_urls_can_have() {
        assert_eq!(text("a\u{fffe}\u{ffff}\u{1}🦦é\t"), "a\u{fffd}\u{fffd}\u{fffd}🦦é\t");
        let path =
            |query: &str| path_of(Unchecked::parse(query).unwrap().only(&["q"], &["tag"]).unwrap(), "/feed.atom");
        assert_eq!((path("").as_str(), path("tag=a+b&q=%26").as_str()), ("/feed.atom", "/feed.atom?tag=a+b&q=%26"));
        let base = |host: &str| base(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]));
        assert_eq!(
            (base("a.example:80"), base("[::1]:3000")),
            ("http://a.example:80".into(), "http://[::1]:3000".into())
        );
        assert_eq!(base("a\"><x"), "http://localhost");
    }
}
