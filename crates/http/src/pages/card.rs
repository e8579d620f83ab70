//! One image as pages show it.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burrow_model::record::ImageRecord;
use burrow_vault::thumbnail::placeholder;
use bytesize::ByteSize;

use crate::pages::frame::Moment;

/// What a page shows of an image, in a small place.
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    /// When the record changed, in milliseconds: another when the card is another.
    pub(crate) version: u64,
    pub(crate) size: String,
    pub(crate) saved: u64,
    pub(crate) created: Moment,
    pub(crate) cells: Vec<Cell>,
}

/// A piece of a placeholder.
pub(crate) struct Cell {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) colour: String,
}

impl Card {
    /// Shows an image, with its placeholder in base64.
    pub(crate) fn new(record: &ImageRecord, hash: Option<&str>) -> Self {
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
    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    /// Whether nothing is under way with it, so that it can be selected.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_ready() || self.error.is_some()
    }
}

/// A number of bytes for people.
pub(crate) fn bytes(count: u64) -> String {
    ByteSize(count).display().si().to_string()
}

/// What is saved, in per cent.
pub(crate) fn saved(original: u64, stored: u64) -> u64 {
    100 * original.saturating_sub(stored) / original.max(1)
}

/// The colours of a placeholder, four by four.
pub(crate) fn cells(hash: &str) -> Vec<Cell> {
    let colours = BASE64_STANDARD.decode(hash).ok().and_then(|hash| placeholder::colours(&hash));
    let cell = |(n, [red, green, blue]): (usize, [u8; 3])| Cell {
        x: n % 4,
        y: n / 4,
        colour: format!("#{red:02x}{green:02x}{blue:02x}"),
    };
    colours.into_iter().flatten().enumerate().map(cell).collect()
}
