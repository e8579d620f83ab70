//! `GET /tags` as a page: the tags with the numbers of their images.

use askama::Template;
use burrow_vault::ports::Ports;
use burrow_vault::vault::Tags;
use http::StatusCode;

use crate::message::Answer;
use crate::pages::frame::{Frame, html};
use crate::pages::search::path;
use crate::problem::Problem;
use crate::service::{Head, Service};

#[derive(Template)]
#[template(path = "tags.html")]
struct TagsPage<'a> {
    frame: Frame,
    tags: Vec<Tag>,
    prefix: &'a str,
    /// The path of the next page.
    next: Option<String>,
    unindexed: bool,
}

struct Tag {
    name: String,
    images: String,
    /// The path of its images.
    path: String,
}

impl<P: Ports> Service<P> {
    /// Answers with a page of tags.
    pub(crate) fn tags_page(&self, head: Head<'_>, prefix: &str, tags: Tags) -> Result<Answer<P>, Problem> {
        let next = tags.next.map(|next| {
            let prefix = Some(("prefix", prefix)).filter(|(_, prefix)| !prefix.is_empty());
            path("/tags", prefix.into_iter().chain([("cursor", next.as_str())]))
        });
        let frame = self.frame(head.headers);
        let tag = |tag: burrow_vault::vault::TagCount| Tag {
            path: path("/", [("tag", tag.tag.as_str())]),
            images: frame.language.number(tag.images),
            name: tag.tag,
        };
        let page =
            TagsPage { frame, tags: tags.tags.into_iter().map(tag).collect(), prefix, next, unindexed: tags.unindexed };
        Ok(html(StatusCode::OK, &page)?.into())
    }
}
