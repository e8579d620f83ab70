//! `GET /`: the gallery.

use askama::Template;
use burrow_model::json::Stats;
use burrow_model::record::ImageRecord;
use burrow_vault::ports::Ports;
use burrow_vault::vault::Statistics;
use http::StatusCode;
use serde::Serialize;

use super::card::Card;
use crate::api::images::LISTING;
use crate::api::json::{List, counts, response};
use crate::api::notice;
use crate::message::{Answer, varying};
use crate::pages::frame::{Frame, Moment, html};
use crate::problem::Problem;
use crate::protocol::negotiation::wants_json;
use crate::route::Query;
use crate::service::{Head, Service};

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame,
    statistics: Statistics,
    last_uploaded: Option<Moment>,
    cards: Vec<Card>,
    search: Search<'a>,
    /// The path of the next page.
    next: Option<String>,
    /// The notice of the form that led to this page.
    told: Option<String>,
    /// Whether an image on the page is pending or storing.
    waits: bool,
    /// Whether the vault has no index.
    unindexed: bool,
}

/// The most bytes of HTML that the cards of one page take. Every tag of a card links to the whole search, so that the
/// weight of a page can grow with the product of its query and its tags.
const MAX_CARDS: usize = 4 * 1024 * 1024;

/// Whether a query parameter decides what a page lists.
fn is_listing(name: &str) -> bool {
    name == "tag" || LISTING.contains(&name)
}

/// The search whose result the page shows.
struct Search<'a> {
    q: &'a str,
    tags: Vec<&'a str>,
    status: &'a str,
    /// The names and values of the conditions for which the form has no field.
    others: Vec<(&'static str, &'a str)>,
    is_oldest_first: bool,
    query: &'a Query,
}

/// The conditions for which the form has no field.
const OTHERS: [&str; 4] = ["host", "type", "since", "until"];

impl<'a> Search<'a> {
    fn new(query: &'a Query) -> Self {
        Self {
            q: query.get("q").unwrap_or_default(),
            tags: query.all("tag").collect(),
            status: query.get("status").unwrap_or_default(),
            others: OTHERS.iter().filter_map(|name| Some((*name, query.get(name)?))).collect(),
            is_oldest_first: query.get("order") == Some("oldest"),
            query,
        }
    }

    /// Whether the search may leave images out.
    fn is_narrow(&self) -> bool {
        !self.q.is_empty() || !self.tags.is_empty() || !self.status.is_empty() || !self.others.is_empty()
    }

    /// The path of the same search without this tag.
    fn without_tag(&self, tag: &str) -> String {
        self.path(|name, value| name != "tag" || value != tag, None)
    }

    /// The path of the same search without this condition.
    fn without(&self, name: &str) -> String {
        self.path(|other, _| other != name, None)
    }

    /// The path of the same search with this tag, too.
    fn with_tag(&self, tag: &str) -> String {
        if self.tags.contains(&tag) {
            return self.here();
        }
        let here = self.here();
        let tag = url::form_urlencoded::Serializer::new(String::new()).append_pair("tag", tag).finish();
        format!("{here}{}{tag}", if here.contains('?') { '&' } else { '?' })
    }

    /// The path of the same search from a cursor on.
    fn at(&self, cursor: u64) -> String {
        self.path(|_, _| true, Some(cursor))
    }

    /// The path of this search, from its beginning.
    fn here(&self) -> String {
        self.path(|_, _| true, None)
    }

    fn path(&self, keep: impl Fn(&str, &str) -> bool, cursor: Option<u64>) -> String {
        let mut pairs = url::form_urlencoded::Serializer::for_suffix(String::from("/?"), 2);
        let kept = self.query.pairs().filter(|(name, value)| is_listing(name) && keep(name, value));
        pairs.extend_pairs(kept);
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", &cursor.to_string());
        }
        let path = pairs.finish();
        if path == "/?" { "/".into() } else { path }
    }
}

/// The gallery as JSON.
#[derive(Serialize)]
struct HomeJson<'a> {
    stats: Stats,
    #[serde(flatten)]
    page: List<'a>,
}

impl<P: Ports> Service<P> {
    /// `GET /`: the gallery as a page, or as JSON if the client names JSON.
    pub(crate) async fn home(&self, Head { query, headers, .. }: Head<'_>) -> Result<Answer<P>, Problem> {
        let query = query.only(&[&["cursor", "told", "count"], &LISTING[..]].concat(), &["tag"])?;
        let query = &query.without_empty();
        let statistics = self.vault.statistics().await?;
        let mut page = self.page(query).await?;
        let placeholders = self.vault.placeholders(&page.images).await?;
        if wants_json(headers) {
            let list = List::new(&page.images, &placeholders, page.next, page.unindexed);
            let overview = HomeJson { stats: counts(statistics), page: list };
            return Ok(varying(response(StatusCode::OK, &overview)).into());
        }
        let search = Search::new(query);
        let shown = fitting(&page.images, &search.here());
        if shown < page.images.len() {
            page.images.truncate(shown);
            page.next = page.images.last().map(|image| image.seq);
        }
        let cards: Vec<Card> =
            page.images.iter().zip(&placeholders).map(|(record, hash)| Card::new(record, hash.as_deref())).collect();
        let waits = cards.iter().any(|card| matches!(card.status, "pending" | "storing"));
        let home = Home {
            frame: self.frame(headers),
            statistics,
            last_uploaded: statistics.last_uploaded.map(Moment::from),
            cards,
            next: page.next.map(|next| search.at(next)),
            search,
            told: notice::read(query),
            unindexed: page.unindexed,
            waits,
        };
        Ok(html(StatusCode::OK, &home)?.into())
    }
}

/// How many of the images fit on one page of this search, at least one. `here` is the path of the search.
fn fitting(images: &[ImageRecord], here: &str) -> usize {
    let mut total = 0;
    let fits = |image: &&ImageRecord| {
        total += weight(image, here);
        total <= MAX_CARDS
    };
    images.iter().take_while(fits).count().max(1)
}

/// The most bytes that the card of an image takes. A byte is at most five bytes long in HTML (`&#38;`), and three in a
/// path (`%26`), where HTML escapes only `&`.
fn weight(image: &ImageRecord, here: &str) -> usize {
    /// The card without texts, with its placeholder.
    const CARD: usize = 2048;
    /// A link to a tag, without its texts.
    const LINK: usize = 64;
    let tags = image.tags.iter().map(|tag| LINK + 2 * here.len() + (3 + 5) * tag.len());
    // The name is there three times.
    CARD + 3 * 5 * image.name.len() + 5 * image.failure().map_or(0, str::len) + tags.sum::<usize>()
}

#[cfg(test)]
mod tests {
    use burrow_vault::testing::{Whole, World};
    use burrow_vault::vault::{Label, Worker};
    use http::{HeaderMap, HeaderValue, Method, header};

    use super::*;
    use crate::{Request, ServiceSettings};

    /// Answers a browser: status and body.
    async fn browse(world: &World, path: &str) -> (u16, String) {
        let request = Request {
            method: Method::GET,
            path_and_query: path.into(),
            headers: HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static("text/html"))]),
            body: Whole::new(b""),
        };
        let service = Service::new(world.vault(), ServiceSettings::default());
        let mut response = service.handle(request).await.response;
        let mut body = Vec::new();
        while let Some(bytes) = response.body_mut().next().await.unwrap() {
            body.extend(bytes);
        }
        (response.status().as_u16(), String::from_utf8(body).unwrap())
    }

    #[test]
    fn the_weight_of_a_page_has_a_bound() {
        let (world, count) = (World::default(), 100);
        let tags: Vec<String> = (0..32).map(|n| format!("{n:02}{}", "'".repeat(62))).collect();
        for n in 0..count {
            let label = Label::new(Some(&format!("image {n}")), &tags).unwrap();
            let draft = world.vault().draft_job("http://origin.example/a.gif", label).unwrap();
            world.run(world.vault().accept(draft, Worker::Anybody)).unwrap();
        }
        let mut search = url::form_urlencoded::Serializer::new(String::from("/?limit=1000"));
        for tag in &tags {
            search.append_pair("tag", tag);
        }
        let (mut path, mut cards, mut pages) = (search.finish(), 0, 0);
        loop {
            let (status, page) = world.run(browse(&world, &path));
            assert_eq!(status, 200, "{page}");
            assert!(page.len() <= MAX_CARDS + 512 * 1024, "{} bytes", page.len());
            cards += page.matches("<li class=\"card").count();
            pages += 1;
            let Some((_, next)) = page.split_once("id=\"more\" href=\"") else { break };
            path = next.split_once('"').unwrap().0.replace("&#38;", "&");
        }
        assert_eq!(cards, count);
        assert!(pages > 1, "the bound was not reached");
    }

    #[test]
    fn a_page_takes_only_the_parameters_of_a_search() {
        let world = World::default();
        let refused = ["q=a&q=b", "x=1", "status=ready&status=failed", "told=added&told=added"];
        for (query, status) in refused.map(|query| (query, 422)).into_iter().chain([("q=a&tag=b&tag=c&cursor=1", 200)])
        {
            assert_eq!(world.run(browse(&world, &format!("/?{query}"))).0, status, "{query}");
        }
    }
}
