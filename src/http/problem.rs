//! Errors as `application/problem+json` (RFC 9457).

use http::{HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;

use super::{Body, respond};
use crate::error::Error;

/// A failure, ready to be sent.
#[derive(Debug, Serialize)]
pub struct Problem {
    /// Which kind of failure: a stable reference, described in docs/http-api.md.
    #[serde(rename = "type")]
    kind: &'static str,
    title: &'static str,
    status: u16,
    detail: String,
    /// The field that is wrong, as a path into the JSON sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Where JSON could not be read, from 1.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    position: Option<Position>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    limit: Option<Limit>,
    #[serde(skip)]
    allow: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Position {
    line: usize,
    column: usize,
}

#[derive(Debug, Serialize)]
struct Limit {
    #[serde(rename = "limit")]
    name: &'static str,
    allowed: u64,
    seen: u64,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: impl Into<String>) -> Self {
        let (status, detail) = (status.as_u16(), detail.into());
        Self { kind, title, status, detail, field: None, position: None, limit: None, allow: None }
    }

    /// No image has that id or name.
    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "Not found", "no such image")
    }

    /// No resource has that path.
    pub(super) fn no_route(path: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "/problems/not-found", "Not found", format!("there is nothing at {path}"))
    }

    /// The path has other methods.
    pub(super) fn method_not_allowed(method: &Method, allow: &'static str) -> Self {
        let detail = format!("{method} is not possible here, only {allow}");
        let problem =
            Self::new(StatusCode::METHOD_NOT_ALLOWED, "/problems/method-not-allowed", "Method not allowed", detail);
        Self { allow: Some(allow), ..problem }
    }

    /// Something is not UTF-8.
    pub(super) fn not_utf8(what: &str) -> Self {
        let detail = format!("{what} is not UTF-8");
        Self::new(StatusCode::BAD_REQUEST, "/problems/malformed", "Malformed request", detail)
    }

    /// The body is not the JSON it should be; `path` leads to the wrong value.
    pub(super) fn json(error: &serde_json::Error, path: Option<String>) -> Self {
        let position = Some(Position { line: error.line(), column: error.column() });
        let field = path.filter(|path| error.is_data() && path != ".");
        let detail = match &field {
            Some(field) => format!("{field}: {error}"),
            None => error.to_string(),
        };
        let problem = Self::new(StatusCode::BAD_REQUEST, "/problems/malformed", "Malformed request", detail);
        Self { field, position, ..problem }
    }

    /// A field that must be there is not.
    pub(super) fn missing(field: &'static str) -> Self {
        let detail = format!("{field} is missing");
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid", "Invalid input", detail);
        Self { field: Some(field.into()), ..problem }
    }

    /// The body is of a type that is not taken here.
    pub(super) fn unsupported(found: &str, taken: &str) -> Self {
        let detail = format!("Content-Type {found:?} is not taken here, only {taken}");
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "/problems/unsupported", "Unsupported media type", detail)
    }

    /// A page of another site tried to change something.
    pub(super) fn cross_site() -> Self {
        let detail = "a form on another site may not add images";
        Self::new(StatusCode::FORBIDDEN, "/problems/forbidden", "Forbidden", detail)
    }

    /// Something that cannot happen did.
    pub(super) fn internal(error: &dyn std::error::Error) -> Self {
        let detail = error.to_string();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error", detail)
    }

    /// The answer to send.
    pub(super) fn into_response<P>(self) -> Response<Body<P>> {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = respond(status, "application/problem+json", body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(allow) = self.allow {
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
        }
        response
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let detail = error.to_string();
        match error {
            Error::Invalid { field, .. } => {
                let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/invalid", "Invalid input", detail);
                Self { field: Some(field.into()), ..problem }
            }
            Error::NotFound | Error::Removed => Self::not_found(),
            Error::NotReady(_) => Self::new(StatusCode::CONFLICT, "/problems/not-ready", "Not ready", detail),
            Error::RangeNotSatisfiable { .. } => {
                Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "/problems/range", "Range not satisfiable", detail)
            }
            Error::Limit { limit, allowed, seen } => {
                let problem = Self::new(StatusCode::PAYLOAD_TOO_LARGE, "/problems/limit", "Over a limit", detail);
                Self { limit: Some(Limit { name: limit, allowed, seen }), ..problem }
            }
            Error::NotAnImage(_) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "/problems/not-an-image", "Not an image", detail)
            }
            Error::Fetch(_) => Self::new(StatusCode::BAD_GATEWAY, "/problems/origin", "Origin failed", detail),
            Error::Interrupted(_) => {
                Self::new(StatusCode::BAD_REQUEST, "/problems/malformed", "Malformed request", detail)
            }
            // What exactly is damaged or failed is the operator's to know: it is logged, not sent.
            Error::Corrupt(_) => Self::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "/problems/corrupt",
                "Damaged in the store",
                "what is stored of this image is damaged, so nothing of it is sent",
            ),
            Error::Store(_) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "/problems/store",
                "Store failed",
                "the key-value store failed; try again later",
            ),
        }
    }
}
