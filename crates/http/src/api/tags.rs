//! `GET /tags`: tags, with the numbers of their images. `POST /jobs/rename-tag`: renames a tag, or merges it into another.

use std::time::Duration;

use burrow_model::error::Error;
use burrow_vault::ports::{ByteSource, Ports};
use http::{StatusCode, header};

use crate::api::json::{self, RenameTag, Renamed, TagList, response};
use crate::message::{Answer, set, varying};
use crate::problem::Problem;
use crate::protocol::body::read_body;
use crate::protocol::negotiation::wants_html;
use crate::service::{Head, Service};

/// Tags of one page, unless the request says otherwise.
const LIMIT: usize = 100;

/// The shortest time for which a request renames.
const LEAST_RENAMING: Duration = Duration::from_secs(1);

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
        let renaming = self.vault.renaming().await?;
        let mut response = varying(response(StatusCode::OK, &TagList::new(&tags, renaming.as_ref())));
        if let Some(next) = &tags.next {
            let mut pairs = url::form_urlencoded::Serializer::for_suffix(String::from("/tags?"), 6);
            pairs.extend_pairs(query.pairs().filter(|(name, _)| *name != "cursor"));
            let link = format!("<{}>; rel=\"next\"", pairs.append_pair("cursor", next).finish());
            set(response.headers_mut(), header::LINK, link);
        }
        Ok(response.into())
    }

    /// `POST /jobs/rename-tag`: renames until `max_wait` has passed or no image has the old tag. Without a body it goes on
    /// with the renaming that was begun.
    pub(crate) async fn rename_tag(&self, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let bytes = read_body(body, self.settings.max_request_bytes).await?;
        let time = self.settings.max_wait.max(LEAST_RENAMING);
        let renaming = if bytes.is_empty() {
            self.vault.go_on_renaming(time).await?
        } else {
            let RenameTag { from, to } = json::parse(&bytes)?;
            Some(self.vault.rename_tag(&from, &to, time).await?)
        };
        Ok(response(StatusCode::OK, &Renamed::new(renaming.as_ref())).into())
    }
}
