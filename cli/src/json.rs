//! Output of `--json`, with the fields of the HTTP interface.

use burrow_host::{Numbers, Packing, Statistics};
use burrow_model::json::{self, Content, Image, Stats, StatsByKind, content_path};
use burrow_model::time::timestamp;
use serde::Serialize;

use crate::output;

/// An image as the HTTP interface describes it.
pub(crate) fn image(image: &burrow_host::Image) -> Image<'_> {
    let content = image.content.as_ref().map(|content| Content {
        path: content_path(&image.id),
        media_type: &content.media_type,
        width: content.width,
        height: content.height,
        orientation: content.orientation,
        animated: content.animated,
        size: content.size,
        stored_size: content.stored_size,
        codec: codec(content.packing),
        unpack_ms: content.unpack_ms,
        kept: content.kept.as_deref(),
        sha256: &content.sha256,
    });
    Image {
        id: image.id.as_str().into(),
        name: &image.name,
        tags: &image.tags,
        url: image.source.as_ref().map(|source| source.url.as_str()),
        referrer: image.source.as_ref().and_then(|source| source.referrer.as_deref()),
        status: image.status.as_str(),
        attempts: image.attempts,
        received_bytes: None,
        expected_bytes: None,
        error: image.error.as_deref(),
        created: timestamp(image.created),
        updated: timestamp(image.updated),
        content,
        placeholder: None,
    }
}

/// Counts over the whole vault, by format and month, too, if it has an index.
pub(crate) fn stats(statistics: Statistics, numbers: Option<Numbers>) -> StatsByKind {
    let numbers = numbers.map(|Numbers { formats, months }| json::Numbers {
        formats: formats.into_iter().map(|(media_type, it)| json::FormatCount { media_type, sum: sum(it) }).collect(),
        months: months.into_iter().map(|(month, it)| json::MonthCount { month, sum: sum(it) }).collect(),
    });
    StatsByKind { stats: counts(statistics), numbers }
}

fn sum(burrow_host::Sum { images, original_bytes, stored_bytes }: burrow_host::Sum) -> json::Sum {
    json::Sum { images, original_bytes, stored_bytes }
}

fn counts(statistics: Statistics) -> Stats {
    let Statistics { images, pending, failed, original_bytes, stored_bytes, repacked, saved_bytes, last_uploaded } =
        statistics;
    let last_uploaded = last_uploaded.map(timestamp);
    Stats { images, pending, failed, original_bytes, stored_bytes, repacked, saved_bytes, last_uploaded }
}

/// The name of the codec that stores the bytes.
pub(crate) fn codec(packing: Packing) -> &'static str {
    match packing {
        Packing::Raw => "raw",
        Packing::Deflate => "deflate",
        Packing::Lepton => "lepton",
        Packing::Pixels => "pixels",
        Packing::PixelsFast => "pixels-fast",
        Packing::Lzma => "lzma",
    }
}

/// Prints an object on one line. Escapes control characters: text from outside must not move the terminal's cursor.
pub(crate) fn line(object: &impl Serialize) -> std::io::Result<()> {
    let escape = |c: char| if c.is_control() { format!("\\u{:04x}", u32::from(c)) } else { c.into() };
    output::line(&serde_json::to_string(object)?.chars().map(escape).collect::<String>())
}
