//! Bodies of requests and answers: count bytes, hold resources until the body ends, and take what nobody reads.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http::header::EXPECT;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::clients::Visit;
use super::exchange::Exchange;
use super::limits::{FIRST, OverLimit, Room};
use crate::metrics;
use crate::sending::Ticket;
use crate::timed_body::TimedBody;

/// How much of a body that nobody reads any more the server still takes, and for how long.
const LINGER_BYTES: usize = 64 * 1024 * 1024;
const LINGER_TIME: Duration = Duration::from_secs(10);

/// A request's body.
///
/// A server may answer before the body has come, above all when it refuses the request. If it closed the connection then,
/// the connection would be reset while the client sends, and most clients would never read the answer (RFC 9112 section
/// 9.6). So what is left of a dropped body is still taken, within limits.
pub(super) struct Received {
    /// `None` once it is dropped.
    body: Option<TimedBody>,
    /// Set when the server stopped receiving it.
    pub(super) cut: Arc<OnceLock<Cut>>,
    /// The body's place under [`Limits::bytes_in_flight`](super::limits::Limits::bytes_in_flight).
    pub(super) room: Option<OwnedSemaphorePermit>,
    /// The wait for the rest of that place, until it is needed.
    pub(super) rest: Option<Room>,
    /// The request in the counts of its client.
    pub(super) visit: Option<Arc<Visit>>,
    /// Bytes that have come.
    came: u64,
    /// Whether the client sends the body only when it is asked for (`Expect: 100-continue`), and nobody has asked yet.
    is_held_back: bool,
    runtime: Handle,
}

impl Received {
    pub(super) fn new(body: TimedBody, headers: &HeaderMap) -> Self {
        let is_held_back =
            headers.get(EXPECT).is_some_and(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue"));
        Self {
            body: Some(body),
            cut: Arc::default(),
            room: None,
            rest: None,
            visit: None,
            came: 0,
            is_held_back,
            runtime: Handle::current(),
        }
    }

    /// Waits for the rest of the body's room once its beginning has come.
    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), OverLimit>> {
        if self.came < FIRST {
            return Poll::Ready(Ok(()));
        }
        let Some(rest) = &mut self.rest else { return Poll::Ready(Ok(())) };
        let rest = ready!(rest.as_mut().poll(cx))?;
        match &mut self.room {
            Some(room) => room.merge(rest),
            None => self.room = Some(rest),
        }
        self.rest = None;
        Poll::Ready(Ok(()))
    }
}

/// Why the server stopped receiving a body.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cut {
    /// Its client was too slow.
    TooSlow,
    /// There was no room for more of it.
    NoRoom(OverLimit),
}

impl Drop for Received {
    fn drop(&mut self) {
        let Some(mut body) = self.body.take().filter(|body| !body.is_end_stream() && !self.is_held_back) else {
            return;
        };
        let room = self.room.take();
        self.runtime.spawn(async move {
            let taking = async {
                let mut left = LINGER_BYTES;
                while left > 0
                    && let Some(Ok(frame)) = body.frame().await
                {
                    left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                }
            };
            // A client that sends more, or for longer, is cut off.
            let _ = tokio::time::timeout(LINGER_TIME, taking).await;
            drop(room);
        });
    }
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.is_held_back = false;
        if let Err(over) = ready!(self.poll_room(cx)) {
            let _ = self.cut.set(Cut::NoRoom(over));
            return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
        }
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                metrics::received(bytes);
                self.came += bytes as u64;
                if let Some(visit) = &self.visit {
                    visit.count(bytes);
                }
            }
            Some(Err(Error::ConnectionReadTimeout | Error::HttpResponseTimeout)) => {
                let _ = self.cut.set(Cut::TooSlow);
            }
            _ => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}

/// The resources of an answer, released when it has been sent.
#[derive(Default)]
pub(super) struct Held {
    /// Keeps the instance that sends the answer.
    pub(super) ticket: Option<Ticket>,
    /// The request's place under [`Limits::requests`](super::limits::Limits::requests).
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// The request in the counts of its client.
    pub(super) visit: Option<Arc<Visit>>,
}

/// An answer's body.
pub(super) struct Sent {
    body: WasiBody,
    exchange: Exchange,
    held: Held,
}

impl Sent {
    pub(super) fn new(body: WasiBody, exchange: Exchange, held: Held) -> Self {
        Self { body, exchange, held }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                metrics::sent(bytes);
                self.exchange.sent += bytes as u64;
                if let Some(visit) = &self.held.visit {
                    visit.count(bytes);
                }
            }
            Some(Err(error)) => self.exchange.span.in_scope(|| tracing::warn!("the answer broke off: {error}")),
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
