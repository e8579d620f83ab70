//! JSON as the HTTP interface has it (docs/http-api.md): the same fields.

use burrow_host::{Packing, Statistics, status_word};
use serde::Serialize;

/// An image's record.
#[derive(Debug, Serialize)]
pub(super) struct Image<'a> {
    id: &'a str,
    name: &'a str,
    tags: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<&'a str>,
    status: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    created: String,
    updated: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    content: Option<Content<'a>>,
}

#[derive(Debug, Serialize)]
struct Content<'a> {
    #[serde(rename = "content")]
    path: String,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    size: u64,
    stored_size: u64,
    codec: &'static str,
    sha256: &'a str,
}

impl<'a> From<&'a burrow_host::Image> for Image<'a> {
    fn from(image: &'a burrow_host::Image) -> Self {
        let content = image.content.as_ref().map(|content| Content {
            path: format!("/images/{}/content", image.id),
            media_type: &content.media_type,
            width: content.width,
            height: content.height,
            size: content.size,
            stored_size: content.stored_size,
            codec: codec(content.packing),
            sha256: &content.sha256,
        });
        Self {
            id: &image.id,
            name: &image.name,
            tags: &image.tags,
            url: image.source.as_deref(),
            status: status_word(image.status),
            attempts: image.attempts,
            error: image.error.as_deref(),
            created: timestamp(image.created),
            updated: timestamp(image.updated),
            content,
        }
    }
}

/// Counts over the whole vault.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    images: u64,
    pending: u64,
    failed: u64,
    original_bytes: u64,
    stored_bytes: u64,
    last_uploaded: Option<String>,
}

impl From<&Statistics> for Stats {
    fn from(statistics: &Statistics) -> Self {
        let Statistics { images, pending, failed, original_bytes, stored_bytes, last_uploaded } = *statistics;
        Self { images, pending, failed, original_bytes, stored_bytes, last_uploaded: last_uploaded.map(timestamp) }
    }
}

/// How the bytes are stored, in one word.
pub(super) fn codec(packing: Packing) -> &'static str {
    match packing {
        Packing::Raw => "raw",
        Packing::Deflate => "deflate",
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub(super) fn timestamp(millis: u64) -> String {
    let timestamp = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

/// Prints one object on a line of its own, without control characters: what others wrote must not move the cursor.
pub(super) fn line(object: &impl Serialize) -> std::io::Result<()> {
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.into() };
    super::output::line(&serde_json::to_string(object)?.chars().map(escape).collect::<String>())
}
