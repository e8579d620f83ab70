//! The page's form, as a browser without JavaScript sends it.

use http::{HeaderValue, StatusCode, header};

use super::json::MAX_REQUEST;
use super::problem::Problem;
use super::{Answer, Request, read_body, respond};
use crate::ports::{ByteSource, Ports};
use crate::vault::{Label, Vault};

/// `POST /images` from the form: adds the image and goes back to the page.
pub(super) async fn add<P: Ports>(vault: &Vault<P>, request: Request<impl ByteSource>) -> Result<Answer<P>, Problem> {
    // Browsers say where a form comes from (Fetch Metadata); a form cannot say otherwise.
    let site = request.headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if !matches!(site, None | Some(b"same-origin" | b"none")) {
        return Err(Problem::cross_site());
    }
    let body = read_body(request.body, MAX_REQUEST).await?;
    let (mut url, mut name, mut tags) = (None, None, Vec::new());
    for (field, value) in url::form_urlencoded::parse(&body) {
        match &*field {
            "url" => url = Some(value.into_owned()),
            "name" => name = Some(value.into_owned()),
            "tags" => tags = value.split(',').map(str::trim).filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
            _ => {}
        }
    }
    let url = url.ok_or_else(|| Problem::missing("url"))?;
    let record = vault.accept(&url, &Label::new(name.as_deref(), &tags)?).await?;
    let mut response = respond(StatusCode::SEE_OTHER, "text/plain; charset=utf-8", b"added".to_vec());
    response.headers_mut().insert(header::LOCATION, HeaderValue::from_static("/"));
    Ok(Answer { response, job: Some(record) })
}
