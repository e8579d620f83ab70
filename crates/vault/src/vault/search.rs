//! Lists images: by the index, or by a walk along the feed where there is no condition or no index. Counts tags.

use burrow_model::error::{Error, passing_over};
use burrow_model::key::Vaultwide;
use burrow_model::name::normal;
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use futures::{StreamExt as _, TryStreamExt as _};
use url::Host;

use super::label::is_same_tag;
use super::read::{AT_ONCE, MAX_SCAN, MAX_TEXT, check_limit, size_of_text};
use super::{Order, Page, Vault};
use crate::ports::Ports;
use crate::store::index::{Counted, Found};
use crate::terms::{COUNTED, Clause, LIKENESS, Phrase, host_of, is_of_type, words_of};

/// The most tags of one page.
const MAX_TAGS: usize = 1000;

/// The longest media type that can be asked for, in bytes.
const MAX_TYPE: usize = 64;

/// The most media types, and the most days, that are counted.
const MAX_NUMBERS: usize = 10_000;

/// Which images to list: those that meet every condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// They have all these tags.
    pub tags: Vec<String>,
    /// They have this status.
    pub status: Option<Status>,
    /// They are pending or storing.
    pub unfinished: bool,
    /// Their names, or the paths of their URLs, have all these words.
    pub phrase: Phrase,
    /// Their URLs have this host.
    pub host: Option<String>,
    /// They are ready and of this media type, or their files have this usual extension.
    pub media_type: Option<String>,
    /// They were accepted at this time or later, in milliseconds since 1970.
    pub since: Option<u64>,
    /// They were accepted before this time, in the same unit.
    pub until: Option<u64>,
}

impl Filter {
    /// Checks a host that a user gave, and returns it as URLs have it.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if no URL can have it.
    pub fn host(text: &str) -> Result<String, Error> {
        let host = Host::parse(text.trim());
        host.map(|host| host.to_string())
            .map_err(|error| Error::Invalid { field: "host", reason: format!("not the host of a URL: {error}") })
    }

    /// Checks a media type that a user gave, such as `image/png`, or an extension of files, such as `png`.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`] if it is too long or has other characters than media types have.
    pub fn media_type(text: &str) -> Result<String, Error> {
        let text = text.trim().trim_start_matches('.').to_ascii_lowercase();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/+-.".contains(c);
        if (1..=MAX_TYPE).contains(&text.len()) && text.chars().all(allowed) {
            return Ok(text);
        }
        let reason = "neither a media type, such as image/png, nor an extension, such as png".into();
        Err(Error::Invalid { field: "type", reason })
    }

    /// Whether an image meets every condition.
    pub fn lets_through(&self, image: &ImageRecord) -> bool {
        self.status.is_none_or(|status| image.status() == status)
            && (!self.unfinished || matches!(image.status(), Status::Pending | Status::Storing))
            && self.tags.iter().all(|tag| image.tags.iter().any(|other| is_same_tag(other, tag)))
            && self.since.is_none_or(|since| since <= image.created)
            && self.until.is_none_or(|until| image.created < until)
            && self.media_type.as_ref().is_none_or(|asked| image.content().is_ok_and(|it| is_of_type(it, asked)))
            && (self.host.is_none() || host_of(image) == self.host)
            && (self.phrase.is_empty() || self.phrase.matches(&words_of(image)))
    }

    /// The conditions of the index that every such image meets.
    fn clauses(&self) -> Vec<Clause> {
        let mut clauses: Vec<_> = self.tags.iter().map(|tag| Clause::Term(format!("t:{}", normal(tag)))).collect();
        clauses.extend(Clause::of_phrase(&self.phrase));
        clauses.extend(self.host.as_ref().map(|host| Clause::Term(format!("h:{host}"))));
        clauses.extend(self.media_type.as_ref().map(|asked| Clause::Term(format!("m:{asked}"))));
        if self.since.is_some() || self.until.is_some() {
            clauses.push(Clause::months(self.since, self.until));
        }
        clauses.extend(self.status.map(|status| Clause::Term(format!("s:{}", status.as_str()))));
        clauses
    }

    fn is_unfinished(&self) -> bool {
        self.unfinished || matches!(self.status, Some(Status::Pending | Status::Storing))
    }
}

/// About how many images a search finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// As many as the index names. Records decide, so there may be a few less.
    pub images: u64,
    /// Whether these are all, and not only those that were counted before the limit.
    pub is_all: bool,
}

/// A tag, and how many images have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagCount {
    /// The tag.
    pub tag: String,
    /// Images of every status that have it.
    pub images: u64,
}

/// One page of tags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// The tags, sorted by code points.
    pub tags: Vec<TagCount>,
    /// The tag after which the next page begins; `None` on the last page.
    pub next: Option<String>,
    /// Whether the vault has no index, so that its tags are not known.
    pub unindexed: bool,
}

/// Ready images of one media type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatCount {
    /// The media type.
    pub media_type: String,
    /// How many there are.
    pub images: u64,
    /// Bytes of their originals.
    pub original_bytes: u64,
    /// Packed bytes; content that several images share counts for each.
    pub stored_bytes: u64,
}

/// Ready images that were accepted on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCount {
    /// The day in UTC, such as `2026-11-26`.
    pub day: String,
    /// How many there are.
    pub images: u64,
    /// Bytes of their originals.
    pub original_bytes: u64,
    /// Packed bytes; content that several images share counts for each.
    pub stored_bytes: u64,
}

/// Numbers over all ready images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    /// By media type, sorted by it.
    pub formats: Vec<FormatCount>,
    /// By day, oldest first.
    pub days: Vec<DayCount>,
}

impl Numbers {
    /// By month, oldest first: `day` is then a month, such as `2026-11`.
    pub fn months(&self) -> Vec<DayCount> {
        let mut months = Vec::<DayCount>::new();
        for day in &self.days {
            let month = day.day.get(..7).unwrap_or(&day.day);
            match months.last_mut() {
                Some(last) if last.day == month => {
                    last.images += day.images;
                    last.original_bytes = last.original_bytes.saturating_add(day.original_bytes);
                    last.stored_bytes = last.stored_bytes.saturating_add(day.stored_bytes);
                }
                _ => months.push(DayCount { day: month.to_owned(), ..day.clone() }),
            }
        }
        months
    }
}

impl<P: Ports> Vault<P> {
    /// Lists images that come after `cursor` in the order: [`Page::next`] of the page before; `None` for the first
    /// page.
    ///
    /// The page has `limit` images or is the last, unless finding them took more work than one call does, or their text
    /// is long.
    pub async fn list(&self, filter: &Filter, order: Order, cursor: Option<u64>, limit: usize) -> Result<Page, Error> {
        check_limit(limit)?;
        if let (Some(since), Some(until)) = (filter.since, filter.until)
            && since >= until
        {
            let reason = "it must be later than since".into();
            return Err(Error::Invalid { field: "until", reason });
        }
        // The first number that may be on the page.
        let newest = self.store.count(Vaultwide::Feed).await?;
        let first = match (order, cursor) {
            (Order::Newest, None) => Some(newest),
            (Order::Newest, Some(cursor)) => order.after(cursor).map(|first| first.min(newest)),
            (Order::Oldest, None) => Some(1),
            (Order::Oldest, Some(cursor)) => order.after(cursor),
        };
        let none = Page { images: Vec::new(), next: None, unindexed: false };
        let Some(first) = first else { return Ok(none) };
        let clauses = filter.clauses();
        if clauses.is_empty() && !filter.unfinished {
            return self.walk(filter, order, 0, first, newest, limit).await;
        }
        if filter.is_unfinished() {
            // Every earlier image is ready, failed or removed.
            let settled = self.store.mark(Vaultwide::Settled).await?.unwrap_or(0);
            return self.walk(filter, order, settled, first, newest, limit).await;
        }
        match self.search(filter, &clauses, order, first, limit).await {
            Ok(Some(page)) => Ok(page),
            // An index that is missing or damaged must not hide the images.
            Ok(None) | Err(Error::Corrupt(_) | Error::Newer(_)) => {
                let page = self.walk(filter, order, 0, first, newest, limit).await?;
                Ok(Page { unindexed: true, ..page })
            }
            Err(error) => Err(error),
        }
    }

    /// Walks along the feed from number `first` on, over the numbers after `before` up to `newest`.
    async fn walk(
        &self,
        filter: &Filter,
        order: Order,
        before: u64,
        first: u64,
        newest: u64,
        limit: usize,
    ) -> Result<Page, Error> {
        let numbers = match order {
            Order::Newest => before + 1..=first,
            Order::Oldest => first.max(before + 1)..=newest,
        };
        let (first, end) = (*numbers.start(), *numbers.end());
        let nth = |n: u64| if order == Order::Newest { end.saturating_sub(n) } else { first.saturating_add(n) };
        let count = if first > end { 0 } else { (end - first).saturating_add(1) };
        let entries = futures::stream::iter((0..count).map(nth).take(MAX_SCAN))
            .map(async |seq| Ok::<_, Error>((seq, passing_over(self.store.feed(seq).await)?)))
            .buffered(AT_ONCE);
        let (mut images, mut text, mut looked_at, mut last) = (Vec::new(), 0, 0, None);
        // Dropped with its requests that nobody needs, before the records of those that are listed are read.
        let mut entries = Box::pin(entries);
        while images.len() < limit
            && text < MAX_TEXT
            && let Some((seq, image)) = entries.try_next().await?
        {
            if let Some(image) = image.filter(|image| filter.lets_through(image)) {
                text += size_of_text(&image);
                images.push(image);
            }
            (looked_at, last) = (looked_at + 1, Some(seq));
        }
        drop(entries);
        Ok(Page {
            images: self.all_as_stored(images).await?,
            next: last.filter(|_| looked_at < count),
            unindexed: false,
        })
    }

    /// Searches by the index. `None` if there is none.
    async fn search(
        &self,
        filter: &Filter,
        clauses: &[Clause],
        order: Order,
        first: u64,
        limit: usize,
    ) -> Result<Option<Page>, Error> {
        let Some(index) = self.store.index().await? else { return Ok(None) };
        let mut search = index.search(clauses, order, first).await?;
        let (mut images, mut text, mut looked_at) = (Vec::<ImageRecord>::new(), 0, 0);
        let next = loop {
            let seq = match search.next().await? {
                // These are no feed numbers, and come after all of them.
                Found::Image(seq) | Found::Spent(seq) if seq >= LIKENESS => break None,
                Found::Image(seq) => seq,
                Found::Spent(seq) => break Some(order.before(seq)),
                Found::End => break None,
            };
            if looked_at == MAX_SCAN {
                break Some(order.before(seq));
            }
            looked_at += 1;
            let image = passing_over(self.store.feed(seq).await)?.filter(|image| filter.lets_through(image));
            let Some(image) = image else { continue };
            if images.len() == limit || text >= MAX_TEXT {
                // There is one more.
                break Some(order.before(seq));
            }
            text += size_of_text(&image);
            images.push(image);
        };
        Ok(Some(Page { images: self.all_as_stored(images).await?, next, unindexed: false }))
    }

    /// Counts what the index names for a filter, up to `most`. `None` if the index cannot say: without conditions or an
    /// index, for images under way, and for times, which it knows by the month.
    pub async fn estimate(&self, filter: &Filter, most: u64) -> Result<Option<Estimate>, Error> {
        let clauses = filter.clauses();
        if clauses.is_empty() || filter.is_unfinished() || filter.since.is_some() || filter.until.is_some() {
            return Ok(None);
        }
        let newest = self.store.count(Vaultwide::Feed).await?;
        let counted = async {
            let Some(index) = self.store.index().await? else { return Ok(None) };
            let mut search = index.search(&clauses, Order::Newest, newest).await?;
            let mut images = 0;
            let is_all = loop {
                match search.next().await? {
                    Found::Image(_) if images < most => images += 1,
                    Found::Image(_) | Found::Spent(_) => break false,
                    Found::End => break true,
                }
            };
            Ok(Some(Estimate { images, is_all }))
        };
        passing_over(counted.await)
    }

    /// Records as readers see them.
    async fn all_as_stored(&self, images: Vec<ImageRecord>) -> Result<Vec<ImageRecord>, Error> {
        futures::stream::iter(images).map(|image| self.as_stored(image)).buffered(AT_ONCE).try_collect().await
    }

    /// Lists the tags that begin with `start` and come after `after`, with the numbers of their images.
    pub async fn tags(&self, start: &str, after: Option<&str>, limit: usize) -> Result<Tags, Error> {
        if !(1..=MAX_TAGS).contains(&limit) {
            let reason = format!("it must be from 1 to {MAX_TAGS}, not {limit}");
            return Err(Error::Invalid { field: "limit", reason });
        }
        let of = |tag: &str| format!("{COUNTED}t:{tag}");
        let after = after.map(of).unwrap_or_default();
        let start = normal(start);
        let Some(Counted { counts, next }) = self.counts(&of(&start), &after, limit).await? else {
            return Ok(Tags { unindexed: true, ..Tags::default() });
        };
        let tag = |term: &str| term.strip_prefix(&of("")).unwrap_or_default().to_owned();
        let tags = counts.iter().map(|(term, [images, ..])| TagCount { tag: tag(term), images: unsigned(*images) });
        Ok(Tags { tags: tags.collect(), next: next.as_deref().map(tag), unindexed: false })
    }

    /// Counts ready images by media type and by day. `None` if the vault has no index.
    pub async fn numbers(&self) -> Result<Option<Numbers>, Error> {
        let of = |kind: &str| format!("{COUNTED}{kind}:");
        let Some(formats) = self.counts(&of("m"), "", MAX_NUMBERS).await? else { return Ok(None) };
        let Some(days) = self.counts(&of("d"), "", MAX_NUMBERS).await? else { return Ok(None) };
        let rest = |term: &str, kind: &str| term.strip_prefix(&of(kind)).unwrap_or_default().to_owned();
        let format = |(term, [images, original, stored]): &(String, [i64; 3])| FormatCount {
            media_type: rest(term, "m"),
            images: unsigned(*images),
            original_bytes: unsigned(*original),
            stored_bytes: unsigned(*stored),
        };
        let day = |(term, [images, original, stored]): &(String, [i64; 3])| DayCount {
            day: rest(term, "d"),
            images: unsigned(*images),
            original_bytes: unsigned(*original),
            stored_bytes: unsigned(*stored),
        };
        Ok(Some(Numbers {
            formats: formats.counts.iter().map(format).collect(),
            days: days.counts.iter().map(day).collect(),
        }))
    }

    /// Counts; `None` if there is no index, or if it is damaged.
    async fn counts(&self, prefix: &str, after: &str, most: usize) -> Result<Option<Counted>, Error> {
        let counts = async {
            match self.store.index().await? {
                Some(index) => index.counts(prefix, after, most).await.map(Some),
                None => Ok(None),
            }
        };
        passing_over(counts.await)
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}
