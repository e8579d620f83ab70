//! `GET /stats` as a page: bytes saved, images over time, formats.

use std::collections::BTreeMap;

use askama::Template;
use burrow_model::error::Error;
use burrow_model::status::Status;
use burrow_model::time::moment;
use burrow_vault::ports::Ports;
use burrow_vault::sniff::extension;
use burrow_vault::vault::{DayCount, Filter, FormatCount, Left, MAX_PAGE, Numbers, Order};
use http::StatusCode;

use crate::message::Answer;
use crate::pages::card::saved;
use crate::pages::chart::{self, Bar, Column, Step};
use crate::pages::frame::{Frame, Moment, html};
use crate::pages::search::path;
use crate::problem::Problem;
use crate::service::{Head, Service};
use crate::texts::{Language, Text};

/// How many images the charts of times and formats look at: all of a small vault, to show hours; the newest of a vault
/// without an index. In all other vaults the index has the counts.
const NEWEST: usize = 1000;

#[derive(Template)]
#[template(path = "stats.html")]
struct StatsPage {
    frame: Frame,
    /// How many ready images there are, and the word for them; so for the others.
    images: (String, Text),
    in_progress: (String, Text),
    failed: (String, Text),
    /// What repacking made of the contents, if it did anything.
    repacked: Option<Text>,
    /// How many images are to be repacked, and what that should save.
    left: Option<Text>,
    saves: Option<Text>,
    last_uploaded: Option<Moment>,
    original: String,
    stored: String,
    /// Per cent of the original size.
    saved: String,
    /// Original and stored bytes.
    bytes: Vec<Bar>,
    times: Vec<Column>,
    /// The span of time of one column of `times`, as a heading and as a part of a sentence.
    unit: Text,
    by: Text,
    is_hourly: bool,
    formats: Vec<Bar>,
    /// The count of the highest column.
    most: Text,
    /// Which images the last two charts count.
    scope: Text,
}

impl StatsPage {
    /// The count of a column, for people.
    fn number(&self, column: &Column) -> String {
        self.frame.language.number(column.count)
    }
}

/// Images of one format.
#[derive(Default)]
struct Format {
    images: u64,
    original: u64,
    stored: u64,
}

impl Format {
    fn text(&self, language: Language) -> String {
        let text = language.count(
            "{n} image, {original} stored in {stored}, {percent} % saved",
            "{n} images, {original} stored in {stored}, {percent} % saved",
            self.images,
        );
        let text = text.with("original", language.bytes(self.original)).with("stored", language.bytes(self.stored));
        text.with("percent", language.number(saved(self.original, self.stored))).into()
    }
}

impl<P: Ports> Service<P> {
    /// Answers with the page of statistics.
    pub(crate) async fn overview(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let statistics = self.vault.statistics().await?;
        let frame = self.frame(head.headers);
        let language = frame.language;
        let (mut times, mut formats) = (Vec::new(), BTreeMap::<String, Format>::new());
        let mut add = |media_type: &str, images, original, stored| {
            let format = formats.entry(extension(media_type).to_owned()).or_default();
            format.images += images;
            format.original += original;
            format.stored += stored;
        };
        let is_small = statistics.images <= NEWEST as u64;
        let numbers = if is_small { None } else { self.vault.numbers().await? };
        let (mut is_all, whole_days) = (true, numbers.is_some());
        if let Some(Numbers { formats, days }) = numbers {
            for FormatCount { media_type, images, original_bytes, stored_bytes } in formats {
                add(&media_type, images, original_bytes, stored_bytes);
            }
            times.extend(days.iter().filter_map(|DayCount { day, images, .. }| Some((moment(day, false)?, *images))));
        } else {
            let newest = self.newest(|time, media_type, size, stored_size| {
                times.push((time, 1));
                add(media_type, 1, size, stored_size);
            });
            is_all = newest.await?;
        }
        let looked_at = times.len();
        let (unit, times) = chart::over_time(times, whole_days);
        let mut formats: Vec<_> = formats.into_iter().collect();
        formats.sort_by(|(a, one), (b, other)| other.images.cmp(&one.images).then_with(|| a.cmp(b)));
        let share = |(name, format): (String, Format)| (name, format.images, format.text(language));
        let of_format = |bar: Bar| Bar { path: Some(path("/", [("type", bar.name.as_str())])), ..bar };
        let repacked = (statistics.repacked > 0).then(|| {
            let text = language.count(
                "{n} made smaller later, which saves {size}",
                "{n} made smaller later, which saves {size}",
                statistics.repacked,
            );
            text.with("size", language.bytes(statistics.saved_bytes))
        });
        // What is only an estimate must not hide the counts.
        let left = self.vault.left_to_repack().await.unwrap_or_default();
        let saves = left
            .saves
            .filter(|saves| *saves > 0)
            .map(|saves| language.say("This should save about {size}").with("size", language.bytes(saves)));
        let (images, pending, failed) = (statistics.images, statistics.pending, statistics.failed);
        let (original, stored) = (statistics.original_bytes, statistics.stored_bytes);
        let scope = if is_all {
            language.say("All images")
        } else {
            language.count("The newest {n} image", "The newest {n} images", looked_at as u64)
        };
        let most = times.iter().map(|column| column.count).max().unwrap_or(0);
        let page = StatsPage {
            images: (language.number(images), language.count("image", "images", images)),
            in_progress: (language.number(pending), language.count("in progress", "in progress", pending)),
            failed: (language.number(failed), language.count("failed", "failed", failed)),
            repacked,
            left: to_repack(left, language),
            saves,
            frame,
            last_uploaded: statistics.last_uploaded.map(|time| Moment::new(time, language)),
            original: language.bytes(original),
            stored: language.bytes(stored),
            saved: language.number(saved(original, stored)),
            bytes: chart::bars([
                (language.say("original size").into(), original, language.bytes(original)),
                (language.say("stored").into(), stored, language.bytes(stored)),
            ]),
            most: language.count("peak {n}", "peak {n}", most),
            times,
            unit: unit.heading(language),
            by: unit.by(language),
            is_hourly: unit == Step::Hour,
            formats: chart::bars(formats.into_iter().map(share)).into_iter().map(of_format).collect(),
            scope,
        };
        Ok(html(StatusCode::OK, &page)?.into())
    }

    /// Calls `each` for the newest ready images: when it was accepted, media type, size, stored size. Returns whether
    /// these were all.
    async fn newest(&self, mut each: impl FnMut(u64, &str, u64, u64)) -> Result<bool, Error> {
        let filter = Filter { status: Some(Status::Ready), ..Filter::default() };
        let (mut cursor, mut left) = (None, NEWEST);
        loop {
            let page = self.vault.list(&filter, Order::Newest, cursor, left.min(MAX_PAGE)).await?;
            for image in &page.images {
                if let Ok(content) = image.content() {
                    each(image.created, &content.media_type, content.size, content.stored_size);
                }
            }
            left -= page.images.len();
            cursor = page.next;
            if cursor.is_none() || left == 0 {
                return Ok(cursor.is_none());
            }
        }
    }
}

/// How many images are still to be repacked, if any are.
fn to_repack(left: Left, language: Language) -> Option<Text> {
    let n = Some(left.images).filter(|images| *images > 0)?;
    Some(if left.is_exact {
        language.count("{n} image is still to be repacked", "{n} images are still to be repacked", n)
    } else {
        language.count("About {n} image is still to be repacked", "About {n} images are still to be repacked", n)
    })
}
