//! Requests and answers, as the service has them.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;

use burrow_model::error::Error;
use burrow_vault::codec::gzip;
use burrow_vault::ports::Ports;
use burrow_vault::store::blob::BlobReader;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

/// A request, its body unread.
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

/// A response's body: pieces, each sent after the other.
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
    /// All of it, if it is in memory in one piece.
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

    /// Reads the first chunk now: damage there is told by the answer itself, not by a broken connection.
    pub(crate) async fn read_ahead(&mut self) -> Result<(), Error> {
        let is_content = |piece: &Piece<P>| matches!(piece, Piece::Content(_));
        let Some(at) = self.0.iter().position(is_content) else { return Ok(()) };
        let Some(Piece::Content(reader)) = self.0.get_mut(at) else { return Ok(()) };
        let mut ahead = Vec::new();
        // The gzip form begins with a header, which is no chunk's.
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

    /// Returns the next bytes, never none of them, or none at the end. After an error the response must break off.
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

/// Work that goes on after the answer. What it failed by is to be logged; its record says what is left to do.
pub type Job = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// An answer, and what is to be done once it is sent.
#[expect(missing_debug_implementations, reason = "a job cannot be shown")]
pub struct Answer<P> {
    /// What to send.
    pub response: Response<Body<P>>,
    /// What to go on with.
    pub jobs: Vec<Job>,
    /// What went wrong here, for the operator.
    pub log: Option<String>,
}

impl<P> From<Response<Body<P>>> for Answer<P> {
    fn from(response: Response<Body<P>>) -> Self {
        Self { response, jobs: Vec::new(), log: None }
    }
}

/// Says that browsers are answered otherwise.
pub(crate) fn varying<P>(mut response: Response<Body<P>>) -> Response<Body<P>> {
    set(response.headers_mut(), header::VARY, "accept");
    response
}

/// Builds a response from parts that are known to be valid. Caches must ask before they use it again.
pub(crate) fn respond<P>(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body<P>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Sets a header, in place of what it was. A value that no header can have, which none of ours is, is left out.
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

/// Sends a browser on to another page of ours.
pub(crate) fn see_other<P>(to: &str) -> Response<Body<P>> {
    let mut response = no_content();
    *response.status_mut() = StatusCode::SEE_OTHER;
    set(response.headers_mut(), header::LOCATION, to);
    response
}

/// An entity tag of bytes that are made anew each time.
pub(crate) fn etag(bytes: &[u8]) -> String {
    format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(bytes))
}
