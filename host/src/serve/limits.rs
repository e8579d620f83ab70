//! Admission: a request over a limit waits up to a second, and is then refused.

use std::sync::Arc;
use std::time::Duration;

use http_body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Time that a connection or request over a limit waits for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of one request's body that this process holds at once, in the instance and the streams to it, however
/// long the body is.
const BODY: u64 = 2 * 1024 * 1024;

/// Limits of what is served at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Requests whose answer has not ended.
    pub requests: usize,
    /// Bytes of request bodies that are being received.
    pub bytes_in_flight: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: 1000, requests: 512, bytes_in_flight: 256 * 1024 * 1024 }
    }
}

/// A refusal: which limit, and by how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverLimit {
    pub(super) limit: &'static str,
    pub(super) allowed: usize,
    /// The value that the refused request would have made.
    pub(super) seen: usize,
}

/// Admits connections, requests and bodies while the limits leave room.
pub(super) struct Admission {
    connections: Limit,
    requests: Limit,
    bytes_in_flight: Limit,
}

impl Admission {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            connections: Limit::new("max_connections", limits.connections),
            requests: Limit::new("max_requests", limits.requests),
            bytes_in_flight: Limit::new("max_bytes_in_flight", limits.bytes_in_flight),
        }
    }

    pub(super) async fn connection(&self) -> Result<OwnedSemaphorePermit, OverLimit> {
        self.connections.take(1).await
    }

    pub(super) async fn request(&self) -> Result<OwnedSemaphorePermit, OverLimit> {
        self.requests.take(1).await
    }

    /// Takes room for a request's body; `None` if it has no body.
    pub(super) async fn body(&self, body: &impl Body) -> Result<Option<OwnedSemaphorePermit>, OverLimit> {
        if body.is_end_stream() {
            return Ok(None);
        }
        let bytes = body.size_hint().upper().unwrap_or(BODY).min(BODY);
        // A body that alone exceeds the limit takes all of it, so it is never refused for its size.
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.bytes_in_flight.allowed);
        self.bytes_in_flight.take(bytes).await.map(Some)
    }
}

struct Limit {
    name: &'static str,
    allowed: usize,
    free: Arc<Semaphore>,
}

impl Limit {
    fn new(name: &'static str, allowed: usize) -> Self {
        let allowed = allowed.min(Semaphore::MAX_PERMITS);
        Self { name, allowed, free: Arc::new(Semaphore::new(allowed)) }
    }

    async fn take(&self, amount: usize) -> Result<OwnedSemaphorePermit, OverLimit> {
        let permits = u32::try_from(amount).unwrap_or(u32::MAX);
        let room = tokio::time::timeout(PATIENCE, self.free.clone().acquire_many_owned(permits)).await;
        // The semaphore is never closed, so the only failure is the time-out.
        room.ok().and_then(Result::ok).ok_or_else(|| {
            let seen = self.allowed - self.free.available_permits() + amount;
            OverLimit { limit: self.name, allowed: self.allowed, seen }
        })
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::Full;

    use super::*;

    #[tokio::test]
    async fn a_body_takes_what_it_holds_at_once() {
        let admission = Admission::new(Limits { bytes_in_flight: 5 << 20, ..Limits::default() });
        let body = |bytes: usize| Full::new(bytes::Bytes::from(vec![0; bytes]));
        assert!(admission.body(&body(0)).await.unwrap().is_none());
        let first = admission.body(&body(100 << 20)).await.unwrap();
        let second = admission.body(&body(100 << 20)).await.unwrap();
        let small = admission.body(&body(1 << 20)).await.unwrap();
        let over = admission.body(&body(1)).await.unwrap_err();
        assert_eq!((over.limit, over.allowed, over.seen), ("max_bytes_in_flight", 5 << 20, (5 << 20) + 1));
        drop((first, second, small));
        assert!(admission.body(&body(1)).await.unwrap().is_some());
        let narrow = Admission::new(Limits { bytes_in_flight: 10, ..Limits::default() });
        assert!(narrow.body(&body(1 << 20)).await.unwrap().is_some());
    }
}
