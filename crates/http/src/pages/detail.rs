//! The page of one image.

use askama::Template;
use burrow_model::appearance::{Appearance, Orientation};
use burrow_model::error::Error;
use burrow_model::record::{Content, ImageRecord};
use burrow_vault::ports::Ports;
use burrow_vault::vault::{Filter, Order};
use http::StatusCode;

use crate::api::images::{LISTING, filter, order};
use crate::api::notice;
use crate::api::thumbnail::has_few_pixels;
use crate::message::Answer;
use crate::pages::card::{Coming, Look, failure, saving, stored};
use crate::pages::copy::{Copied, forms};
use crate::pages::frame::{Frame, Moment, html};
use crate::pages::search::Search;
use crate::problem::Problem;
use crate::protocol::address::address;
use crate::service::{Head, Service};
use crate::texts::{Language, Text};

#[derive(Template)]
#[template(path = "image.html")]
struct One {
    frame: Frame,
    id: String,
    name: String,
    tags: Vec<String>,
    source: Option<String>,
    referrer: Option<String>,
    status: &'static str,
    /// How often the image was downloaded, if it was.
    attempts: Option<String>,
    error: Option<String>,
    /// How far its download has come, if that takes a while.
    coming: Option<Coming>,
    created: Moment,
    updated: Moment,
    facts: Option<Facts>,
    /// Whether links can be signed.
    has_links: bool,
    /// A link that was just signed, and when it expires.
    link: Option<(String, Moment)>,
    /// The address of this service, if the request says it.
    address: String,
    copies: [Copied; 3],
    /// Images that look like this one.
    similar: Vec<Other>,
    /// The path of this page, in its search.
    here: String,
    /// The path of the gallery, at this image.
    back: String,
    /// The paths of the images before and after this one in the search that led here.
    previous: Option<String>,
    next: Option<String>,
    /// Where a deletion leads: to an image beside this one, or to the gallery.
    after: String,
    told: Option<String>,
}

/// Another image.
struct Other {
    id: String,
    name: String,
}

/// Facts about the content of a ready image.
struct Facts {
    media_type: String,
    appearance: Appearance,
    /// The largest thumbnail's width and height; none if the image's are not known.
    shown: Option<(u32, u32)>,
    size: String,
    bytes: u64,
    stored: Text,
    /// How much smaller it is stored, if it is.
    saved: Option<Text>,
    /// Why it is not repacked; empty if it is, or nobody knows yet.
    kept: String,
    sha256: String,
    look: Look,
    /// Whether every browser can show the original itself.
    is_shown: bool,
    /// Whether a part of the picture is missing.
    is_cut: bool,
    /// How the stored picture is turned to be shown, if it is.
    turned: Option<Text>,
}

/// The width of the thumbnail that the page shows.
const THUMBNAIL: u32 = 1280;

/// The largest original that the page shows, in bytes; of a larger one it shows the largest thumbnail, with a link.
const MAX_SHOWN: u64 = 64 * 1024 * 1024;

/// The largest moving original that the page shows without scripts: a thumbnail does not move.
const MAX_MOVING: u64 = 8 * 1024 * 1024;

/// The most similar images that the page shows.
const SIMILAR: usize = 8;

/// Whether the page shows an original itself: if every browser can show its format, and it is not too large for one.
pub(crate) fn is_shown(content: &Content) -> bool {
    content.size <= MAX_SHOWN
        && has_few_pixels(content)
        && matches!(
            content.media_type.as_str(),
            "image/jpeg" | "image/png" | "image/gif" | "image/webp" | "image/avif" | "image/bmp"
        )
}

impl Facts {
    fn new(content: &Content, is_cut: bool, kept: Option<String>, language: Language) -> Self {
        let shrunk = |(width, height): (u32, u32)| {
            let shown = width.min(THUMBNAIL);
            let height = u64::from(height) * u64::from(shown) / u64::from(width.max(1));
            (shown, u32::try_from(height.max(1)).unwrap_or(u32::MAX))
        };
        Self {
            media_type: content.media_type.clone(),
            appearance: content.appearance,
            shown: content.appearance.upright().map(shrunk),
            size: language.bytes(content.size),
            bytes: content.size,
            stored: stored(content, language),
            saved: saving(content.size, content.stored_size, language),
            kept: kept.unwrap_or_default(),
            sha256: content.sha256.to_string(),
            look: Look::new(content),
            is_shown: is_shown(content),
            is_cut,
            turned: content.appearance.orientation.and_then(|orientation| turned(orientation, language)),
        }
    }

    /// Whether the page shows the original without scripts, too.
    fn is_moving(&self) -> bool {
        self.is_shown && self.appearance.is_animated == Some(true) && self.bytes <= MAX_MOVING
    }
}

/// How pixels are turned to be shown; `None` if they are shown as they are stored.
fn turned(orientation: Orientation, language: Language) -> Option<Text> {
    Some(match orientation.number() {
        2 => language.say("mirrored"),
        3 => language.say("turned by 180°"),
        4 => language.say("mirrored, then turned by 180°"),
        5 => language.say("mirrored, then turned by 270° clockwise"),
        6 => language.say("turned by 90° clockwise"),
        7 => language.say("mirrored, then turned by 90° clockwise"),
        8 => language.say("turned by 270° clockwise"),
        _ => return None,
    })
}

impl<P: Ports> Service<P> {
    /// Answers with the page of an image.
    pub(crate) async fn detail(&self, head: Head<'_>, record: &ImageRecord) -> Result<Answer<P>, Problem> {
        self.detail_with(head, record, None).await
    }

    /// Answers with the page of an image, and on it a link that was just signed.
    pub(crate) async fn detail_with(
        &self,
        head: Head<'_>,
        record: &ImageRecord,
        link: Option<(String, u64)>,
    ) -> Result<Answer<P>, Problem> {
        // The query is that of the search that led here. One that cannot be read leads through all images.
        let query = head.query.only(&[&["cursor", "told", "count"], &LISTING[..]].concat(), &["tag"]);
        let query = query.cloned().unwrap_or_default().without_empty();
        let (filter, order) =
            filter(&query).map_err(Problem::from).and_then(|it| Ok((it, order(&query)?))).unwrap_or_default();
        let (previous, next) = self.beside(record, &filter, order).await?;
        let search = Search::new(&query);
        let id = record.id.to_string();
        let page = |id: &String| search.image(id);
        let is_cut = self.vault.is_cut(record).await?;
        let kept = record.content().ok().and_then(|content| {
            let told = &content.repacking;
            told.kept.clone().or_else(|| self.vault.never_repacked(content).filter(|_| told.unpack_ms.is_none()))
        });
        let address = address(head.headers).unwrap_or_default();
        let frame = self.frame(head.headers);
        let language = frame.language;
        let page = One {
            frame,
            name: record.name.clone(),
            tags: record.tags.clone(),
            source: record.source.clone(),
            referrer: record.referrer.clone(),
            status: record.status().as_str(),
            attempts: (record.attempts > 0).then(|| language.number(record.attempts.into())),
            error: record.failure().map(failure),
            coming: Coming::new(record.progress(), language),
            created: Moment::new(record.created, language),
            updated: Moment::new(record.updated, language),
            facts: record.content().ok().map(|content| Facts::new(content, is_cut, kept, language)),
            has_links: self.settings.link_keys.can_sign(),
            link: link.map(|(path, expires)| (path, Moment::new(expires, language))),
            copies: forms(record, &address),
            address,
            similar: self.similar_shown(record).await,
            here: search.image(&id),
            back: search.around(record),
            after: next.as_ref().or(previous.as_ref()).map_or_else(|| search.here(), page),
            previous: previous.as_ref().map(page),
            next: next.as_ref().map(page),
            id,
            told: notice::read(&query, language),
        };
        Ok(html(StatusCode::OK, &page)?.into())
    }

    /// The images that the page shows as similar.
    async fn similar_shown(&self, record: &ImageRecord) -> Vec<Other> {
        let found = self.vault.similar_at_once(record, SIMILAR).await;
        // What is missing here must not hide the image.
        let images = found.map(|alike| alike.images).unwrap_or_default();
        images.into_iter().map(|it| Other { id: it.image.id.to_string(), name: it.image.name }).collect()
    }

    /// The ids of the images before and after `record` in a search.
    async fn beside(
        &self,
        record: &ImageRecord,
        filter: &Filter,
        order: Order,
    ) -> Result<(Option<String>, Option<String>), Error> {
        let beside = async |order| match self.vault.list(filter, order, Some(record.seq), 1).await {
            Ok(page) => Ok(page.images.first().map(|image| image.id.to_string())),
            // What the search cannot mean does not keep the image from being shown.
            Err(Error::Invalid { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        let (newer, before_it) = (beside(Order::Oldest).await?, beside(Order::Newest).await?);
        Ok(if order == Order::Newest { (newer, before_it) } else { (before_it, newer) })
    }
}
