//! Reads whole request bodies, and checks their media type.

use burrow_model::error::Error;
use burrow_vault::ports::ByteSource;
use http::{HeaderMap, HeaderValue, header};

use crate::problem::Problem;
use crate::protocol::parameters::Parameters;
use crate::route::Unchecked;

/// Reads a whole body of at most `limit` bytes.
pub(crate) async fn read_body(mut body: impl ByteSource, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > limit {
            let (allowed, seen) = (limit as u64, bytes.len() as u64);
            return Err(Error::Limit { limit: "max_request_bytes", allowed, seen }.into());
        }
    }
    Ok(bytes)
}

/// Reads a body as a form.
pub(crate) async fn read_form(headers: &HeaderMap, body: impl ByteSource, limit: usize) -> Result<Unchecked, Problem> {
    let media_type = media_type(headers)?;
    if !matches!(media_type.as_str(), "application/x-www-form-urlencoded" | "") {
        let detail = format!("Content-Type {media_type:?} is not taken here, only application/x-www-form-urlencoded");
        return Err(Problem::unsupported(detail));
    }
    let form = String::from_utf8(read_body(body, limit).await?);
    Unchecked::parse(&form.map_err(|_| Problem::malformed("the form is not UTF-8"))?)
}

/// The media type of a request's body, in lower case and without parameters; empty if there is none.
///
/// # Errors
///
/// The body has a `Content-Encoding`, or text in another character set than UTF-8.
pub(crate) fn media_type(headers: &HeaderMap) -> Result<String, Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    if codings.any(|coding| !matches!(coding.as_bytes().to_ascii_lowercase().as_slice(), b"" | b"identity")) {
        let identity = HeaderValue::from_static("identity");
        let detail = "a body with a Content-Encoding is not taken; send it without one";
        return Err(Problem::unsupported(detail).with(header::ACCEPT_ENCODING, identity));
    }
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(String::new()) };
    let content_type = Parameters::parse(value.as_bytes());
    let charset = content_type.text("charset").map(|charset| charset.to_ascii_lowercase());
    // An image is not text, so a charset does not matter.
    let is_text = !content_type.value.starts_with("image/");
    if is_text && charset.is_some_and(|charset| !matches!(charset.as_str(), "utf-8" | "utf8" | "us-ascii")) {
        return Err(Problem::unsupported("only UTF-8 is read"));
    }
    Ok(content_type.value)
}
