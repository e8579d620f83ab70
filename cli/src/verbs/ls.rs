//! `burrow ls`: lists images, newest first.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use burrow_host::{Burrow, Filter, Image, Page, Status};
use burrow_model::time::{moment, timestamp};
use clap::ValueEnum;

use crate::find::PAGE;
use crate::json;
use crate::output;
use crate::picture;
use crate::picture::Pictures;
use crate::table::{Cell, Column, Table};
use crate::when::ago;

/// List images, newest first.
#[derive(Debug, clap::Args)]
pub(crate) struct Ls {
    /// List only images with this tag; may be repeated: an image must have all of the tags.
    #[arg(long = "tag", value_name = "TAG")]
    tags: Vec<String>,

    /// List only images with this status.
    #[arg(long, value_name = "STATUS")]
    status: Option<StatusWord>,

    /// List only images with these words in their names or in the paths of their URLs; the last may be a beginning.
    #[arg(long, alias = "name", value_name = "WORDS")]
    search: Option<String>,

    /// List only images from this host.
    #[arg(long, value_name = "HOST")]
    host: Option<String>,

    /// List only images of this media type, such as image/png, or with this usual extension, such as png.
    #[arg(long = "type", value_name = "TYPE")]
    media_type: Option<String>,

    /// List only images added on this day (2026-11-26) or at this time (RFC 3339) or later.
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<u64>,

    /// List only images added up to the end of this day, or before this time.
    #[arg(long, value_name = "TIME", value_parser = until)]
    until: Option<u64>,

    /// List those added first at first.
    #[arg(long)]
    oldest: bool,

    /// The most images to list.
    #[arg(long, short = 'n', env = "BURROW_LIMIT", value_name = "COUNT")]
    limit: Option<usize>,

    /// Print one JSON object a line, with the fields of the HTTP interface.
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    pictures: picture::Choice,
}

fn since(text: &str) -> Result<u64, String> {
    time(text, false)
}

fn until(text: &str) -> Result<u64, String> {
    time(text, true)
}

/// A time in milliseconds since 1970.
fn time(text: &str, is_end: bool) -> Result<u64, String> {
    moment(text, is_end).ok_or_else(|| "neither a day, such as 2026-11-26, nor a time as RFC 3339 writes it".into())
}

/// A status, as typed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum StatusWord {
    Pending,
    Storing,
    Ready,
    Failed,
}

impl From<StatusWord> for Status {
    fn from(word: StatusWord) -> Self {
        match word {
            StatusWord::Pending => Self::Pending,
            StatusWord::Storing => Self::Storing,
            StatusWord::Ready => Self::Ready,
            StatusWord::Failed => Self::Failed,
        }
    }
}

/// The most images that `--pictures auto` shows pictures of: a picture takes several lines.
const MANY: usize = 20;

impl Ls {
    pub(crate) async fn run(self, burrow: &Burrow) -> anyhow::Result<ExitCode> {
        let filter = Filter {
            tags: self.tags,
            status: self.status.map(Status::from),
            words: self.search,
            host: self.host,
            media_type: self.media_type,
            since: self.since,
            until: self.until,
            oldest_first: self.oldest,
        };
        let mut pages = Pages { burrow, filter, left: self.limit.unwrap_or(usize::MAX), cursor: None };
        let mut list = None;
        let mut is_told = false;
        while let Some(page) = pages.next().await? {
            if page.unindexed && !std::mem::replace(&mut is_told, true) {
                output::note(
                    "this vault is older than its index, so this takes long; `burrow verify --repair` makes one",
                );
            }
            if self.json {
                page.images.iter().try_for_each(|image| json::line(&json::image(image)))?;
            } else if !page.images.is_empty() {
                let list = list.get_or_insert_with(|| {
                    let are_few = pages.left == 0 && page.images.len() <= MANY;
                    List::new(self.pictures.pictures(are_few))
                });
                list.print(burrow, &page.images).await?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads the list page by page.
struct Pages<'a> {
    burrow: &'a Burrow,
    filter: Filter,
    /// The most images that are still to come; 0 after the last page.
    left: usize,
    cursor: Option<String>,
}

impl Pages<'_> {
    async fn next(&mut self) -> anyhow::Result<Option<Page>> {
        if self.left == 0 {
            return Ok(None);
        }
        let limit = PAGE.min(u32::try_from(self.left).unwrap_or(PAGE));
        let page = self.burrow.list(&self.filter, self.cursor.take(), limit).await?;
        self.left = self.left.saturating_sub(page.images.len());
        match &page.next {
            Some(next) => self.cursor = Some(next.clone()),
            None => self.left = 0,
        }
        Ok(Some(page))
    }
}

/// Prints images as rows of a table.
struct List {
    table: Table<7>,
    pictures: Option<Pictures>,
    /// Whether the list goes to a terminal, and so shows times for people.
    is_terminal: bool,
    has_titles: bool,
}

impl List {
    fn new(pictures: Option<Pictures>) -> Self {
        let text = |title| Column { title, is_number: false, least: None, spare: 0 };
        let columns = [
            text("ID"),
            text("STATUS"),
            Column { is_number: true, ..text("SIZE") },
            Column { is_number: true, spare: 2, ..text("SAVED") },
            Column { spare: 3, ..text("WHEN") },
            Column { least: Some(12), ..text("NAME") },
            Column { least: Some(8), spare: 1, ..text("TAGS") },
        ];
        let width = output::width();
        let indent = if pictures.is_some() { picture::INDENT } else { 0 };
        let table = Table::new(columns, width.map(|width| width.saturating_sub(indent)));
        Self { table, pictures, is_terminal: width.is_some(), has_titles: false }
    }

    async fn print(&mut self, burrow: &Burrow, images: &[Image]) -> anyhow::Result<()> {
        let rows: Vec<_> = images.iter().map(|image| self.cells(image)).collect();
        self.table.fit(&rows);
        let indent = if self.pictures.is_some() { " ".repeat(picture::INDENT) } else { String::new() };
        if !std::mem::replace(&mut self.has_titles, true)
            && let Some(titles) = self.table.titles()
        {
            output::drawn(&format!("{indent}{titles}"))?;
        }
        let Some(pictures) = &self.pictures else {
            return Ok(rows.iter().try_for_each(|row| output::drawn(&self.table.row(row)))?);
        };
        // A few at a time, so that the first are shown before the last are read.
        for (images, rows) in images.chunks(MANY).zip(rows.chunks(MANY)) {
            for (drawn, row) in pictures.draw(burrow, images).await.into_iter().zip(rows) {
                let row = self.table.row(row);
                match drawn {
                    Some(drawn) => picture::beside(&drawn, &row)?,
                    None => output::drawn(&format!("{indent}{row}"))?,
                }
            }
        }
        Ok(())
    }

    fn cells(&self, image: &Image) -> [Cell; 7] {
        let faint = Style::new().dimmed();
        let content = image.content.as_ref();
        let saved = |size: u64, stored: u64| {
            let percent = u128::from(size.saturating_sub(stored)) * 100 / u128::from(size.max(1));
            format!("{percent}%")
        };
        [
            Cell::styled(&image.id, faint),
            Cell::styled(image.status.as_str(), output::status_style(image.status)),
            Cell::new(&content.map_or_else(|| "-".into(), |content| output::bytes(content.size))),
            Cell::new(&content.map_or_else(|| "-".into(), |content| saved(content.size, content.stored_size))),
            Cell::styled(&if self.is_terminal { ago(image.created) } else { timestamp(image.created) }, faint),
            Cell::new(&image.name),
            Cell::styled(&image.tags.join(","), AnsiColor::Cyan.on_default()),
        ]
    }
}
