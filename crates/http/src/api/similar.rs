//! `GET /images/{id}/similar`: images that look like another.

use burrow_model::json::Image;
use burrow_model::record::ImageRecord;
use burrow_vault::ports::Ports;
use burrow_vault::vault::Alike;
use http::StatusCode;
use serde::Serialize;

use crate::api::json::response;
use crate::message::Answer;
use crate::problem::Problem;
use crate::service::{Head, Service};

/// How many images are listed unless the query says otherwise.
const LIMIT: usize = 20;

#[derive(Debug, Serialize)]
struct SimilarImages<'a> {
    images: Vec<SimilarImage<'a>>,
    /// Whether the image itself has no likeness.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    incomparable: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unindexed: bool,
}

#[derive(Debug, Serialize)]
struct SimilarImage<'a> {
    distance: u32,
    #[serde(flatten)]
    image: Image<'a>,
}

impl<P: Ports> Service<P> {
    /// Answers with the images that look like this one. Makes its likeness first, if that was not done before.
    pub(crate) async fn similar(&self, head: Head<'_>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
        let limit = head.query.only(&["limit"], &[])?.get("limit").map_or(Ok(LIMIT), str::parse);
        let limit = limit.map_err(|_| Problem::invalid("limit", "limit: a number from 1 to 1000"))?;
        let Alike { images, is_incomparable, unindexed } = self.vault.similar(image, limit).await?;
        let similar = images.iter().map(|it| SimilarImage { distance: it.distance, image: Image::from(&it.image) });
        let body = SimilarImages { images: similar.collect(), incomparable: is_incomparable, unindexed };
        Ok(response(StatusCode::OK, &body).into())
    }
}
