//! The pages for people.

use askama::Template;
use bytesize::ByteSize;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use super::json::{List, Stats, response, timestamp};
use super::negotiation::wants_json;
use super::problem::Problem;
use super::{Answer, Body, Head, Service, respond};
use crate::ports::Ports;
use crate::record::{ImageRecord, State};
use crate::vault::Statistics;

/// Everything comes from us, nothing is inline, nobody may frame us.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
);

/// Seconds until a page with unfinished jobs is loaded again.
const REFRESH: u32 = 2;

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    statistics: Statistics,
    last_uploaded: Option<String>,
    images: Vec<Card>,
    next: Option<u64>,
    refresh: Option<u32>,
}

#[derive(Template)]
#[template(path = "image.html")]
struct One {
    image: Card,
}

/// One image as a page shows it.
struct Card {
    id: String,
    name: String,
    tags: Vec<String>,
    source: Option<String>,
    created: String,
    status: &'static str,
    error: Option<String>,
    content: Option<CardContent>,
}

struct CardContent {
    media_type: String,
    dimensions: Option<(u32, u32)>,
    size: String,
    stored: String,
    sha256: String,
}

impl From<&ImageRecord> for Card {
    fn from(record: &ImageRecord) -> Self {
        let error = match &record.state {
            State::Failed { error } => Some(error.clone()),
            _ => None,
        };
        let content = record.content().ok().map(|content| CardContent {
            media_type: content.media_type.clone(),
            dimensions: content.dimensions,
            size: ByteSize(content.size).display().si().to_string(),
            stored: ByteSize(content.stored_size).display().si().to_string(),
            sha256: content.sha256.to_string(),
        });
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            tags: record.tags.clone(),
            source: record.source.clone(),
            created: timestamp(record.created),
            status: record.status().as_str(),
            error,
            content,
        }
    }
}

/// The gallery for programs.
#[derive(Serialize)]
struct Overview<'a> {
    stats: Stats,
    #[serde(flatten)]
    page: List<'a>,
}

impl<P: Ports> Service<P> {
    /// `GET /`: the gallery, or for programs the same as JSON.
    pub(super) async fn home(&self, Head { query, headers, .. }: Head<'_>) -> Result<Answer<P>, Problem> {
        let statistics = self.vault.statistics().await?;
        let page = self.page(query).await?;
        if wants_json(headers) {
            let placeholders = self.vault.placeholders(&page.images).await?;
            let page = List::new(&page.images, &placeholders, page.next);
            let body = Overview { stats: Stats::from(statistics), page };
            let mut response = response(StatusCode::OK, &body);
            response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
            return Ok(response.into());
        }
        let images: Vec<Card> = page.images.iter().map(Card::from).collect();
        let unfinished = images.iter().any(|card| matches!(card.status, "pending" | "storing"));
        html(&Home {
            statistics,
            last_uploaded: statistics.last_uploaded.map(timestamp),
            images,
            next: page.next,
            refresh: unfinished.then_some(REFRESH),
        })
    }
}

/// The page of one image.
pub(super) fn image<P>(record: &ImageRecord) -> Result<Answer<P>, Problem> {
    html(&One { image: Card::from(record) })
}

/// `GET /style.css`.
pub(super) fn style<P>() -> Response<Body<P>> {
    let style = include_bytes!("pages/style.css");
    let mut response = respond(StatusCode::OK, "text/css; charset=utf-8", style.to_vec());
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    response
}

fn html<P>(page: &impl Template) -> Result<Answer<P>, Problem> {
    let body = page.render().map_err(|_| Problem::internal())?;
    let mut response = respond(StatusCode::OK, "text/html; charset=utf-8", body.into_bytes());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response.into())
}
