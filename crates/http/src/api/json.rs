//! The JSON that clients send and receive.

use burrow_model::json::{self, Image, Stats, StatsByKind, Sum};
use burrow_model::record::ImageRecord;
use burrow_model::time::timestamp;
use burrow_vault::ports::ByteSource;
use burrow_vault::vault::{DayCount, FormatCount, Numbers, Renaming, Statistics, TagCount, Tags};
use http::{Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::message::{Body, respond};
use crate::problem::Problem;
use crate::protocol::body::read_body;

/// `POST /upload`, `POST /process_image`: other members are ignored.
#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
pub(crate) struct Upload {
    #[serde(default)]
    pub(crate) url: Option<String>,
    /// Clients of the first design know none.
    #[serde(skip)]
    pub(crate) referrer: Option<String>,
    #[serde(default)]
    pub(crate) name: Option<String>,
    #[serde(default)]
    pub(crate) tags: Option<Vec<String>>,
}

/// `POST /images`: the members of [`Upload`], and a referrer; others are refused.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(crate) struct AddByUrl {
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    referrer: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
}

impl From<AddByUrl> for Upload {
    fn from(AddByUrl { url, referrer, name, tags }: AddByUrl) -> Self {
        Self { url, referrer, name, tags }
    }
}

/// `PATCH /images/{id}`, a merge patch (RFC 7396).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(crate) struct Patch {
    #[serde(default)]
    pub(crate) name: Change<String>,
    #[serde(default)]
    pub(crate) tags: Change<Vec<String>>,
}

/// What a merge patch does to a member: an absent one is kept, null removes it.
#[derive(Debug, Default)]
pub(crate) enum Change<T> {
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
pub(crate) struct Link {
    #[serde(default)]
    pub(crate) seconds: Option<u64>,
}

/// `POST /images/{id}/retry`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(crate) struct Retry {
    #[serde(default)]
    pub(crate) referrer: Option<String>,
}

/// Reads a body as JSON.
pub(crate) async fn read<T: DeserializeOwned>(body: impl ByteSource, limit: usize) -> Result<T, Problem> {
    parse(&read_body(body, limit).await?)
}

/// JSON without what may stand before it: white space, and the byte order mark that some Windows programs write (RFC
/// 8259 section 8.1 lets a reader ignore it).
pub(crate) fn begun(bytes: &[u8]) -> &[u8] {
    unmarked(bytes).trim_ascii_start()
}

fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Parses a JSON object; nothing but white space may follow it.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let bytes = unmarked(bytes);
    // Serde would also read an array as a struct, field by field.
    if begun(bytes).starts_with(b"[") {
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

/// A page of images.
#[derive(Debug, Serialize)]
pub(crate) struct List<'a> {
    images: Vec<Image<'a>>,
    next: Option<String>,
    /// Whether the vault has no index, so that only the next 1,000 images were looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unindexed: bool,
}

impl<'a> List<'a> {
    /// Makes a page of images and their placeholders.
    pub(crate) fn new(
        images: &'a [ImageRecord],
        placeholders: &'a [Option<String>],
        next: Option<u64>,
        unindexed: bool,
    ) -> Self {
        let image = |(record, placeholder): (&'a ImageRecord, &'a Option<String>)| Image {
            placeholder: placeholder.as_deref(),
            ..Image::from(record)
        };
        let images = images.iter().zip(placeholders).map(image).collect();
        Self { images, next: next.map(|next| next.to_string()), unindexed }
    }
}

/// The body of `GET /tags`.
#[derive(Debug, Serialize)]
pub(crate) struct TagList<'a> {
    tags: Vec<TagJson<'a>>,
    next: Option<&'a str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unindexed: bool,
    /// The tag that is being renamed.
    #[serde(skip_serializing_if = "Option::is_none")]
    renaming: Option<RenamingJson<'a>>,
}

#[derive(Debug, Serialize)]
struct TagJson<'a> {
    tag: &'a str,
    images: u64,
}

impl<'a> TagList<'a> {
    pub(crate) fn new(tags: &'a Tags, renaming: Option<&'a Renaming>) -> Self {
        let Tags { tags, next, unindexed } = tags;
        let tags = tags.iter().map(|TagCount { tag, images }| TagJson { tag, images: *images });
        let renaming = renaming.map(|Renaming { from, to, renamed, .. }| RenamingJson { from, to, renamed: *renamed });
        Self { tags: tags.collect(), next: next.as_deref(), unindexed: *unindexed, renaming }
    }
}

/// How far the renaming of a tag has come.
#[derive(Debug, Serialize)]
struct RenamingJson<'a> {
    from: &'a str,
    to: &'a str,
    renamed: u64,
}

/// `POST /jobs/rename-tag`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[serde(expecting = "an object")]
pub(crate) struct RenameTag {
    pub(crate) from: String,
    pub(crate) to: String,
}

/// The answer to `POST /jobs/rename-tag`.
#[derive(Debug, Serialize)]
pub(crate) struct Renamed<'a> {
    #[serde(flatten)]
    renaming: Option<RenamingJson<'a>>,
    /// Images that are still jobs: they get the new tag when they have ended.
    waiting: u64,
    done: bool,
}

impl<'a> Renamed<'a> {
    /// The answer; `None` if no tag is being renamed.
    pub(crate) fn new(renaming: Option<&'a Renaming>) -> Self {
        let Some(Renaming { from, to, renamed, waiting, is_done }) = renaming else {
            return Self { renaming: None, waiting: 0, done: true };
        };
        Self { renaming: Some(RenamingJson { from, to, renamed: *renamed }), waiting: *waiting, done: *is_done }
    }
}

/// The body of `GET /stats`.
pub(crate) fn counts(statistics: Statistics) -> Stats {
    let Statistics { images, pending, failed, original_bytes, stored_bytes, repacked, saved_bytes, last_uploaded } =
        statistics;
    let last_uploaded = last_uploaded.map(timestamp);
    Stats { images, pending, failed, original_bytes, stored_bytes, repacked, saved_bytes, last_uploaded }
}

/// A JSON response.
pub(crate) fn response<P>(status: StatusCode, body: &impl Serialize) -> Response<Body<P>> {
    respond(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// An image's record.
pub(crate) fn image<P>(record: &ImageRecord) -> Response<Body<P>> {
    response(StatusCode::OK, &Image::from(record))
}

/// `GET /stats`.
pub(crate) fn stats<P>(statistics: Statistics, numbers: Option<&Numbers>) -> Response<Body<P>> {
    let numbers = numbers.map(|numbers| {
        let formats = numbers.formats.iter().map(|FormatCount { media_type, images, original_bytes, stored_bytes }| {
            let sum = Sum { images: *images, original_bytes: *original_bytes, stored_bytes: *stored_bytes };
            json::FormatCount { media_type: media_type.clone(), sum }
        });
        let months = numbers.months().into_iter().map(|DayCount { day, images, original_bytes, stored_bytes }| {
            json::MonthCount { month: day, sum: Sum { images, original_bytes, stored_bytes } }
        });
        json::Numbers { formats: formats.collect(), months: months.collect() }
    });
    response(StatusCode::OK, &StatsByKind { stats: counts(statistics), numbers })
}

/// `GET /openapi.json`.
pub(crate) fn interface<P>() -> Response<Body<P>> {
    respond(StatusCode::OK, "application/json", include_bytes!("../../../../openapi.json").to_vec())
}
