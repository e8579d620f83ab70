//! `GET /images/{id}/thumbnail`: a thumbnail, or the original or a stand-in in its place.

use askama::Template;
use burrow_model::record::{Content, ImageRecord};
use burrow_vault::ports::Ports;
use burrow_vault::sniff::extension;
use burrow_vault::thumbnail::{WIDTHS, is_decoded};
use burrow_vault::vault::Shown;
use http::{HeaderValue, Response, StatusCode, header};

use crate::api::content::SANDBOX;
use crate::message::{Answer, respond, set};
use crate::problem::Problem;
use crate::service::{Head, Service};

/// The width unless the query says otherwise, in pixels.
const WIDTH: u32 = 320;

/// The largest original that is sent if its thumbnail cannot be drawn, in bytes.
const MAX_INSTEAD: u64 = 2 * 1024 * 1024;

/// The most pixels of an original that a page shows: browsers hold all of them in memory.
const MAX_PIXELS: u64 = 25_000_000;

/// The media type of icons. An icon holds images, some in formats that Burrow does not decode.
const ICON: &str = "image/vnd.microsoft.icon";

/// `Cache-Control` of the stand-in if no host can draw the thumbnail; a later version of Burrow may.
const FOR_AN_HOUR: &str = "private, max-age=3600";

/// `Cache-Control` of the stand-in if another host may draw the thumbnail soon.
const FOR_NOW: &str = "no-cache";

/// The stand-in for a thumbnail that cannot be drawn: a picture with the format's name.
#[derive(Template)]
#[template(path = "no-picture.svg")]
struct NoPicture<'a> {
    format: &'a str,
    why: &'a str,
}

impl<P: Ports> Service<P> {
    /// Answers with a thumbnail. Its original never changes, so caches may keep it.
    pub(crate) async fn thumbnail(&self, head: Head<'_>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
        let width = head.query.only(&["w"], &[])?.get("w").map_or(Ok(WIDTH), str::parse);
        let width = width.map_err(|_| Problem::invalid("w", format!("thumbnails are {WIDTHS:?} pixels wide")))?;
        let content = image.content()?;
        let is_shown = browsers_show(content, head.headers);
        let (why, cache) = match self.vault.thumbnail(image, width).await? {
            Shown::Picture { media_type, bytes, .. } => {
                let mut response: Response<_> = respond(StatusCode::OK, "image/jpeg", bytes);
                set(response.headers_mut(), header::CONTENT_TYPE, media_type);
                set(response.headers_mut(), header::CACHE_CONTROL, self.immutable());
                return Ok(response.into());
            }
            Shown::Original => return self.whole(head, image).await,
            // If Burrow decodes the format and still could not draw this original, it would only keep the browser busy.
            // Icons are small enough to send.
            Shown::Nothing(_) if is_shown && (!is_decoded(&content.media_type) || content.media_type == ICON) => {
                return self.whole(head, image).await;
            }
            Shown::UnsupportedHere(_) if is_shown => return self.whole(head, image).await,
            Shown::Nothing(why) => (why, FOR_AN_HOUR),
            Shown::UnsupportedHere(why) => (why, FOR_NOW),
            Shown::NotYet => return Err(Problem::drawing()),
        };
        let picture = NoPicture { format: &extension(&content.media_type).to_uppercase(), why: &why };
        let bytes = picture.render().map_err(|_| Problem::internal())?.into_bytes();
        let mut response = respond(StatusCode::OK, "image/svg+xml", bytes);
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
        set(response.headers_mut(), header::CACHE_CONTROL, cache);
        set(response.headers_mut(), header::VARY, "accept");
        Ok(response.into())
    }

    /// Sends the original in place of a thumbnail.
    async fn whole(&self, head: Head<'_>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
        let mut headers = head.headers.clone();
        // Thumbnails have no ranges, so neither has the original in their place.
        headers.remove(header::RANGE);
        let mut answer = self.content(Head { headers: &headers, ..head }, image).await?;
        set(answer.response.headers_mut(), header::VARY, "accept, accept-encoding");
        set(answer.response.headers_mut(), header::ACCEPT_RANGES, "none");
        Ok(answer)
    }

    /// `Cache-Control` of answers that never change. Only if reading needs no token may shared caches keep them.
    pub(crate) fn immutable(&self) -> &'static str {
        if self.settings.read_tokens.is_empty() {
            "public, max-age=31536000, immutable"
        } else {
            "private, max-age=31536000, immutable"
        }
    }
}

/// Whether an original is known to have few enough pixels for a page.
pub(crate) fn has_few_pixels(content: &Content) -> bool {
    content.appearance.dimensions.is_some_and(|(width, height)| u64::from(width) * u64::from(height) <= MAX_PIXELS)
}

/// Whether a browser can show an original in place of its thumbnail. `Accept` names the newer formats that it can show.
fn browsers_show(content: &Content, headers: &http::HeaderMap) -> bool {
    if content.size > MAX_INSTEAD || !has_few_pixels(content) {
        return false;
    }
    let accepted = headers.get_all(header::ACCEPT).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    match content.media_type.as_str() {
        "image/webp" | ICON => true,
        new => accepted.flat_map(|value| value.split([',', ';'])).any(|word| word.trim().eq_ignore_ascii_case(new)),
    }
}
