//! An image's bytes.

use http::{HeaderValue, Response, header};

use super::problem::Problem;
use super::{Answer, Body};
use crate::ports::Ports;
use crate::record::ImageRecord;
use crate::vault::Vault;

/// Scripts inside an SVG must not run as if they were ours.
const SANDBOX: HeaderValue = HeaderValue::from_static("sandbox; default-src 'none'; style-src 'unsafe-inline'");

/// Sends the whole content.
pub(super) async fn response<P: Ports>(vault: &Vault<P>, image: &ImageRecord) -> Result<Answer<P>, Problem> {
    let content = image.content()?;
    let reader = vault.open(image, 0..content.size).await?;
    let mut response = Response::new(Body::Content(reader));
    let headers = response.headers_mut();
    let media_type = HeaderValue::try_from(&content.media_type).ok();
    headers.extend(media_type.map(|media_type| (header::CONTENT_TYPE, media_type)));
    let etag = HeaderValue::try_from(format!("\"{}\"", content.sha256)).ok();
    headers.extend(etag.map(|etag| (header::ETAG, etag)));
    headers.insert(header::CONTENT_SECURITY_POLICY, SANDBOX);
    Ok(response.into())
}
