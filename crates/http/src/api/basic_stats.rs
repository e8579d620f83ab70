//! `GET /basic_stats`, for front ends of the first design.
//!
//! That design was a Go back end behind Flask pages. Its front ends work unchanged.

use burrow_model::json::Image;
use burrow_model::status::Status;
use burrow_model::time::timestamp;
use burrow_vault::ports::Ports;
use burrow_vault::vault::{Filter, Order};
use http::StatusCode;
use serde_json::json;

use crate::api::json::response;
use crate::message::Answer;
use crate::problem::Problem;
use crate::service::Service;

/// How many images `/basic_stats` lists.
const LISTED: usize = 100;

impl<P: Ports> Service<P> {
    /// `GET /basic_stats`.
    pub(crate) async fn basic_stats(&self) -> Result<Answer<P>, Problem> {
        let statistics = self.vault.statistics().await?;
        let ready = Filter { status: Some(Status::Ready), ..Filter::default() };
        let page = self.vault.list(&ready, Order::Newest, None, LISTED).await?;
        let body = json!({
            "num_images": statistics.images,
            "last_uploaded": statistics.last_uploaded.map(timestamp),
            "images": page.images.iter().map(Image::from).collect::<Vec<_>>(),
        });
        Ok(response(StatusCode::OK, &body).into())
    }
}
