//! A body that fails when its sender pauses for too long.

use std::error::Error as _;
use std::io::ErrorKind;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::Error;

use crate::origins::Turn;

/// A body with a time limit on each wait. The clock runs only while the reader waits for the sender.
pub(crate) struct TimedBody {
    body: Incoming,
    between_bytes: Duration,
    pause: Pin<Box<Sleep>>,
    waiting: bool,
    _turn: Turn,
}

impl TimedBody {
    pub(crate) fn new(body: Incoming, between_bytes: Duration) -> Self {
        Self { body, between_bytes, pause: Box::pin(tokio::time::sleep(between_bytes)), waiting: false, _turn: None }
    }

    /// Adds an origin's turn, which the body holds until it is dropped.
    pub(crate) fn holding(self, turn: Turn) -> Self {
        Self { _turn: turn, ..self }
    }
}

/// Whether the connection ended before the body did.
fn is_broken_off(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<std::io::Error>());
    error.is_incomplete_message()
        || cause.is_some_and(|cause| matches!(cause.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset))
}

impl http_body::Body for TimedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            self.waiting = false;
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(
                    |error| if is_broken_off(&error) { Error::HttpResponseIncomplete } else { Error::Hyper(error) },
                )
            }));
        }
        if !self.waiting {
            self.waiting = true;
            let deadline = Instant::now() + self.between_bytes;
            self.pause.as_mut().reset(deadline);
        }
        self.pause.as_mut().poll(cx).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
