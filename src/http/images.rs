//! `/images`, `/stats`, `/jobs/resume`.

use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use super::json::{AddByUrl, Image, Stats, media_type, response};
use super::problem::Problem;
use super::{Answer, Request, forms};
use crate::error::Error;
use crate::key::ImageId;
use crate::ports::{ByteSource, Ports};
use crate::vault::Vault;

/// Images on a page of the list unless asked otherwise.
const PAGE: usize = 50;

/// `POST /images`: records the job and answers at once; JSON for programs, a form for the page.
pub(super) async fn add<P: Ports>(vault: &Vault<P>, request: Request<impl ByteSource>) -> Result<Answer<P>, Problem> {
    match media_type(&request.headers).as_str() {
        "application/x-www-form-urlencoded" => forms::add(vault, request).await,
        "application/json" | "" => {
            let (url, label) = AddByUrl::read(request.body).await?.checked()?;
            let record = vault.accept(&url, &label).await?;
            let mut response = response(StatusCode::ACCEPTED, &Image::from(&record));
            let location = HeaderValue::try_from(format!("/images/{}", record.id)).ok();
            response.headers_mut().extend(location.map(|location| (header::LOCATION, location)));
            Ok(Answer { response, job: Some(record) })
        }
        other => Err(Problem::unsupported(other, "application/json and application/x-www-form-urlencoded")),
    }
}

/// `GET /images`.
pub(super) async fn list<P: Ports>(vault: &Vault<P>, query: &str) -> Result<Answer<P>, Problem> {
    let (cursor, limit) = page_of(query)?;
    let page = vault.list(cursor, limit).await?;
    let images: Vec<Image<'_>> = page.images.iter().map(Image::from).collect();
    let mut response =
        response(StatusCode::OK, &json!({ "images": images, "next": page.next.map(|next| next.to_string()) }));
    if let Some(next) = page.next {
        let link = HeaderValue::try_from(format!("</images?limit={limit}&cursor={next}>; rel=\"next\"")).ok();
        response.headers_mut().extend(link.map(|link| (header::LINK, link)));
    }
    Ok(response.into())
}

/// `cursor` and `limit` of a query.
pub(super) fn page_of(query: &str) -> Result<(Option<u64>, usize), Problem> {
    let (mut cursor, mut limit) = (None, PAGE);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let number = |field| {
            let reason = format!("{value:?} is not one that Burrow gave, or not a number");
            value.parse::<u64>().map_err(|_| Error::Invalid { field, reason })
        };
        match &*name {
            "cursor" => cursor = Some(number("cursor")?),
            "limit" => limit = usize::try_from(number("limit")?).unwrap_or(usize::MAX),
            _ => {}
        }
    }
    Ok((cursor, limit))
}

/// `GET /images/{id}`.
pub(super) async fn get<P: Ports>(vault: &Vault<P>, id: ImageId) -> Result<Answer<P>, Problem> {
    Ok(response(StatusCode::OK, &Image::from(&vault.get(id).await?)).into())
}

/// `DELETE /images/{id}`.
pub(super) async fn remove<P: Ports>(vault: &Vault<P>, id: ImageId) -> Result<Answer<P>, Problem> {
    vault.remove(id).await?;
    let mut response = response(StatusCode::NO_CONTENT, &json!({}));
    *response.body_mut() = super::Body::Bytes(Vec::new());
    response.headers_mut().remove(header::CONTENT_TYPE);
    Ok(response.into())
}

/// `GET /stats`.
pub(super) async fn stats<P: Ports>(vault: &Vault<P>) -> Result<Answer<P>, Problem> {
    Ok(response(StatusCode::OK, &Stats::from(vault.statistics().await?)).into())
}

/// `POST /jobs/resume`: does what is to be done before it answers, for it is called by cron.
pub(super) async fn resume<P: Ports>(vault: &Vault<P>) -> Result<Answer<P>, Problem> {
    let resumed = vault.resume(None).await?;
    let body = json!({ "ready": resumed.ready, "failed": resumed.failed, "busy": resumed.busy });
    Ok(response(StatusCode::OK, &body).into())
}
