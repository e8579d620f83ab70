//! `GET /stats` as a page: bytes saved, images over time, formats.

use std::collections::BTreeMap;

use askama::Template;
use burrow_model::error::Error;
use burrow_model::status::Status;
use burrow_model::time::moment;
use burrow_vault::ports::Ports;
use burrow_vault::sniff::extension;
use burrow_vault::vault::{DayCount, Filter, FormatCount, MAX_PAGE, Numbers, Order, Statistics};
use http::StatusCode;

use crate::api::notice::{images, number};
use crate::message::Answer;
use crate::pages::card::{bytes, saved};
use crate::pages::chart::{self, Bar, Column};
use crate::pages::frame::{Frame, Moment, html};
use crate::pages::search::path;
use crate::problem::Problem;
use crate::service::{Head, Service};

/// How many images the charts of times and formats look at: all of a small vault, to show hours; the newest of a vault
/// without an index. In all other vaults the index has the counts.
const NEWEST: usize = 1000;

#[derive(Template)]
#[template(path = "stats.html")]
struct StatsPage {
    frame: Frame,
    statistics: Statistics,
    /// Ready, unfinished and failed images.
    counts: [String; 3],
    /// What repacking made of the contents, if it did anything.
    repacked: Option<String>,
    last_uploaded: Option<Moment>,
    original: String,
    stored: String,
    saved: u64,
    /// Original and stored bytes.
    bytes: Vec<Bar>,
    times: Vec<Column>,
    /// The span of time of one column of `times`.
    unit: &'static str,
    formats: Vec<Bar>,
    /// The count of the highest column.
    most: String,
    /// How many images the last two charts count.
    looked_at: String,
    is_all: bool,
}

/// Images of one format.
#[derive(Default)]
struct Format {
    images: u64,
    original: u64,
    stored: u64,
}

impl<P: Ports> Service<P> {
    /// Answers with the page of statistics.
    pub(crate) async fn overview(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let statistics = self.vault.statistics().await?;
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
        let share = |(name, format): (String, Format)| {
            let text = format!(
                "{}, {} stored in {}, {} % saved",
                images(format.images),
                bytes(format.original),
                bytes(format.stored),
                saved(format.original, format.stored)
            );
            (name, format.images, text)
        };
        let of_format = |bar: Bar| Bar { path: Some(path("/", [("type", bar.name.as_str())])), ..bar };
        let repacked = (statistics.repacked > 0).then(|| {
            format!("{} made smaller later, which saves {}", number(statistics.repacked), bytes(statistics.saved_bytes))
        });
        let page = StatsPage {
            counts: [statistics.images, statistics.pending, statistics.failed].map(number),
            repacked,
            frame: self.frame(head.headers),
            last_uploaded: statistics.last_uploaded.map(Moment::from),
            original: bytes(statistics.original_bytes),
            stored: bytes(statistics.stored_bytes),
            saved: saved(statistics.original_bytes, statistics.stored_bytes),
            bytes: chart::bars([
                ("original size".into(), statistics.original_bytes, bytes(statistics.original_bytes)),
                ("stored".into(), statistics.stored_bytes, bytes(statistics.stored_bytes)),
            ]),
            statistics,
            most: number(times.iter().map(|column| column.count).max().unwrap_or(0)),
            times,
            unit,
            formats: chart::bars(formats.into_iter().map(share)).into_iter().map(of_format).collect(),
            looked_at: number(looked_at as u64),
            is_all,
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
