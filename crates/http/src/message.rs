//! Requests, answers and their bodies, independent of the host.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use burrow_model::error::Error;
use burrow_vault::codec::gzip;
use burrow_vault::ports::Ports;
use burrow_vault::store::blob::BlobReader;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

/// A request whose body is not read yet.
#[derive(Debug)]
pub struct Request<B> {
    /// Method.
    pub method: Method,
    /// Path and query as they came, still percent-encoded.
    pub path_and_query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: B,
}

/// A response's body: pieces that are sent in order.
#[derive(Debug)]
pub struct Body<P>(pub(crate) VecDeque<Piece<P>>);

#[derive(Debug)]
pub(crate) enum Piece<P> {
    Bytes(Vec<u8>),
    Content(BlobReader<P>),
}

impl<P> From<Vec<u8>> for Body<P> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(VecDeque::from([Piece::Bytes(bytes)]))
    }
}

impl<P> Body<P> {
    /// The whole body, if it is one piece in memory.
    pub(crate) fn text(&self) -> Option<&[u8]> {
        match self.0.front() {
            Some(Piece::Bytes(bytes)) if self.0.len() == 1 => Some(bytes),
            _ => None,
        }
    }
}

impl<P: Ports> Body<P> {
    /// Bytes still to come.
    pub fn remaining(&self) -> u64 {
        let remaining = |piece: &Piece<P>| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Content(reader) => reader.remaining(),
        };
        self.0.iter().map(remaining).sum()
    }

    /// Reads the first chunk of content now: damage in it becomes an error response, not a broken connection.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Error> {
        let is_content = |piece: &Piece<P>| matches!(piece, Piece::Content(_));
        let Some(at) = self.0.iter().position(is_content) else { return Ok(()) };
        let Some(Piece::Content(reader)) = self.0.get_mut(at) else { return Ok(()) };
        let mut ahead = Vec::new();
        // The gzip form begins with a header that is in no chunk: read on until bytes of a chunk follow.
        while ahead.len() <= gzip::HEADER.len()
            && let Some(bytes) = reader.next().await?
        {
            if ahead.is_empty() {
                ahead = bytes;
            } else {
                ahead.extend(bytes);
            }
        }
        self.0.insert(at, Piece::Bytes(ahead));
        Ok(())
    }

    /// Returns the next bytes, at least one, or `None` at the end.
    ///
    /// # Errors
    ///
    /// The store failed, or content is damaged. The response must then break off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(piece) = self.0.front_mut() {
            let bytes = match piece {
                Piece::Bytes(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
                Piece::Content(reader) => reader.next().await?,
            };
            if bytes.is_some() {
                return Ok(bytes);
            }
            self.0.pop_front();
        }
        Ok(None)
    }
}

/// Work that goes on after the answer. The caller logs its error; the image's record says what is left to do.
pub type Job = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// An answer, and the work that begins once it is sent.
#[expect(missing_debug_implementations, reason = "a job cannot be shown")]
pub struct Answer<P> {
    /// The response to send.
    pub response: Response<Body<P>>,
    /// Jobs to run after the response.
    pub jobs: Vec<Job>,
    /// The cause of a failure, for the operator's log.
    pub log: Option<String>,
}

impl<P> From<Response<Body<P>>> for Answer<P> {
    fn from(response: Response<Body<P>>) -> Self {
        Self { response, jobs: Vec::new(), log: None }
    }
}

/// Which sites' pages may embed an answer (Fetch standard, section 3.7): without it, a page of any site could show images
/// that only its reader can reach.
pub(crate) const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
pub(crate) const SAME_SITE: HeaderValue = HeaderValue::from_static("same-site");
pub(crate) const CROSS_ORIGIN: HeaderValue = HeaderValue::from_static("cross-origin");

/// Sets `Vary: accept`: browsers get another answer than programs.
pub(crate) fn varying<P>(mut response: Response<Body<P>>) -> Response<Body<P>> {
    set(response.headers_mut(), header::VARY, "accept");
    response
}

/// Builds a response from parts that are known to be valid. Caches must revalidate it before they use it again.
pub(crate) fn respond<P>(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body<P>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Sets a header, replacing earlier values. A value that is invalid in a header is left out; the service makes none.
pub(crate) fn set(headers: &mut HeaderMap, name: HeaderName, value: impl TryInto<HeaderValue>) {
    if let Ok(value) = value.try_into() {
        headers.insert(name, value);
    }
}

pub(crate) fn no_content<P>() -> Response<Body<P>> {
    let mut response = Response::new(Vec::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// Redirects a browser to another page of this service.
pub(crate) fn see_other<P>(to: &str) -> Response<Body<P>> {
    let mut response = no_content();
    *response.status_mut() = StatusCode::SEE_OTHER;
    set(response.headers_mut(), header::LOCATION, to);
    response
}

/// The entity tag of a generated body: its XXH3 hash.
pub(crate) fn etag(bytes: &[u8]) -> String {
    format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(bytes))
}
