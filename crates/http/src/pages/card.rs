//! One image as the gallery shows it, and numbers for people.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use burrow_model::appearance::Appearance;
use burrow_model::record::{Codec, Content, ImageRecord, Progress};
use burrow_vault::thumbnail::placeholder;
use jiff::civil::Date;

use crate::pages::frame::Moment;
use crate::texts::{Language, Text};

/// An image in the grid of the gallery.
pub(crate) struct Card {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) tags: Vec<String>,
    pub(crate) status: &'static str,
    pub(crate) error: Option<String>,
    /// How far its download has come, if that takes a while.
    pub(crate) coming: Option<Coming>,
    /// When the record last changed, in milliseconds since 1970, and how many bytes had come. Scripts replace a card only
    /// if this differs.
    pub(crate) version: String,
    pub(crate) size: String,
    /// How much smaller it is stored, if it is.
    pub(crate) saved: Option<Text>,
    pub(crate) created: Moment,
    /// The heading before the card, if it is the first of its day.
    pub(crate) day: Option<Day>,
    pub(crate) look: Look,
    pub(crate) cells: Vec<Cell>,
}

/// How far a download has come.
pub(crate) struct Coming {
    pub(crate) text: Text,
    pub(crate) received: u64,
    pub(crate) expected: Option<u64>,
}

impl Coming {
    pub(crate) fn new(progress: Progress, language: Language) -> Option<Self> {
        let received = progress.received?;
        let expected = progress.expected.filter(|expected| *expected >= received);
        let text = match expected {
            Some(expected) => language.say("{received} of {expected}").with("expected", language.bytes(expected)),
            None => language.say("{received} so far"),
        };
        Some(Self { text: text.with("received", language.bytes(received)), received, expected })
    }
}

/// A day in UTC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) stamp: String,
    pub(crate) text: String,
}

/// The shape and the ground of a picture, as the style sheet has classes for them.
pub(crate) struct Look {
    /// The number of the class of its aspect ratio.
    pub(crate) ratio: usize,
    /// Whether it is wider or higher than any class, so that its place is not filled.
    pub(crate) is_extreme: bool,
    /// Whether its format has transparent pixels, so that nothing may show through it.
    pub(crate) may_be_clear: bool,
}

/// One coloured cell of a placeholder.
pub(crate) struct Cell {
    pub(crate) x: usize,
    pub(crate) y: usize,
    pub(crate) colour: String,
}

/// How many tags a card shows.
const TAGS: usize = 3;

impl Card {
    /// Makes the card of an image; `hash` is its placeholder in base64.
    pub(crate) fn new(record: &ImageRecord, hash: Option<&str>, language: Language) -> Self {
        let content = record.content().ok();
        let look = content.map_or(Look::UNKNOWN, Look::new);
        Self {
            id: record.id.to_string(),
            name: record.name.clone(),
            tags: record.tags.clone(),
            status: record.status().as_str(),
            error: record.failure().map(failure),
            coming: Coming::new(record.progress(), language),
            version: format!("{}.{}", record.updated, record.progress().received.unwrap_or(0)),
            size: content.map_or_else(String::new, |content| language.bytes(content.size)),
            saved: content.and_then(|content| saving(content.size, content.stored_size, language)),
            created: Moment::new(record.created, language),
            day: None,
            // What shows through a picture would look like a part of it.
            cells: hash.filter(|_| !look.may_be_clear).map(cells).unwrap_or_default(),
            look,
        }
    }

    /// Gives the first card of each day the heading of that day. Only English has it in words: scripts have those of
    /// all languages.
    pub(crate) fn head_days(cards: &mut [Self], language: Language) {
        let format = if language == Language::English { "%-d %B %Y" } else { "%Y-%m-%d" };
        let mut last = None;
        for card in cards {
            let day = card.created.stamp.get(..10).map(str::to_owned);
            if day != last {
                let text = day.as_deref().and_then(|day| day.parse::<Date>().ok());
                let text = text.map(|day| day.strftime(format).to_string());
                card.day = day.clone().zip(text).map(|(stamp, text)| Day { stamp, text });
                last = day;
            }
        }
    }

    /// The tags that are shown.
    pub(crate) fn first_tags(&self) -> impl Iterator<Item = &String> {
        self.tags.iter().take(TAGS)
    }

    /// How many more there are.
    pub(crate) fn more_tags(&self) -> u64 {
        self.tags.len().saturating_sub(TAGS) as u64
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

/// The lowest ratio of width to height that has a class in rows.css, by how much each class is above the one before, and
/// the number of the last class.
const RATIOS: (f64, f64, usize) = (0.3, 1.03, 95);

impl Look {
    /// The look of an image that has no picture, or one of unknown size: a square.
    const UNKNOWN: Self = Self { ratio: 41, is_extreme: true, may_be_clear: true };

    pub(crate) fn new(content: &Content) -> Self {
        Self::of(&content.media_type, content.appearance)
    }

    fn of(media_type: &str, appearance: Appearance) -> Self {
        let may_be_clear = !matches!(media_type, "image/jpeg" | "image/bmp" | "image/heif");
        let sides = appearance.upright().filter(|(width, height)| *width > 0 && *height > 0);
        let Some((width, height)) = sides else { return Self { may_be_clear, ..Self::UNKNOWN } };
        let shape = f64::from(width) / f64::from(height);
        let (mut of_class, step, last) = RATIOS;
        let half = step.sqrt();
        let is_too_high = shape < of_class / half;
        for ratio in 0..=last {
            if shape <= of_class * half {
                return Self { ratio, is_extreme: is_too_high, may_be_clear };
            }
            of_class *= step;
        }
        Self { ratio: last, is_extreme: true, may_be_clear }
    }
}

/// Why an image is not there, as a sentence.
pub(crate) fn failure(error: &str) -> String {
    let status = error.strip_prefix("the origin answered ").and_then(|rest| rest.get(..3));
    let said = match status {
        Some("404" | "410") => "The site has no such image",
        Some("401" | "403") => "The site refused to give the image away",
        Some("429" | "503") => "The site asks to come back later",
        Some(status) if status.starts_with('5') => "The site failed",
        _ => {
            let mut rest = error.chars();
            return rest.next().map(|first| first.to_uppercase().chain(rest).collect()).unwrap_or_default();
        }
    };
    format!("{said} ({})", status.unwrap_or_default())
}

/// How the content of an image is stored, for people.
pub(crate) fn stored(content: &Content, language: Language) -> Text {
    let codec: String = match content.codec {
        Codec::Raw => return language.say("stored as is"),
        Codec::Deflate => "Deflate".into(),
        Codec::Lepton => "Lepton".into(),
        Codec::Pixels => language.say("pixel codec").into(),
        Codec::PixelsFast => language.say("fast pixel codec").into(),
        Codec::Lzma => "LZMA".into(),
    };
    let size = language.bytes(content.stored_size);
    language.say("stored in {size} ({codec})").with("size", size).with("codec", codec)
}

/// How much smaller the stored form is than the original, in per cent.
pub(crate) fn saved(original: u64, stored: u64) -> u64 {
    100 * original.saturating_sub(stored) / original.max(1)
}

/// How much smaller the stored form is than the original, for people; none if it is not smaller by one per cent.
pub(crate) fn saving(original: u64, stored: u64, language: Language) -> Option<Text> {
    let percent = saved(original, stored);
    (percent > 0).then(|| language.count("{n} % saved", "{n} % saved", percent))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_sheet_has_a_class_for_each_ratio() {
        let style = include_str!("../assets/rows.css");
        let (mut of_class, step, last) = RATIOS;
        for class in 0..=last {
            assert!(style.contains(&format!(".r{class}{{--r:{of_class:.3}}}")), ".r{class}{{--r:{of_class:.3}}}");
            of_class *= step;
        }
        assert!(!style.contains(&format!(".r{}{{", last + 1)));
        assert!(style.contains(&format!(".r{}{{--r:1.008}}", Look::UNKNOWN.ratio)));
    }

    #[test]
    fn a_picture_has_the_class_of_its_ratio() {
        let look = |width: u32, height: u32, orientation: Option<u8>, media_type: &str| {
            let orientation = orientation.map(|number| number.try_into().unwrap());
            let appearance = Appearance { dimensions: Some((width, height)), orientation, is_animated: None };
            Look::of(media_type, appearance)
        };
        let ratio_of = |class: usize| 0.3 * 1.03_f64.powi(i32::try_from(class).unwrap());
        for (width, height) in [(3000, 2000), (2000, 3000), (1, 1), (1920, 1080), (300, 1000), (4900, 1000), (97, 101)]
        {
            let Look { ratio, is_extreme, .. } = look(width, height, None, "image/jpeg");
            let off = ratio_of(ratio) / (f64::from(width) / f64::from(height));
            assert!(!is_extreme && (off - 1.0).abs() < 0.0151, "{width} x {height}: {off}");
        }
        for (width, height, class) in [(1, 20_000, 0), (20_000, 1, 95), (1, u32::MAX, 0), (u32::MAX, 1, 95)] {
            let Look { ratio, is_extreme, .. } = look(width, height, None, "image/jpeg");
            assert_eq!((ratio, is_extreme), (class, true), "{width} x {height}");
        }
        assert_eq!(look(0, 9, None, "image/png").ratio, Look::UNKNOWN.ratio);
        // One that lies on its side is shown upright.
        assert_eq!(look(3000, 2000, Some(6), "image/jpeg").ratio, look(2000, 3000, None, "image/jpeg").ratio);
        assert!(!look(3, 2, None, "image/jpeg").may_be_clear && look(3, 2, None, "image/png").may_be_clear);
    }

    #[test]
    fn failures_are_sentences() {
        assert_eq!(failure("the origin answered 404"), "The site has no such image (404)");
        assert_eq!(
            failure("the origin answered 503 and asks to come back in 90 s"),
            "The site asks to come back later (503)"
        );
        assert_eq!(failure("not an image: HTML"), "Not an image: HTML");
        assert_eq!(failure(""), "");
    }
}
