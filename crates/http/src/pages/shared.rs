//! `POST /tags/{tag}/links` signs a link to a tag; `/shared/{link}` and what is below it show its holder the images of that
//! tag, and nothing else.

use askama::Template;
use burrow_model::json::Image;
use burrow_model::key::ImageId;
use burrow_model::record::{ImageRecord, State};
use burrow_model::status::Status;
use burrow_model::time::timestamp;
use burrow_vault::ports::{ByteSource, Ports};
use burrow_vault::vault::{Filter, Label, Order};
use http::{StatusCode, header};
use serde_json::json;

use crate::access::links::Share;
use crate::api::feed::Feed;
use crate::api::images::{cursor, seconds_of};
use crate::api::json::response;
use crate::api::selection::MAX_MANY;
use crate::message::{Answer, RESOURCE_POLICY, SAME_SITE, set, varying};
use crate::pages::card::Card;
use crate::pages::detail::is_shown;
use crate::pages::frame::{Frame, Moment, html};
use crate::problem::Problem;
use crate::protocol::negotiation::wants_html;
use crate::route::Shared;
use crate::service::{Head, Service};
use crate::texts::Language;

#[derive(Template)]
#[template(path = "share-link.html")]
struct Signed {
    frame: Frame,
    tag: String,
    path: String,
    expires: Moment,
}

#[derive(Template)]
#[template(path = "shared.html")]
struct List<'a> {
    language: Language,
    prefix: &'a str,
    tag: &'a str,
    expires: Moment,
    cards: Vec<Card>,
    /// The query of this page.
    at: String,
    next: Option<u64>,
}

#[derive(Template)]
#[template(path = "shared-image.html")]
struct One<'a> {
    language: Language,
    prefix: &'a str,
    tag: &'a str,
    id: String,
    name: &'a str,
    media_type: &'a str,
    dimensions: Option<(u32, u32)>,
    size: String,
    created: Moment,
    is_shown: bool,
}

impl<P: Ports> Service<P> {
    /// `POST /tags/{tag}/links`.
    pub(crate) async fn share(&self, head: Head<'_>, tag: &str, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let seconds = seconds_of(body, &self.settings).await?;
        let tags = Label::new(None, &[tag.to_owned()])?.tags;
        let tag = tags.first().ok_or_else(Problem::nothing_there)?;
        let expires = self.vault.now() / 1000 + seconds;
        let path = self.settings.link_keys.sign_tag(tag, expires).ok_or_else(Problem::no_links)?;
        if wants_html(head.headers) {
            let frame = self.frame(head.headers);
            let expires = Moment::new(expires * 1000, frame.language);
            let page = Signed { frame, tag: tag.clone(), path, expires };
            return Ok(html(StatusCode::CREATED, &page)?.into());
        }
        let body = json!({ "path": path, "expires": timestamp(expires * 1000) });
        Ok(response(StatusCode::CREATED, &body).into())
    }

    /// Answers the holder of a link.
    pub(crate) async fn shared(&self, head: Head<'_>, link: &str, what: Shared) -> Result<Answer<P>, Problem> {
        let share = &self.settings.link_keys.share(link, self.vault.now() / 1000)?;
        let prefix = &format!("/shared/{link}");
        match what {
            Shared::List => self.shared_list(head, prefix, share).await,
            Shared::Archive => self.shared_archive(head, prefix, share).await,
            Shared::Feed => {
                head.query.only(&[], &[])?;
                let feed = Feed {
                    title: share.tag.clone(),
                    filter: filter(share),
                    here: format!("{prefix}/feed.atom"),
                    page: prefix.clone(),
                    prefix: prefix.clone(),
                    tags: Some(std::slice::from_ref(&share.tag)),
                };
                self.atom(head.headers, feed).await
            }
            Shared::Image(id) => self.shared_image(head, prefix, share, id).await,
            Shared::Content(id) => self.content(head, &self.image_of(share, id).await?).await,
            Shared::Thumbnail(id) => {
                let mut answer = self.thumbnail(head, &self.image_of(share, id).await?).await?;
                let headers = answer.response.headers_mut();
                // Caches that others share must not keep what needs the link.
                set(headers, header::CACHE_CONTROL, "private, max-age=3600");
                headers.insert(RESOURCE_POLICY, SAME_SITE);
                Ok(answer)
            }
        }
    }

    /// A ready image that has the shared tag; any other is not there.
    async fn image_of(&self, share: &Share, id: ImageId) -> Result<ImageRecord, Problem> {
        let image = self.vault.get(id).await?;
        let is_shared = matches!(image.state, State::Ready(_)) && filter(share).lets_through(&image);
        if is_shared { Ok(image) } else { Err(burrow_model::error::Error::NotFound.into()) }
    }

    async fn shared_list(&self, head: Head<'_>, prefix: &str, share: &Share) -> Result<Answer<P>, Problem> {
        let query = head.query.only(&["cursor"], &[])?;
        let page = self.vault.list(&filter(share), Order::Newest, cursor(query)?, self.settings.page_size).await?;
        let placeholders = self.vault.placeholders(&page.images).await?;
        let expires = share.expires * 1000;
        if !wants_html(head.headers) {
            let images: Vec<_> = page.images.iter().map(|image| json_of(image, prefix, share)).collect();
            let next = page.next.map(|next| next.to_string());
            let body = json!({ "tag": share.tag, "expires": timestamp(expires), "images": images, "next": next });
            return Ok(varying(response(StatusCode::OK, &body)).into());
        }
        let language = Language::of(head.headers);
        let card = |(image, hash): (&ImageRecord, &Option<String>)| Card::new(image, hash.as_deref(), language);
        let at = query.get("cursor").map(|cursor| format!("?cursor={cursor}")).unwrap_or_default();
        let list = List {
            language,
            prefix,
            tag: &share.tag,
            expires: Moment::new(expires, language),
            cards: page.images.iter().zip(&placeholders).map(card).collect(),
            at,
            next: page.next,
        };
        Ok(html(StatusCode::OK, &list)?.into())
    }

    /// The images of the tag as a ZIP file: the newest from the cursor on. If there are more, `Link` has the next part.
    async fn shared_archive(&self, head: Head<'_>, prefix: &str, share: &Share) -> Result<Answer<P>, Problem> {
        let cursor = cursor(head.query.only(&["cursor"], &[])?)?;
        let page = self.vault.list(&filter(share), Order::Newest, cursor, MAX_MANY).await?;
        let ids: Vec<_> = page.images.iter().map(|image| image.id).collect();
        if ids.is_empty() {
            return Err(Problem::nothing_there());
        }
        let mut answer = self.archive_of(ids).await?;
        if let Some(next) = page.next {
            let link = format!("<{prefix}/archive?cursor={next}>; rel=\"next\"");
            set(answer.response.headers_mut(), header::LINK, link);
        }
        Ok(answer)
    }

    async fn shared_image(
        &self,
        head: Head<'_>,
        prefix: &str,
        share: &Share,
        id: ImageId,
    ) -> Result<Answer<P>, Problem> {
        head.query.only(&[], &[])?;
        let image = self.image_of(share, id).await?;
        if !wants_html(head.headers) {
            return Ok(varying(response(StatusCode::OK, &json_of(&image, prefix, share))).into());
        }
        let (content, language) = (image.content()?, Language::of(head.headers));
        let one = One {
            language,
            prefix,
            tag: &share.tag,
            id: image.id.to_string(),
            name: &image.name,
            media_type: &content.media_type,
            dimensions: content.appearance.dimensions,
            size: language.bytes(content.size),
            created: Moment::new(image.created, language),
            is_shown: is_shown(content),
        };
        Ok(html(StatusCode::OK, &one)?.into())
    }
}

/// The shared images.
fn filter(share: &Share) -> Filter {
    Filter { tags: vec![share.tag.clone()], status: Some(Status::Ready), ..Filter::default() }
}

/// The record of a shared image: without its origin and its other tags.
fn json_of<'a>(image: &'a ImageRecord, prefix: &str, share: &'a Share) -> Image<'a> {
    let mut shown = Image { url: None, referrer: None, tags: std::slice::from_ref(&share.tag), ..Image::from(image) };
    if let Some(content) = &mut shown.content {
        content.path = format!("{prefix}{}", content.path);
    }
    shown
}
