//! One request and its answer: their id, their span, and their line in the access log.

use std::net::SocketAddr;
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use tracing::Span;
use tracing::field::Empty;
use uuid::Uuid;

use crate::metrics;

/// The header with the request's id, which proxies before this server may have set.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest id accepted from a request, in bytes.
const MAX_ID: usize = 64;

/// The status logged when the client left before there was an answer, as in nginx's logs.
const CLIENT_GONE: u16 = 499;

/// A request whose answer has not ended. Dropping it counts and logs the request.
pub(super) struct Exchange {
    pub(super) id: HeaderValue,
    /// The span of events logged during the request.
    pub(super) span: Span,
    /// The status of the answer, once there is one.
    pub(super) status: Option<StatusCode>,
    /// Bytes of the answer's body sent so far.
    pub(super) sent: u64,
    method: Method,
    /// Without the query, because it may have the signature of a link.
    path: String,
    pub(super) peer: SocketAddr,
    began: Instant,
    is_logged: bool,
    _open: metrics::Open,
}

impl Exchange {
    pub(super) fn begin<B>(request: &Request<B>, peer: SocketAddr, is_logged: bool) -> Self {
        let id = id(request.headers());
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        // At the level `error`, so that no log filter drops the span of an error.
        let span = tracing::error_span!(
            "request",
            request_id = text(&id),
            %method,
            %path,
            otel.kind = "server",
            status = Empty,
        );
        let (began, open) = (Instant::now(), metrics::Open::request());
        Self { id, span, status: None, sent: 0, method, path, peer, began, is_logged, _open: open }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let gone = || StatusCode::from_u16(CLIENT_GONE).unwrap_or_default();
        let (status, took) = (self.status.unwrap_or_else(gone), self.began.elapsed());
        metrics::answered(&self.method, status, took);
        self.span.record("status", status.as_u16());
        if self.is_logged {
            tracing::info!(
                target: "burrow::access",
                parent: None,
                method = %self.method,
                path = %self.path,
                status = status.as_u16(),
                bytes = self.sent,
                duration_ms = (took.as_secs_f64() * 1e6).round() / 1e3,
                request_id = text(&self.id),
                peer = %self.peer,
            );
        }
    }
}

/// Returns the request's own id if it is valid, else a new one.
fn id(headers: &HeaderMap) -> HeaderValue {
    let is_sane = |id: &&HeaderValue| {
        let id = id.as_bytes();
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        (1..=MAX_ID).contains(&id.len()) && id.iter().all(is_plain)
    };
    let mut ids = headers.get_all(REQUEST_ID).iter();
    let given = ids.next().filter(is_sane).filter(|_| ids.next().is_none()).cloned();
    let new = || HeaderValue::try_from(Uuid::now_v7().to_string()).ok();
    given.or_else(new).unwrap_or(HeaderValue::from_static("none"))
}

fn text(id: &HeaderValue) -> &str {
    id.to_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_for(given: &[&str]) -> String {
        let values = given.iter().map(|value| (REQUEST_ID, HeaderValue::from_bytes(value.as_bytes()).unwrap()));
        id(&values.collect()).to_str().unwrap().to_owned()
    }

    #[test]
    fn sane_ids_are_kept() {
        let longest = "x".repeat(MAX_ID);
        for given in ["a", "A-b_c.9", &longest] {
            assert_eq!(id_for(&[given]), given);
        }
        for given in [&[][..], &[""], &["a b"], &["a\"b"], &["\u{e9}"], &[&format!("{longest}x")], &["a", "a"]] {
            assert_eq!(Uuid::parse_str(&id_for(given)).unwrap().get_version_num(), 7, "{given:?}");
        }
    }
}
