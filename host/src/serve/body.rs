//! Bodies of requests and answers: count bytes, and hold resources until the body ends.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;
use wasmtime_wasi_http::{Error, WasiBody};

use super::exchange::Exchange;
use crate::metrics;
use crate::sending::Ticket;
use crate::timed_body::TimedBody;

/// A request's body.
pub(super) struct Received {
    pub(super) body: TimedBody,
    /// Set when the client was too slow.
    pub(super) too_slow: Arc<AtomicBool>,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

impl Body for Received {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => metrics::received(frame.data_ref().map_or(0, Bytes::len)),
            Some(Err(Error::ConnectionReadTimeout)) => self.too_slow.store(true, Ordering::Relaxed),
            _ => {}
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

/// The resources of an answer, released when it has been sent.
#[derive(Default)]
pub(super) struct Held {
    /// Keeps the instance that sends the answer.
    pub(super) ticket: Option<Ticket>,
    /// The request's place under [`Limits::requests`](super::limits::Limits::requests).
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// An answer's body.
pub(super) struct Sent {
    body: WasiBody,
    exchange: Exchange,
    _held: Held,
}

impl Sent {
    pub(super) fn new(body: WasiBody, exchange: Exchange, held: Held) -> Self {
        Self { body, exchange, _held: held }
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
