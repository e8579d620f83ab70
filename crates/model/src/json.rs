//! The JSON of an image and of the counts, for the HTTP interface and the command line.
//!
//! docs/http-api.md has the fields.

use std::borrow::Cow;

use serde::Serialize;

use crate::appearance::Orientation;
use crate::record::ImageRecord;
use crate::time::timestamp;

/// An image.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md has each field")]
pub struct Image<'a> {
    pub id: Cow<'a, str>,
    pub name: &'a str,
    pub tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub referrer: Option<&'a str>,
    pub status: &'static str,
    pub attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a str>,
    pub created: String,
    pub updated: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content<'a>>,
    /// In lists only: it can change although the record does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub placeholder: Option<&'a str>,
}

/// The content of a ready image.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md has each field")]
pub struct Content<'a> {
    /// The path of the original bytes.
    #[serde(rename = "content")]
    pub path: String,
    pub media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub animated: Option<bool>,
    pub size: u64,
    pub stored_size: u64,
    pub codec: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unpack_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kept: Option<&'a str>,
    pub sha256: &'a str,
}

/// Counts over the whole vault.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "docs/http-api.md has each field")]
pub struct Stats {
    pub images: u64,
    pub pending: u64,
    pub failed: u64,
    pub original_bytes: u64,
    pub stored_bytes: u64,
    pub repacked: u64,
    pub saved_bytes: u64,
    pub last_uploaded: Option<String>,
}

/// The counts of `GET /stats`, with those by format and month; a vault without an index has none of these.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "as above")]
pub struct StatsByKind {
    #[serde(flatten)]
    pub stats: Stats,
    #[serde(flatten)]
    pub numbers: Option<Numbers>,
}

/// Counts of ready images by media type, and by the month in which they were accepted.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "as above")]
pub struct Numbers {
    pub formats: Vec<FormatCount>,
    pub months: Vec<MonthCount>,
}

/// Ready images of one media type.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "as above")]
pub struct FormatCount {
    pub media_type: String,
    #[serde(flatten)]
    pub sum: Sum,
}

/// Ready images that were accepted in one month.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "as above")]
pub struct MonthCount {
    pub month: String,
    #[serde(flatten)]
    pub sum: Sum,
}

/// A number of images, and their bytes: content that several images share counts for each, and what repacking saves of it
/// counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "as above")]
pub struct Sum {
    pub images: u64,
    pub original_bytes: u64,
    pub stored_bytes: u64,
}

/// The path of an image's original bytes.
pub fn content_path(id: impl std::fmt::Display) -> String {
    format!("/images/{id}/content")
}

impl<'a> From<&'a ImageRecord> for Image<'a> {
    fn from(record: &'a ImageRecord) -> Self {
        let content = record.content().ok().map(|content| Content {
            path: content_path(record.id),
            media_type: &content.media_type,
            width: content.appearance.dimensions.map(|(width, _)| width),
            height: content.appearance.dimensions.map(|(_, height)| height),
            orientation: content.appearance.orientation.map(Orientation::number),
            animated: content.appearance.is_animated,
            size: content.size,
            stored_size: content.stored_size,
            codec: content.codec.as_str(),
            unpack_ms: content.repacking.unpack_ms,
            kept: content.repacking.kept.as_deref(),
            sha256: content.sha256.as_str(),
        });
        Self {
            id: record.id.to_string().into(),
            name: &record.name,
            tags: &record.tags,
            url: record.source.as_deref(),
            referrer: record.referrer.as_deref(),
            status: record.status().as_str(),
            attempts: record.attempts,
            received_bytes: record.progress().received,
            expected_bytes: record.progress().expected,
            error: record.failure(),
            created: timestamp(record.created),
            updated: timestamp(record.updated),
            content,
            placeholder: None,
        }
    }
}
