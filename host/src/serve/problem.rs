//! The host's own error answers, in the component's form: `application/problem+json`.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use wasmtime_wasi_http::WasiBody;

use super::limits::OverLimit;

/// Seconds after which a refused client may try again.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Answers a request that cannot be read.
pub(super) fn malformed(detail: &str) -> Response<WasiBody> {
    problem(StatusCode::BAD_REQUEST, "/problems/malformed", "Malformed request", detail, json!({}))
}

/// Answers a request for which the component failed.
pub(super) fn internal() -> Response<WasiBody> {
    let detail = "the request could not be answered; the log says why";
    problem(StatusCode::INTERNAL_SERVER_ERROR, "/problems/internal", "Internal error", detail, json!({}))
}

/// Answers a request over a limit: of this server's, or of its client's.
pub(super) fn over(OverLimit { limit, allowed, seen, after }: OverLimit) -> Response<WasiBody> {
    let more = json!({ "limit": limit, "allowed": allowed, "seen": seen });
    let Some(after) = after else {
        let detail = format!("too much at once: {limit} is {allowed}, this would make it {seen}; send it again later");
        let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "/problems/limit", "Over a limit", &detail, more);
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        return response;
    };
    let seconds = after.as_secs() + 1;
    let detail = format!("too much for one client: {limit} is {allowed}; send it again in {seconds} s");
    let title = "Too much for one client";
    let mut response = problem(StatusCode::TOO_MANY_REQUESTS, "/problems/client-limit", title, &detail, more);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Answers a request whose body did not arrive in time.
pub(super) fn too_slow() -> Response<WasiBody> {
    let detail = "the request's body was not received: nothing came for too long, or too little";
    let mut response = problem(StatusCode::REQUEST_TIMEOUT, "about:blank", "Request Timeout", detail, json!({}));
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

fn problem(status: StatusCode, kind: &str, title: &str, detail: &str, mut more: Value) -> Response<WasiBody> {
    let members = [("type", json!(kind)), ("title", json!(title)), ("status", json!(status.as_u16()))];
    if let Some(object) = more.as_object_mut() {
        object.extend(members.map(|(name, value)| (name.into(), value)));
        object.insert("detail".into(), detail.into());
    }
    let body = Full::from(Bytes::from(more.to_string())).map_err(|never| match never {}).boxed_unsync();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers("application/problem+json");
    response
}

/// Returns the headers of every answer that the host itself makes.
pub(super) fn headers(media_type: &'static str) -> HeaderMap {
    let fields: [(HeaderName, &str); 4] = [
        (header::CONTENT_TYPE, media_type),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-site"),
    ];
    fields.into_iter().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
}
