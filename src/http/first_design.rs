//! The routes of the first design, a Go back end behind Flask pages: they work unchanged.

use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::json::{AddByUrl, Image, response, timestamp};
use super::problem::Problem;
use super::{Answer, Request, content, page, wants_html};
use crate::ports::{ByteSource, Ports};
use crate::record::Status;
use crate::vault::Vault;

/// Images listed in `/basic_stats`.
const LISTED: usize = 100;

/// `POST /upload`, `POST /process_image`: answered at once, done in the background.
pub(super) async fn upload<P: Ports>(
    vault: &Vault<P>,
    request: Request<impl ByteSource>,
) -> Result<Answer<P>, Problem> {
    let (url, label) = AddByUrl::read(request.body).await?.checked()?;
    let record = vault.accept(&url, &label).await?;
    let body = json!({ "status": "done", "id": record.id, "name": record.name });
    Ok(Answer { response: response(StatusCode::OK, &body), job: Some(record) })
}

/// `GET /basic_stats`.
pub(super) async fn basic_stats<P: Ports>(vault: &Vault<P>) -> Result<Answer<P>, Problem> {
    let statistics = vault.statistics().await?;
    let page = vault.list(None, LISTED).await?;
    let ready = page.images.iter().filter(|image| image.status() == Status::Ready);
    let body = json!({
        "num_images": statistics.images,
        "last_uploaded": statistics.last_uploaded.map(timestamp),
        "images": ready.map(Image::from).collect::<Vec<_>>(),
    });
    Ok(response(StatusCode::OK, &body).into())
}

/// `GET /image/{name}`: a page with the picture for a browser, the picture for a program.
pub(super) async fn image<P: Ports>(vault: &Vault<P>, name: &str, headers: &HeaderMap) -> Result<Answer<P>, Problem> {
    let record = vault.get_by_name(name).await?;
    if wants_html(headers) { page::image(&record) } else { content::response(vault, &record).await }
}
