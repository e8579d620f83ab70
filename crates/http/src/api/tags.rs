//! `GET /tags`: tags, with the numbers of their images.

use burrow_model::error::Error;
use burrow_vault::ports::Ports;
use http::{StatusCode, header};

use crate::api::json::{TagList, response};
use crate::message::{Answer, set, varying};
use crate::problem::Problem;
use crate::protocol::negotiation::wants_html;
use crate::service::{Head, Service};

/// Tags of one page, unless the request says otherwise.
const LIMIT: usize = 100;

impl<P: Ports> Service<P> {
    /// `GET /tags`.
    pub(crate) async fn tags(&self, head: Head<'_>) -> Result<Answer<P>, Problem> {
        let query = head.query.only(&["prefix", "cursor", "limit"], &[])?;
        let limit = query.get("limit").map(|limit| {
            let reason = "not a whole number from 1 to 1000".to_owned();
            limit.parse().map_err(|_| Error::Invalid { field: "limit", reason })
        });
        let prefix = query.get("prefix").unwrap_or_default();
        let tags = self.vault.tags(prefix, query.get("cursor"), limit.transpose()?.unwrap_or(LIMIT)).await?;
        if wants_html(head.headers) {
            return self.tags_page(head, prefix, tags);
        }
        let mut response = varying(response(StatusCode::OK, &TagList::new(&tags)));
        if let Some(next) = &tags.next {
            let mut pairs = url::form_urlencoded::Serializer::for_suffix(String::from("/tags?"), 6);
            pairs.extend_pairs(query.pairs().filter(|(name, _)| *name != "cursor"));
            let link = format!("<{}>; rel=\"next\"", pairs.append_pair("cursor", next).finish());
            set(response.headers_mut(), header::LINK, link);
        }
        Ok(response.into())
    }
}
