//! One image as pages show it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytesize::ByteSize;

use crate::http::page::Moment;
use crate::record::ImageRecord;
use crate::thumbnail::placeholder;

/// What a page shows of an image, in a small place.
pub(super) struct Card {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) status: &'static str,
    pub(super) error: Option<String>,
    /// When the record changed, in milliseconds: another when the card is another.
    pub(super) version: u64,
    pub(super) size: String,
    pub(super) saved: u64,
    pub(super) created: Moment,
    pub(super) cells: Vec<Cell>,
}

/// A piece of a placeholder.
pub(super) struct Cell {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) colour: String,
}

impl Card {
    /// Shows an image, with its placeholder in base64.
    pub(super) fn new(record: &ImageRecord, hash: Option<&str>) -> Self {
        let content = record.content().ok();
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            tags: record.tags.clone(),
            status: record.status().as_str(),
            error: record.failure().map(str::to_owned),
            version: record.updated,
            size: content.map_or_else(String::new, |content| bytes(content.size)),
            saved: content.map_or(0, |content| saved(content.size, content.stored_size)),
            created: record.created.into(),
            cells: hash.map(cells).unwrap_or_default(),
        }
    }

    /// Whether there is a picture.
    pub(super) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    /// Whether nothing is under way with it, so that it can be selected.
    pub(super) fn is_settled(&self) -> bool {
        self.is_ready() || self.error.is_some()
    }
}

/// A number of bytes for people.
pub(super) fn bytes(count: u64) -> String {
    ByteSize(count).display().si().to_string()
}

/// A number of images.
pub(super) fn images(count: u64) -> String {
    if count == 1 { "1 image".into() } else { format!("{count} images") }
}

/// What is saved, in per cent.
pub(super) fn saved(original: u64, stored: u64) -> u64 {
    100 * original.saturating_sub(stored) / original.max(1)
}

/// The colours of a placeholder, four by four.
pub(super) fn cells(hash: &str) -> Vec<Cell> {
    let colours = BASE64_STANDARD.decode(hash).ok().and_then(|hash| placeholder::colours(&hash));
    let cell = |(n, [red, green, blue]): (usize, [u8; 3])| Cell {
        x: n % 4,
        y: n / 4,
        colour: format!("#{red:02x}{green:02x}{blue:02x}"),
    };
    colours.into_iter().flatten().enumerate().map(cell).collect()
}
