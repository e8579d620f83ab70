//! A body that fails when its sender pauses for too long, or sends too little.

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
use crate::patience::{Patience, SILENCE, Waits};

/// How long a sender may send less than the least speed.
const WINDOW: Duration = Duration::from_secs(30);

/// A body with limits on the wait for its sender. The clock runs only while the reader waits.
pub(crate) struct TimedBody {
    body: Incoming,
    between_bytes: Duration,
    least_speed: u64,
    /// When the reader began to wait, if it waits.
    waits_since: Option<Instant>,
    /// The time for which the reader waited, and the bytes that came, since the speed was measured last.
    waited: Duration,
    came: u64,
    alarm: Pin<Box<Sleep>>,
    origin: Option<OfOrigin>,
}

/// What a body from an origin holds.
struct OfOrigin {
    _turn: Turn,
    patience: Patience,
    lags: Option<Waits>,
}

impl TimedBody {
    /// A body whose sender may pause for `between_bytes`.
    pub(crate) fn new(body: Incoming, between_bytes: Duration) -> Self {
        Self {
            body,
            between_bytes,
            least_speed: 0,
            waits_since: None,
            waited: Duration::ZERO,
            came: 0,
            alarm: Box::pin(tokio::time::sleep(between_bytes)),
            origin: None,
        }
    }

    /// Sets the least speed of the sender, in bytes a second, over half a minute of waiting.
    pub(crate) fn at_least(self, least_speed: u64) -> Self {
        Self { least_speed, ..self }
    }

    /// Adds an origin's turn, which the body holds until it is dropped, and counts the body as one that lags while its
    /// origin is silent.
    pub(crate) fn of_origin(self, turn: Turn, patience: Patience) -> Self {
        Self { origin: Some(OfOrigin { _turn: turn, patience, lags: None }), ..self }
    }

    /// Notes bytes that came. Returns whether they came too slowly.
    fn note(&mut self, bytes: usize) -> bool {
        if let Some(since) = self.waits_since.take() {
            self.waited += since.elapsed();
        }
        if let Some(origin) = &mut self.origin {
            origin.lags = None;
        }
        self.came += bytes as u64;
        if self.waited < WINDOW {
            return false;
        }
        let is_too_slow = self.is_too_slow(self.waited);
        (self.waited, self.came) = (Duration::ZERO, 0);
        is_too_slow
    }

    fn is_too_slow(&self, waited: Duration) -> bool {
        self.came < self.least_speed.saturating_mul(waited.as_secs())
    }

    /// When a wait that began then has to be looked at again: once when it is long enough for the origin to count as
    /// silent, then when it is too long.
    fn alarm_at(&self, since: Instant) -> Instant {
        let window = if self.least_speed > 0 { WINDOW.saturating_sub(self.waited) } else { Duration::MAX };
        let at_last = self.between_bytes.min(window.max(Duration::from_millis(1)));
        match &self.origin {
            Some(OfOrigin { lags: None, .. }) => since + at_last.min(SILENCE),
            _ => since + at_last,
        }
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
            let bytes = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()).map_or(0, Bytes::len);
            if self.note(bytes) && frame.is_some() && !self.body.is_end_stream() {
                return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
            }
            return Poll::Ready(frame.map(|frame| {
                frame.map_err(
                    |error| if is_broken_off(&error) { Error::HttpResponseIncomplete } else { Error::Hyper(error) },
                )
            }));
        }
        let mut since = if let Some(since) = self.waits_since {
            since
        } else {
            let now = Instant::now();
            let alarm = self.alarm_at(now);
            self.alarm.as_mut().reset(alarm);
            *self.waits_since.insert(now)
        };
        while self.alarm.as_mut().poll(cx).is_ready() {
            let waits = since.elapsed();
            if waits >= self.between_bytes {
                return Poll::Ready(Some(Err(Error::ConnectionReadTimeout)));
            }
            if self.least_speed > 0 && self.waited + waits >= WINDOW {
                if self.is_too_slow(self.waited + waits) {
                    return Poll::Ready(Some(Err(Error::HttpResponseTimeout)));
                }
                self.note(0);
                since = *self.waits_since.insert(Instant::now());
            }
            if let Some(origin) = self.origin.as_mut().filter(|_| waits >= SILENCE) {
                origin.lags.get_or_insert_with(|| origin.patience.lags());
            }
            let next = self.alarm_at(since).max(Instant::now() + Duration::from_millis(1));
            self.alarm.as_mut().reset(next);
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
