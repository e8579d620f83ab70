//! JSON as clients see it.

use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::problem::Problem;
use super::{Body, read_body};
use crate::ports::ByteSource;
use crate::record::ImageRecord;
use crate::time::instant;
use crate::vault::Statistics;

/// `POST /upload`, `POST /process_image`: what else is sent is passed over.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(super) struct Upload {
    #[serde(default)]
    pub(super) url: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) tags: Option<Vec<String>>,
}

/// `POST /images`: the same, and nothing else.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(super) struct AddByUrl {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl From<AddByUrl> for Upload {
    fn from(AddByUrl { url, name, tags }: AddByUrl) -> Self {
        Self { url, name, tags }
    }
}

/// `PATCH /images/{id}`, a merge patch (RFC 7396).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(super) struct Patch {
    #[serde(default)]
    pub(super) name: Change<String>,
    #[serde(default)]
    pub(super) tags: Change<Vec<String>>,
}

/// What a merge patch does to a member: nothing if it is absent; null removes it.
#[derive(Debug, Default)]
pub(super) enum Change<T> {
    #[default]
    Keep,
    Remove,
    Set(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Change<T> {
    fn deserialize<D: serde::Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(value)?.map_or(Self::Remove, Self::Set))
    }
}

/// `POST /images/{id}/links`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(super) struct Link {
    #[serde(default)]
    pub(super) seconds: Option<u64>,
}

/// Reads a body as JSON.
pub(super) async fn read<T: DeserializeOwned>(body: impl ByteSource, limit: usize) -> Result<T, Problem> {
    parse(&read_body(body, limit).await?)
}

/// Parses JSON, all of it.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // An array could be read as a struct, too, field by field.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::malformed("a JSON object is needed here, not an array"));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        Problem::json(&error.into_inner(), Some(path))
    })?;
    // What follows the value must be white space.
    json.end().map_err(|error| Problem::json(&error, None))?;
    Ok(value)
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
    /// In lists only: it may come and go without a change of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    placeholder: Option<&'a str>,
}

/// A page of images.
#[derive(Debug, Serialize)]
pub(super) struct List<'a> {
    images: Vec<Image<'a>>,
    next: Option<String>,
}

impl<'a> List<'a> {
    /// Shows a page, with the placeholders of its images.
    pub(super) fn new(images: &'a [ImageRecord], placeholders: &'a [Option<String>], next: Option<u64>) -> Self {
        let image = |(record, placeholder): (&'a ImageRecord, &'a Option<String>)| Image {
            placeholder: placeholder.as_deref(),
            ..Image::from(record)
        };
        Self { images: images.iter().zip(placeholders).map(image).collect(), next: next.map(|next| next.to_string()) }
    }
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
            error: record.failure(),
            created: timestamp(record.created),
            updated: timestamp(record.updated),
            content,
            placeholder: None,
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
    instant(millis).map(|instant| instant.to_string()).unwrap_or_default()
}

/// The same for people, to the minute.
pub(super) fn readable(millis: u64) -> String {
    instant(millis).map(|instant| instant.strftime("%-d %b %Y, %H:%M UTC").to_string()).unwrap_or_default()
}

/// A JSON response.
pub(super) fn response<P>(status: StatusCode, body: &impl Serialize) -> Response<Body<P>> {
    super::respond(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// An image's record.
pub(super) fn image<P>(record: &ImageRecord) -> Response<Body<P>> {
    response(StatusCode::OK, &Image::from(record))
}

/// `GET /stats`.
pub(super) fn stats<P>(statistics: Statistics) -> Response<Body<P>> {
    response(StatusCode::OK, &Stats::from(statistics))
}

/// `GET /openapi.json`.
pub(super) fn interface<P>() -> Response<Body<P>> {
    super::respond(StatusCode::OK, "application/json", include_bytes!("../../openapi.json").to_vec())
}

/// The media type of a request's body, in lower case and without parameters; empty if there is none.
///
/// # Errors
///
/// Text in another character set than UTF-8, and encoded bodies, are not taken.
pub(super) fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        let identity = HeaderValue::from_static("identity");
        let detail = "a body with a Content-Encoding is not taken: what is sent is what is kept";
        return Err(Problem::unsupported(detail).with(header::ACCEPT_ENCODING, identity));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(String::new()) };
    let value = value.to_str().map_err(|_| Problem::unsupported("Content-Type is not ASCII"))?;
    let (media_type, parameters) = value.split_once(';').unwrap_or((value, ""));
    let media_type = media_type.trim().to_ascii_lowercase();
    if media_type.starts_with("image/") {
        // Its bytes are not read as text.
        return Ok(media_type);
    }
    for parameter in parameters.split(';') {
        let (name, value) = parameter.split_once('=').unwrap_or_default();
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset")
            && !["utf-8", "us-ascii"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8))
        {
            return Err(Problem::unsupported("only UTF-8 is read"));
        }
    }
    Ok(media_type)
}
