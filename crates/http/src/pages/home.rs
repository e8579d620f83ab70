//! `GET /`: the gallery.

use askama::Template;
use burrow_model::json::Stats;
use burrow_model::record::ImageRecord;
use burrow_vault::ports::Ports;
use burrow_vault::vault::{Estimate, Statistics, TagCount};
use http::StatusCode;
use serde::Serialize;

use super::card::Card;
use crate::api::feed::path_of;
use crate::api::images::{LISTING, filter};
use crate::api::json::{List, counts, response};
use crate::api::notice;
use crate::message::{Answer, see_other, varying};
use crate::pages::add::Bookmark;
use crate::pages::card::saving;
use crate::pages::frame::{Frame, html};
use crate::pages::search::{Condition, Search, spelled_out};
use crate::problem::Problem;
use crate::protocol::negotiation::wants_json;
use crate::service::{Head, Service};
use crate::texts::{Language, Text};

#[derive(Template)]
#[template(path = "home.html")]
struct Home<'a> {
    frame: Frame,
    statistics: Statistics,
    /// How many ready images there are, and the word for them.
    images: (String, Text),
    in_progress: Text,
    failed: Text,
    /// Bytes of all originals.
    volume: String,
    /// How much smaller they are stored, if they are.
    saved: Option<Text>,
    cards: Vec<Card>,
    search: Search<'a>,
    /// What holds for all images that are found.
    conditions: Vec<Condition>,
    /// How many images the search finds; empty if it finds all.
    found: String,
    /// Tags that begin with the words that are searched for, and paths of their images.
    hints: Vec<(String, String)>,
    /// The path of the next page.
    next: Option<String>,
    /// An address that another program or page shares, to be added.
    add: String,
    bookmark: Bookmark,
    /// The notice of the form that led to this page.
    told: Option<String>,
    /// Whether an image on the page is pending or storing.
    waits: bool,
    /// Whether the vault has no index.
    unindexed: bool,
    /// The path of the feed of these images.
    feed: String,
    /// The tag that the reader can share: the only one of the search.
    share: Option<String>,
}

/// The most bytes of HTML that the cards of one page take. Every tag of a card links to the whole search, so that the
/// weight of a page can grow with the product of its query and its tags.
const MAX_CARDS: usize = 4 * 1024 * 1024;

/// The most images that are counted to tell how many a search finds.
const MAX_COUNTED: u64 = 10_000;

/// The most tags that are offered in place of words.
const MAX_HINTS: usize = 5;

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
        let query = query.only(&[&["cursor", "told", "count", "add"], &LISTING[..]].concat(), &["tag"])?;
        let query = &query.without_empty();
        if let Some(path) = spelled_out(query, headers) {
            return Ok(varying(see_other(&path)).into());
        }
        let statistics = self.vault.statistics().await?;
        let mut page = self.page(query).await?;
        let placeholders = self.vault.placeholders(&page.images).await?;
        if wants_json(headers) {
            let list = List::new(&page.images, &placeholders, page.next, page.unindexed);
            let overview = HomeJson { stats: counts(statistics), page: list };
            return Ok(varying(response(StatusCode::OK, &overview)).into());
        }
        let search = Search::new(query);
        let frame = self.frame(headers);
        let language = frame.language;
        let shown = fitting(&page.images, &search.here());
        if shown < page.images.len() {
            page.images.truncate(shown);
            page.next = page.images.last().map(|image| image.seq);
        }
        let card = |(record, hash): (&ImageRecord, &Option<String>)| Card::new(record, hash.as_deref(), language);
        let mut cards: Vec<Card> = page.images.iter().zip(&placeholders).map(card).collect();
        Card::head_days(&mut cards, language);
        let waits = cards.iter().any(|card| matches!(card.status, "pending" | "storing"));
        let is_whole = page.next.is_none() && !search.is_continued();
        let found = if !search.is_narrow() {
            String::new()
        } else if is_whole {
            language.count("{n} image", "{n} images", cards.len() as u64).into()
        } else if search.is_continued() {
            // The page that it continues told it.
            String::new()
        } else {
            about(language, self.vault.estimate(&filter(query)?, MAX_COUNTED).await?, cards.len() as u64)
        };
        let has_hints = !search.q.is_empty() && !search.is_continued();
        let hints = if has_hints { self.hints(&search, language).await? } else { Vec::new() };
        let can_share = frame.may_change && self.settings.link_keys.can_sign();
        let home = Home {
            frame,
            feed: path_of(query, "/feed.atom"),
            share: search.tags.first().filter(|_| can_share && search.tags.len() == 1).map(|tag| (*tag).to_owned()),
            images: (language.number(statistics.images), language.count("image", "images", statistics.images)),
            in_progress: language.count("{n} in progress", "{n} in progress", statistics.pending),
            failed: language.count("{n} failed", "{n} failed", statistics.failed),
            volume: language.bytes(statistics.original_bytes),
            saved: saving(statistics.original_bytes, statistics.stored_bytes, language),
            statistics,
            hints,
            cards,
            next: page.next.map(|next| search.at(next)),
            conditions: search.conditions(language),
            search,
            found,
            add: query.get("add").unwrap_or_default().to_owned(),
            bookmark: Bookmark::new(headers),
            told: notice::read(query, language),
            unindexed: page.unindexed,
            waits,
        };
        Ok(html(StatusCode::OK, &home)?.into())
    }

    /// Tags that begin with what is searched for: who types a tag's word finds the tag.
    async fn hints(&self, search: &Search<'_>, language: Language) -> Result<Vec<(String, String)>, Problem> {
        let hint =
            |tag: TagCount| (format!("{} ({})", tag.tag, language.number(tag.images)), search.with_tag_alone(&tag.tag));
        Ok(self.vault.tags(search.q, None, MAX_HINTS).await?.tags.into_iter().map(hint).collect())
    }
}

/// How many images a search finds, of which the first `shown` are on the page.
fn about(language: Language, estimate: Option<Estimate>, shown: u64) -> String {
    let n = estimate.map_or(shown, |estimate| estimate.images.max(shown));
    let text = match estimate {
        Some(Estimate { is_all: true, .. }) => language.count("About {n} image", "About {n} images", n),
        _ => language.count("More than {n} image", "More than {n} images", n),
    };
    text.into()
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
    CARD + 2 * here.len() + 3 * 5 * image.name.len() + 5 * image.failure().map_or(0, str::len) + tags.sum::<usize>()
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
