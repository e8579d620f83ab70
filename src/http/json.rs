//! JSON as clients see it.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Body, read_body};
use crate::ports::ByteSource;
use crate::record::{ImageRecord, State};
use crate::vault::{Label, Statistics};

/// The largest JSON or form taken, in bytes.
pub(super) const MAX_REQUEST: usize = 64 * 1024;

/// `POST /images`, `POST /upload`, `POST /process_image`.
#[derive(Debug, Deserialize)]
pub(super) struct AddByUrl {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl AddByUrl {
    /// Reads the body of a request.
    pub(super) async fn read(body: impl ByteSource) -> Result<Self, Problem> {
        let bytes = read_body(body, MAX_REQUEST).await?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let add = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            Problem::json(&error.into_inner(), Some(path))
        })?;
        // What follows the value must be white space.
        json.end().map_err(|error| Problem::json(&error, None))?;
        Ok(add)
    }

    /// The URL and the label, checked.
    pub(super) fn checked(self) -> Result<(String, Label), Problem> {
        let url = self.url.ok_or_else(|| Problem::missing("url"))?;
        Ok((url, Label::new(self.name.as_deref(), &self.tags.unwrap_or_default())?))
    }
}

/// An image as clients see it.
#[derive(Debug, Serialize)]
pub(super) struct Image<'a> {
    id: String,
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

impl<'a> From<&'a ImageRecord> for Image<'a> {
    fn from(record: &'a ImageRecord) -> Self {
        let error = match &record.state {
            State::Failed { error } => Some(error.as_str()),
            _ => None,
        };
        let content = record.content().ok().map(|content| Content {
            path: format!("/images/{}/content", record.id),
            media_type: &content.media_type,
            width: content.dimensions.map(|(width, _)| width),
            height: content.dimensions.map(|(_, height)| height),
            size: content.size,
            stored_size: content.stored_size,
            codec: content.codec.as_str(),
            sha256: content.sha256.as_str(),
        });
        Self {
            id: record.id.to_string(),
            name: &record.name,
            tags: &record.tags,
            url: record.source.as_deref(),
            status: record.status().as_str(),
            attempts: record.attempts,
            error,
            created: timestamp(record.created),
            updated: timestamp(record.updated),
            content,
        }
    }
}

/// `GET /stats`.
#[derive(Debug, Serialize)]
pub(super) struct Stats {
    images: u64,
    pending: u64,
    failed: u64,
    original_bytes: u64,
    stored_bytes: u64,
    last_uploaded: Option<String>,
}

impl From<Statistics> for Stats {
    fn from(statistics: Statistics) -> Self {
        let Statistics { images, pending, failed, original_bytes, stored_bytes, last_uploaded } = statistics;
        Self { images, pending, failed, original_bytes, stored_bytes, last_uploaded: last_uploaded.map(timestamp) }
    }
}

/// Milliseconds since 1970 as RFC 3339 in UTC.
pub(super) fn timestamp(millis: u64) -> String {
    let timestamp = i64::try_from(millis).ok().and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    timestamp.map(|timestamp| timestamp.to_string()).unwrap_or_default()
}

/// A JSON response that no cache keeps.
pub(super) fn response<P>(status: StatusCode, body: &impl Serialize) -> Response<Body<P>> {
    let body = serde_json::to_vec(body).unwrap_or_default();
    let mut response = super::respond(status, "application/json", body);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The media type of a request's body, in lower case and without parameters.
pub(super) fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}
