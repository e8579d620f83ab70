//! Keeps answers of the component, and sends them again without asking it.
//!
//! It is a shared cache by RFC 9111, but needs no time of its own: an answer is kept if the component marked it `public` and `immutable`, it is of one image's bytes, and every write to that
//! image's record goes through this process. The first write to the record makes it stale.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use burrow_model::key::ImageId;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use wasmtime_wasi_http::{Error, WasiBody};

use crate::kv::{Quiet, RecordWrites};
use crate::metrics;

/// An answer is kept if it takes at most this fraction of all that may be kept.
const LARGEST: u64 = 16;

/// Bytes that an answer takes besides its body: its head, the request it answers, and the cache's entry.
const OVERHEAD: u64 = 2048;

/// The fields of a request on which an answer about an image's bytes may depend. `Authorization` and `Cookie` are not
/// among them: an answer that depends on them is not `public`.
const FIELDS: [HeaderName; COUNT] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ORIGIN,
    header::RANGE,
    header::IF_RANGE,
    header::IF_MATCH,
    header::IF_NONE_MATCH,
    header::IF_MODIFIED_SINCE,
    header::IF_UNMODIFIED_SINCE,
];

/// How many these are.
const COUNT: usize = 9;

/// The answers that are kept. A clone shares them.
#[derive(Clone)]
pub(super) struct Answers {
    cache: Arc<Cache<Asked, Arc<Kept>, Weight>>,
    writes: Arc<RecordWrites>,
    largest: u64,
}

/// Everything in a request that decides its answer.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Asked {
    image: ImageId,
    /// Host, path and query.
    uri: http::Uri,
    fields: [Option<HeaderValue>; COUNT],
}

struct Kept {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<Bytes>,
    since: Quiet,
}

#[derive(Clone)]
struct Weight;

impl Weighter<Asked, Arc<Kept>> for Weight {
    fn weight(&self, _: &Asked, kept: &Arc<Kept>) -> u64 {
        OVERHEAD + kept.body.iter().map(|piece| piece.len() as u64).sum::<u64>()
    }
}

impl Answers {
    /// Keeps answers of up to `bytes` in all, over a store with these writes; `None` if none may be kept.
    pub(super) fn new(bytes: usize, writes: Option<Arc<RecordWrites>>) -> Option<Self> {
        let (bytes, writes) = (bytes as u64, writes.filter(|_| bytes > 0)?);
        let entries = usize::try_from(bytes / (16 * OVERHEAD)).unwrap_or(usize::MAX);
        let cache = Arc::new(Cache::with_weighter(entries, bytes, Weight));
        Some(Self { cache, writes, largest: bytes / LARGEST })
    }

    /// Returns what a request asks for, or `None` if its answer is never kept.
    pub(super) fn asked<B>(request: &Request<B>) -> Option<Asked> {
        let image = if *request.method() == Method::GET { image(request.uri().path())? } else { return None };
        let mut fields = [const { None }; COUNT];
        for (value, name) in fields.iter_mut().zip(&FIELDS) {
            let mut values = request.headers().get_all(name).iter();
            *value = values.next().cloned();
            if values.next().is_some() {
                return None;
            }
        }
        (!request.headers().contains_key(header::AUTHORIZATION)).then(|| Asked {
            image,
            uri: request.uri().clone(),
            fields,
        })
    }

    /// Returns the answer that is kept for a request, if it is still true.
    pub(super) fn find(&self, asked: &Asked) -> Option<Response<WasiBody>> {
        let kept = self.cache.get(asked)?;
        if !self.writes.is_unchanged(asked.image, kept.since) {
            self.cache.remove(asked);
            return None;
        }
        metrics::answer_reused();
        let mut response = Response::new(Again { kept: kept.clone(), next: 0 }.boxed_unsync());
        *response.status_mut() = kept.status;
        *response.headers_mut() = kept.headers.clone();
        Some(response)
    }

    /// Begins to answer a request. `None` if the image's record is being written.
    pub(super) fn begin(&self, asked: Asked) -> Option<Keeper> {
        let since = self.writes.quiet(asked.image)?;
        Some(Keeper { answers: self.clone(), asked, since })
    }
}

/// The image whose content or thumbnail has this path.
fn image(path: &str) -> Option<ImageId> {
    let (id, rest) = path.strip_prefix("/images/")?.split_once('/')?;
    matches!(rest, "content" | "thumbnail").then(|| ImageId::parse(id)).flatten()
}

/// Keeps an answer when all of it has been read.
pub(super) struct Keeper {
    answers: Answers,
    asked: Asked,
    /// A moment before the component began to answer, at which nobody wrote to the image's record.
    since: Quiet,
}

impl Keeper {
    /// Returns an answer unchanged, and keeps it once its body has been read, if it may be kept.
    pub(super) fn keep(self, response: Response<WasiBody>) -> Response<WasiBody> {
        let status = response.status();
        let length = match status {
            StatusCode::NOT_MODIFIED => Some(0),
            StatusCode::OK | StatusCode::PARTIAL_CONTENT => length(response.headers()),
            _ => None,
        };
        let Some(left) = length.filter(|length| *length <= self.answers.largest && is_reusable(response.headers()))
        else {
            return response;
        };
        let kept = Kept { status, headers: response.headers().clone(), body: Vec::new(), since: self.since };
        let whole = Whole { answers: self.answers, asked: self.asked, kept, left };
        response.map(|body| Reading::new(body, whole).boxed_unsync())
    }
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether another client may get the same answer later (RFC 9111 section 3), and all that it varies with is asked for.
fn is_reusable(headers: &HeaderMap) -> bool {
    let words = |name| headers.get_all(name).iter().flat_map(|value| value.to_str().unwrap_or("*").split(','));
    let marked = |mark: &str| words(header::CACHE_CONTROL).any(|word| word.trim().eq_ignore_ascii_case(mark));
    let varies_with = |name: &str| FIELDS.iter().any(|field| field.as_str().eq_ignore_ascii_case(name.trim()));
    marked("public")
        && marked("immutable")
        && words(header::VARY).all(varies_with)
        && !headers.contains_key(header::SET_COOKIE)
}

/// An answer that is being read.
struct Whole {
    answers: Answers,
    asked: Asked,
    kept: Kept,
    /// Bytes of the body that have not been read.
    left: u64,
}

/// The body of an answer that is kept once all of it has been read.
struct Reading {
    body: WasiBody,
    whole: Option<Whole>,
}

impl Reading {
    fn new(body: WasiBody, whole: Whole) -> Self {
        let mut reading = Self { body, whole: Some(whole) };
        reading.read(None);
        reading
    }

    fn read(&mut self, piece: Option<&Bytes>) {
        let Some(mut whole) = self.whole.take() else { return };
        if let Some(piece) = piece {
            // A piece may be a part of a larger buffer, which would stay in memory.
            whole.kept.body.push(Bytes::copy_from_slice(piece));
            whole.left = whole.left.saturating_sub(piece.len() as u64);
        }
        if whole.left == 0 {
            whole.answers.cache.insert(whole.asked, Arc::new(whole.kept));
        } else {
            self.whole = Some(whole);
        }
    }
}

impl Body for Reading {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => self.read(frame.data_ref()),
            // What was read is no answer.
            Some(Err(_)) => self.whole = None,
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a kept answer.
struct Again {
    kept: Arc<Kept>,
    next: usize,
}

impl Body for Again {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = self.kept.body.get(self.next).cloned();
        self.next += 1;
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.next >= self.kept.body.len()
    }

    fn size_hint(&self) -> SizeHint {
        let left = self.kept.body.iter().skip(self.next).map(|piece| piece.len() as u64).sum();
        SizeHint::with_exact(left)
    }
}

#[cfg(test)]
mod tests;
