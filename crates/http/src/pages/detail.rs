//! The page of one image.

use askama::Template;
use burrow_model::appearance::Appearance;
use burrow_model::error::Error;
use burrow_model::record::{Content, ImageRecord};
use burrow_vault::ports::Ports;
use burrow_vault::vault::{Filter, Order};
use http::StatusCode;

use crate::api::notice;
use crate::api::thumbnail::has_few_pixels;
use crate::message::Answer;
use crate::pages::card::{Cell, bytes, cells, saved};
use crate::pages::frame::{Frame, Moment, html};
use crate::problem::Problem;
use crate::service::{Head, Service};

#[derive(Template)]
#[template(path = "image.html")]
struct One {
    frame: Frame,
    id: String,
    name: String,
    tags: Vec<String>,
    source: Option<String>,
    status: &'static str,
    attempts: u32,
    error: Option<String>,
    created: Moment,
    updated: Moment,
    facts: Option<Facts>,
    /// Whether links can be signed.
    has_links: bool,
    /// A link that was just signed, and when it expires.
    link: Option<(String, Moment)>,
    newer: Option<String>,
    older: Option<String>,
    told: Option<String>,
}

/// Facts about the content of a ready image.
struct Facts {
    media_type: String,
    appearance: Appearance,
    size: String,
    stored: String,
    saved: u64,
    codec: &'static str,
    /// Why it is not repacked; empty if it is, or nobody knows yet.
    kept: String,
    sha256: String,
    cells: Vec<Cell>,
    /// Whether the page shows the original; if not, it shows the largest thumbnail.
    is_shown: bool,
    /// Whether a part of the picture is missing.
    is_cut: bool,
}

/// The largest original that the page shows, in bytes; of a larger one it shows the largest thumbnail, with a link.
const MAX_SHOWN: u64 = 8 * 1024 * 1024;

/// Whether the page shows an original itself: if every browser can show its format, and it loads soon.
fn is_shown(content: &Content) -> bool {
    content.size <= MAX_SHOWN
        && has_few_pixels(content)
        && matches!(
            content.media_type.as_str(),
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/avif" | "image/bmp"
        )
}

impl<P: Ports> Service<P> {
    /// Answers with the page of an image.
    pub(crate) async fn detail(&self, head: Head<'_>, record: &ImageRecord) -> Result<Answer<P>, Problem> {
        self.detail_with(head, record, None).await
    }

    /// Answers with the page of an image, and on it a link that was just signed.
    pub(crate) async fn detail_with(
        &self,
        head: Head<'_>,
        record: &ImageRecord,
        link: Option<(String, Moment)>,
    ) -> Result<Answer<P>, Problem> {
        let [placeholder] = &self.vault.placeholders(std::slice::from_ref(record)).await?[..] else {
            return Err(Problem::internal());
        };
        let is_cut = self.vault.is_cut(record).await?;
        let facts = record.content().ok().map(|content| Facts {
            media_type: content.media_type.clone(),
            appearance: content.appearance,
            size: bytes(content.size),
            stored: bytes(content.stored_size),
            saved: saved(content.size, content.stored_size),
            codec: content.codec.as_str(),
            kept: (content.repacking.kept.clone())
                .or_else(|| self.vault.never_repacked(content).filter(|_| content.repacking.unpack_ms.is_none()))
                .unwrap_or_default(),
            sha256: content.sha256.to_string(),
            cells: placeholder.as_deref().map(cells).unwrap_or_default(),
            is_shown: is_shown(content),
            is_cut,
        });
        let page = One {
            frame: self.frame(head.headers),
            id: record.id.to_string(),
            name: record.name.clone(),
            tags: record.tags.clone(),
            source: record.source.clone(),
            status: record.status().as_str(),
            attempts: record.attempts,
            error: record.failure().map(str::to_owned),
            created: record.created.into(),
            updated: record.updated.into(),
            facts,
            has_links: self.settings.link_keys.can_sign(),
            link,
            newer: self.neighbour(record, Order::Oldest).await?,
            older: self.neighbour(record, Order::Newest).await?,
            told: head.query.only(&["told", "count"], &[]).ok().and_then(notice::read),
        };
        Ok(html(StatusCode::OK, &page)?.into())
    }

    /// The id of the image that follows `record` in an order.
    async fn neighbour(&self, record: &ImageRecord, order: Order) -> Result<Option<String>, Error> {
        let page = self.vault.list(&Filter::default(), order, Some(record.seq), 1).await?;
        Ok(page.images.first().map(|image| image.id.to_string()))
    }
}
