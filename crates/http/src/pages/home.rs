//! `GET /`: the gallery.

use askama::Template;
use burrow_model::json::Stats;
use burrow_vault::ports::Ports;
use burrow_vault::vault::Statistics;
use http::StatusCode;
use serde::Serialize;

use super::card::Card;
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
}

/// The search whose result the page shows.
struct Search<'a> {
    q: &'a str,
    tags: Vec<&'a str>,
    status: &'a str,
    is_oldest_first: bool,
    query: &'a Query,
}

/// The query parameters that decide what a page lists.
const LISTING: [&str; 5] = ["q", "tag", "status", "order", "limit"];

impl<'a> Search<'a> {
    fn new(query: &'a Query) -> Self {
        Self {
            q: query.get("q").unwrap_or_default(),
            tags: query.all("tag").collect(),
            status: query.get("status").unwrap_or_default(),
            is_oldest_first: query.get("order") == Some("oldest"),
            query,
        }
    }

    /// Whether the search may leave images out.
    fn is_narrow(&self) -> bool {
        !self.q.is_empty() || !self.tags.is_empty() || !self.status.is_empty()
    }

    /// The path of the same search without this tag.
    fn without_tag(&self, tag: &str) -> String {
        self.path(|name, value| name != "tag" || value != tag, None)
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
        let kept = self.query.pairs().filter(|(name, value)| LISTING.contains(name) && keep(name, value));
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
        let query = &query.without_empty();
        let statistics = self.vault.statistics().await?;
        let page = self.page(query).await?;
        let placeholders = self.vault.placeholders(&page.images).await?;
        if wants_json(headers) {
            let list = List::new(&page.images, &placeholders, page.next);
            let overview = HomeJson { stats: counts(statistics), page: list };
            return Ok(varying(response(StatusCode::OK, &overview)).into());
        }
        let cards: Vec<Card> =
            page.images.iter().zip(&placeholders).map(|(record, hash)| Card::new(record, hash.as_deref())).collect();
        let waits = cards.iter().any(|card| matches!(card.status, "pending" | "storing"));
        let search = Search::new(query);
        let home = Home {
            frame: self.frame(headers),
            statistics,
            last_uploaded: statistics.last_uploaded.map(Moment::from),
            cards,
            next: page.next.map(|next| search.at(next)),
            search,
            told: notice::read(query),
            waits,
        };
        Ok(html(StatusCode::OK, &home)?.into())
    }
}
