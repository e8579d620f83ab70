//! One image as the gallery shows it, and numbers for people.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burrow_model::record::ImageRecord;
use burrow_vault::thumbnail::placeholder;
use bytesize::ByteSize;

use crate::pages::frame::Moment;

/// An image in the grid of the gallery.
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    /// When the record last changed, in milliseconds since 1970. Scripts replace a card only if this differs.
    pub(crate) version: u64,
    pub(crate) size: String,
    pub(crate) saved: u64,
    pub(crate) created: Moment,
    pub(crate) cells: Vec<Cell>,
}

/// One coloured cell of a placeholder.
pub(crate) struct Cell {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) colour: String,
}

impl Card {
    /// Makes the card of an image; `hash` is its placeholder in base64.
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

    /// Whether the image is ready, and so has a thumbnail to show.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == "ready"
    }

    /// Whether no work on the image is under way, so that it can be selected.
    pub(crate) fn is_settled(&self) -> bool {
        self.is_ready() || self.error.is_some()
    }
}

/// A number of bytes, for people.
pub(crate) fn bytes(count: u64) -> String {
    ByteSize(count).display().si().to_string()
}

/// How much smaller the stored form is than the original, in per cent.
pub(crate) fn saved(original: u64, stored: u64) -> u64 {
    100 * original.saturating_sub(stored) / original.max(1)
}

/// The cells of a placeholder, four by four.
pub(crate) fn cells(hash: &str) -> Vec<Cell> {
    let colours = BASE64_STANDARD.decode(hash).ok().and_then(|hash| placeholder::colours(&hash));
    let cell = |(n, [red, green, blue]): (usize, [u8; 3])| Cell {
        x: n % 4,
        y: n / 4,
        colour: format!("#{red:02x}{green:02x}{blue:02x}"),
    };
    colours.into_iter().flatten().enumerate().map(cell).collect()
}
