//! Errors as `application/problem+json` (RFC 9457).

use burrow_model::error::Error;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::message::{Body, respond};

/// A kind of failure, with a page of its own under `/problems/`.
#[derive(Debug)]
struct Kind {
    slug: &'static str,
    title: &'static str,
    about: &'static str,
}

/// Declares the kinds and the list of all of them.
macro_rules! kinds {
    ($($name:ident: $slug:literal, $title:literal, $about:literal;)+) => {
        $(static $name: Kind = Kind { slug: $slug, title: $title, about: $about };)+
        static KINDS: &[&Kind] = &[$(&$name),+];
    };
}

kinds! {
    MALFORMED: "malformed", "Malformed request",
        "The request breaks the rules of its format. `line` and `column` say where JSON could not be read, `field` which value has the wrong type.";
    DIGEST: "digest", "Wrong digest",
        "Content-Digest or Repr-Digest cannot be read, or does not match the body. Nothing was kept.";
    UNAUTHORIZED: "unauthorized", "Not authorized",
        "This needs `Authorization: Bearer` with a token that the operator set (write_token, or read_token for reading).";
    FORBIDDEN: "forbidden", "Forbidden",
        "A page of another site tried to change something (cors_origins can allow it), or a signed link is wrong or has expired.";
    MISDIRECTED: "misdirected", "Unknown host",
        "Without write_token, Burrow answers only for IP addresses, localhost and the names in allowed_http_hosts: a page of another site could let its own name lead here.";
    NOT_FOUND: "not-found", "Not found",
        "There is no such image, or nothing at this path.";
    METHOD: "method-not-allowed", "Method not allowed",
        "The path has other methods; `Allow` lists them.";
    NOT_ACCEPTABLE: "not-acceptable", "Not acceptable",
        "Accept-Encoding refuses every form in which this content can be sent.";
    NOT_READY: "not-ready", "Not in this status",
        "The image is not in the status that this needs: ready to read or change it, failed to try it again. Look at its record, wait, or retry it.";
    BUSY: "busy", "Busy",
        "Another request changes the same image, or has the same Idempotency-Key; or a thumbnail is still being drawn, or too many images are being unpacked. Send the request again after `Retry-After` seconds.";
    PRECONDITION: "precondition", "Precondition failed",
        "If-Match, If-None-Match or If-Unmodified-Since does not hold. Read the resource again.";
    LIMIT: "limit", "Over a limit",
        "The request exceeds a limit. `limit` is its name, `allowed` its value; the request has at least `seen`. The operator can change limits that are settings.";
    FULL: "full", "The vault is full",
        "The vault has as many images, bytes or pending jobs as the operator allows. `limit` is the setting, `allowed` its value, `seen` what there is. Remove images, or wait until jobs have ended.";
    CLIENT_LIMIT: "client-limit", "Too much for one client",
        "The client, as its address tells, has too many requests or connections at once, or sent too many requests, bytes or wrong tokens in the last minute. `limit` is the name of the limit, `allowed` its value. Send the request again after `Retry-After` seconds.";
    UNSUPPORTED: "unsupported", "Unsupported media type",
        "The body is of a type, character set or encoding that is not taken here.";
    RANGE: "range", "Range not satisfiable",
        "Range cannot be read, has more than 16 parts, or lies outside the content; `Content-Range` has its size.";
    INVALID: "invalid", "Invalid input",
        "A value breaks a rule. `field` names it.";
    NOT_AN_IMAGE: "not-an-image", "Not an image",
        "The bytes are no PNG, JPEG, WebP, GIF, BMP, TIFF, ICO, SVG, AVIF, HEIF, JPEG XL or QOI. Nothing was kept.";
    KEY_REUSED: "key-reused", "Key reused",
        "The Idempotency-Key belongs to another request of the last 24 hours. Use a new one.";
    CORRUPT: "corrupt", "Damaged in the store",
        "The stored data is damaged, so Burrow sends none of it. The operator's log says what is damaged.";
    NEWER: "newer", "Stored by a newer Burrow",
        "A newer Burrow stored this image, in a version that this one does not read. It is not damaged: run the newer Burrow.";
    SETTINGS: "settings", "Wrong setting",
        "A setting cannot be read. Until the operator corrects it, every request gets this error.";
    INTERNAL: "internal", "Internal error",
        "Something happened that should not. The operator's log says what.";
    STORE: "store", "Store failed",
        "The key-value store failed. Send the request again after `Retry-After` seconds.";
}

/// The longest `detail`, in bytes: it may repeat long text of the request.
const MAX_DETAIL: usize = 400;

/// A failure, ready to be sent.
#[derive(Debug, Serialize)]
pub struct Problem {
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    status: u16,
    detail: String,
    #[serde(flatten)]
    members: Map<String, Value>,
    #[serde(skip)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The cause, for the operator's log; it is not sent.
    #[serde(skip)]
    cause: Option<String>,
    /// The path that an error page links back to.
    #[serde(skip)]
    back: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, kind: &'static Kind, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        if detail.len() > MAX_DETAIL {
            detail.truncate(detail.floor_char_boundary(MAX_DETAIL));
            detail.push_str("...");
        }
        Self {
            kind: format!("/problems/{}", kind.slug),
            title: kind.title,
            status: status.as_u16(),
            detail,
            members: Map::new(),
            headers: Vec::new(),
            cause: None,
            back: None,
        }
    }

    fn member(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.members.insert(name.into(), value.into());
        self
    }

    /// Adds a header to the answer.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Sets the path of this service that an error page links back to.
    pub(crate) fn leading_to(self, back: String) -> Self {
        Self { back: Some(back), ..self }
    }

    /// Takes the path that an error page links back to, if it was set.
    pub(crate) fn take_back(&mut self) -> Option<String> {
        self.back.take()
    }

    fn with_text(self, name: HeaderName, value: &str) -> Self {
        match HeaderValue::try_from(value) {
            Ok(value) => self.with(name, value),
            Err(_) => self,
        }
    }

    fn limit(status: StatusCode, name: &str, allowed: u64, seen: u64) -> Self {
        let detail = format!("more than the limit {name} = {allowed} allows: at least {seen}");
        let problem = Self::new(status, &LIMIT, detail);
        problem.member("limit", name).member("allowed", allowed).member("seen", seen)
    }

    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The title of its kind, for people.
    pub(crate) fn title(&self) -> &'static str {
        self.title
    }

    /// What happened, in a sentence.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// The path of the page that explains its kind.
    pub(crate) fn kind(&self) -> &str {
        &self.kind
    }

    /// Headers that the answer needs, as JSON or as a page.
    pub(crate) fn into_headers(self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        self.headers.into_iter()
    }

    /// No resource has that path.
    pub(crate) fn nothing_there() -> Self {
        Self::new(StatusCode::NOT_FOUND, &NOT_FOUND, "there is nothing at this path")
    }

    /// Signed links cannot be made: there is no key.
    pub(crate) fn no_links() -> Self {
        Self::new(StatusCode::NOT_FOUND, &NOT_FOUND, "links are not signed here: the setting link_keys is empty")
    }

    /// The path does not have this method; `allow` lists those that it has.
    pub(crate) fn method_not_allowed(method: &Method, allow: &str) -> Self {
        let detail = format!("{method} is not possible here, only {allow}");
        Self::new(StatusCode::METHOD_NOT_ALLOWED, &METHOD, detail).with_text(header::ALLOW, allow)
    }

    /// The path and query are too long.
    pub(crate) fn target_too_long(allowed: usize, seen: usize) -> Self {
        Self::limit(StatusCode::URI_TOO_LONG, "max_target_bytes", allowed as u64, seen as u64)
    }

    /// The request breaks the rules of its format.
    pub(crate) fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &MALFORMED, detail)
    }

    /// The body is not the expected JSON; `path` leads to the wrong value.
    pub(crate) fn json(error: &serde_json::Error, path: Option<String>) -> Self {
        let field = path.filter(|path| error.is_data() && path != ".");
        let detail = match &field {
            Some(field) => format!("{field}: {error}"),
            None => error.to_string(),
        };
        let problem = Self::malformed(detail).member("line", error.line()).member("column", error.column());
        match field {
            Some(field) => problem.member("field", field),
            None => problem,
        }
    }

    /// A value breaks a rule.
    pub(crate) fn invalid(field: &str, detail: impl Into<String>) -> Self {
        let field = field.get(..field.floor_char_boundary(100)).unwrap_or_default();
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, &INVALID, detail).member("field", field)
    }

    /// A required field is missing.
    pub(crate) fn missing(field: &str) -> Self {
        Self::invalid(field, format!("{field} is missing"))
    }

    /// A digest cannot be read or does not match.
    pub(crate) fn digest(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, &DIGEST, detail)
    }

    /// The route does not accept the type or encoding of the body.
    pub(crate) fn unsupported(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, &UNSUPPORTED, detail)
    }

    /// The request needs a token, and has none or a wrong one.
    pub(crate) fn unauthorized(token_given: bool) -> Self {
        let (detail, challenge) = if token_given {
            ("this token isn't valid", "Bearer realm=\"burrow\", error=\"invalid_token\"")
        } else {
            ("this needs a bearer token", "Bearer realm=\"burrow\"")
        };
        let challenge = HeaderValue::from_static(challenge);
        Self::new(StatusCode::UNAUTHORIZED, &UNAUTHORIZED, detail).with(header::WWW_AUTHENTICATE, challenge)
    }

    /// All images of an archive failed.
    pub(crate) fn nothing_to_pack() -> Self {
        Self::new(StatusCode::CONFLICT, &NOT_READY, "nothing to download: these images failed")
    }

    /// A page of another site tried to change something.
    pub(crate) fn cross_site(origin: Option<&str>, host: &str) -> Self {
        let origin = origin.map(|origin| format!(" ({origin})")).unwrap_or_default();
        let detail = format!(
            "a page of another site{origin} may not change anything at {host}; cors_origins can allow it; if it is the \
             same site, the proxy in front must pass the Host header on"
        );
        Self::new(StatusCode::FORBIDDEN, &FORBIDDEN, detail)
    }

    /// A service without tokens does not know the name in `Host`.
    pub(crate) fn misdirected(host: &str) -> Self {
        let detail = format!(
            "this server does not answer for {host} without write_token; set write_token, or add the name to \
             allowed_http_hosts"
        );
        Self::new(StatusCode::MISDIRECTED_REQUEST, &MISDIRECTED, detail)
    }

    /// A signed link is wrong or has expired.
    pub(crate) fn link(detail: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, &FORBIDDEN, detail)
    }

    /// The client accepts no form of the content.
    pub(crate) fn not_acceptable() -> Self {
        let detail = "Accept-Encoding refuses identity, and this content is not stored as gzip";
        Self::new(StatusCode::NOT_ACCEPTABLE, &NOT_ACCEPTABLE, detail)
    }

    /// A condition does not hold.
    pub(crate) fn precondition() -> Self {
        let detail = "a condition of the request does not hold for the current state";
        Self::new(StatusCode::PRECONDITION_FAILED, &PRECONDITION, detail)
    }

    /// `Range` cannot be read, or lies outside content of `size` bytes.
    pub(crate) fn range(detail: impl Into<String>, size: u64) -> Self {
        let problem = Self::new(StatusCode::RANGE_NOT_SATISFIABLE, &RANGE, detail);
        problem.with_text(header::CONTENT_RANGE, &format!("bytes */{size}"))
    }

    /// The thumbnail is not drawn yet.
    pub(crate) fn drawing() -> Self {
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, &BUSY, "the thumbnail is still being drawn");
        problem.with(header::RETRY_AFTER, HeaderValue::from_static("2"))
    }

    /// A failure that should be impossible.
    pub(crate) fn internal() -> Self {
        let detail = "something happened that should not; the log says what";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, &INTERNAL, detail)
    }

    /// Takes the cause, to be logged.
    pub(crate) fn take_cause(&mut self) -> Option<String> {
        self.cause.take()
    }

    /// The answer to send.
    pub fn into_response<P>(self) -> Response<Body<P>> {
        let status = self.status();
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = respond(status, "application/problem+json", body);
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            response.headers_mut().insert(name, value);
        }
        response
    }
}

/// `GET /problems/{kind}`: title and explanation of a kind of failure.
pub(crate) fn about(slug: &str) -> Result<(&'static str, &'static str), Problem> {
    let kind = KINDS.iter().find(|kind| kind.slug == slug).ok_or_else(Problem::nothing_there)?;
    Ok((kind.title, kind.about))
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let soon = |problem: Self| problem.with(header::RETRY_AFTER, HeaderValue::from_static("1"));
        let detail = error.to_string();
        let cause = Some(detail.clone());
        match error {
            Error::Invalid { field, .. } => Self::invalid(field, detail),
            Error::NotFound | Error::Removed => Self::new(StatusCode::NOT_FOUND, &NOT_FOUND, "no such image"),
            Error::NotReady(_) | Error::NotFailed(_) => Self::new(StatusCode::CONFLICT, &NOT_READY, detail),
            Error::RangeNotSatisfiable { size } => Self::range(detail, size),
            Error::Limit { limit, allowed, seen } => Self::limit(StatusCode::PAYLOAD_TOO_LARGE, limit, allowed, seen),
            Error::Full { limit, allowed, seen } => {
                let problem = Self::new(StatusCode::INSUFFICIENT_STORAGE, &FULL, detail);
                problem.member("limit", limit).member("allowed", allowed).member("seen", seen)
            }
            Error::NotAnImage(_) => Self::new(StatusCode::UNPROCESSABLE_ENTITY, &NOT_AN_IMAGE, detail),
            Error::Digest(_) => Self::digest(detail),
            Error::Interrupted(_) | Error::Malformed(_) => Self::malformed(detail),
            Error::KeyReused => Self::new(StatusCode::UNPROCESSABLE_ENTITY, &KEY_REUSED, detail),
            Error::KeyBusy | Error::Changed | Error::Renaming(_) | Error::Held(_) => {
                soon(Self::new(StatusCode::CONFLICT, &BUSY, detail))
            }
            Error::Busy(_) => soon(Self::new(StatusCode::SERVICE_UNAVAILABLE, &BUSY, detail)),
            Error::Setting { .. } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, &SETTINGS, detail),
            // An origin's failure goes into the record of its image, so no request should end with it.
            Error::Fetch(_) => Self { cause, ..Self::internal() },
            // Details of damaged data and of a failed store are for the operator: logged, not sent.
            Error::Corrupt(_) => {
                let detail = "the data stored for this image is damaged, so Burrow sends none of it";
                Self { cause, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, &CORRUPT, detail) }
            }
            Error::Newer(_) => {
                let detail = "a newer Burrow stored this, in a version that this one does not read";
                Self { cause, ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, &NEWER, detail) }
            }
            Error::Store(_) => {
                soon(Self::new(StatusCode::SERVICE_UNAVAILABLE, &STORE, "the key-value store failed; try again later"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_has_every_kind_and_no_other() {
        let documentation = include_str!("../../../docs/http-api.md");
        for kind in KINDS {
            assert!(documentation.contains(&format!("| `/problems/{}` |", kind.slug)), "{}", kind.slug);
        }
        assert_eq!(documentation.matches("| `/problems/").count(), KINDS.len());
    }
}
