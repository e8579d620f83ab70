//! Admission: a request over a limit waits up to a second, and is then refused.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use http_body::SizeHint;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::clients::ClientLimits;

/// Time that a connection or request over a limit waits for room.
const PATIENCE: Duration = Duration::from_secs(1);

/// The most bytes of one request's body that this process holds at once, in the instance and the streams to it, however
/// long the body is.
const BODY: u64 = 2 * 1024 * 1024;

/// The part of [`BODY`] that is counted from the beginning. The rest is counted when so much has come: a body of which
/// nothing comes takes no room from others.
pub(super) const FIRST: u64 = 64 * 1024;

/// Limits of what is served at once.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open connections.
    pub connections: usize,
    /// Requests whose answer has not ended.
    pub requests: usize,
    /// Bytes of request bodies that are being received.
    pub bytes_in_flight: usize,
    /// The least speed of a request's body, in bytes a second, over half a minute of waiting for it; 0 means none.
    pub least_speed: u64,
    /// What one client may have.
    pub client: ClientLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 1000,
            requests: 512,
            bytes_in_flight: 256 * 1024 * 1024,
            least_speed: 1024,
            client: ClientLimits::default(),
        }
    }
}

/// A refusal: which limit, and by how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct OverLimit {
    pub(super) limit: &'static str,
    pub(super) allowed: usize,
    /// The value that the refused request would have made.
    pub(super) seen: usize,
    /// When the client may try again, if it is a limit of this client's.
    pub(super) after: Option<Duration>,
}

/// Waits for room.
pub(super) type Room = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, OverLimit>> + Send>>;

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

    /// Takes room for the beginning of a request's body, and returns the wait for the rest; `None` if it has no body.
    pub(super) async fn body(&self, size: SizeHint) -> Result<Option<(OwnedSemaphorePermit, Room)>, OverLimit> {
        if size.exact() == Some(0) {
            return Ok(None);
        }
        let bytes = size.upper().unwrap_or(BODY).min(BODY);
        // A body that alone exceeds the limit takes all of it, so it is never refused for its size.
        let bytes = usize::try_from(bytes).unwrap_or(usize::MAX).min(self.bytes_in_flight.allowed);
        let first = bytes.min(usize::try_from(FIRST).unwrap_or(usize::MAX));
        let (begun, limit) = (self.bytes_in_flight.take(first).await?, self.bytes_in_flight.clone());
        Ok(Some((begun, Box::pin(async move { limit.take(bytes - first).await }))))
    }
}

#[derive(Clone)]
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
            OverLimit { limit: self.name, allowed: self.allowed, seen, after: None }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_takes_what_it_holds_at_once() {
        let admission = Admission::new(Limits { bytes_in_flight: 5 << 20, ..Limits::default() });
        let body = SizeHint::with_exact;
        assert!(admission.body(body(0)).await.unwrap().is_none());
        let whole = async |bytes: u64| {
            let (begun, rest) = admission.body(body(bytes)).await.unwrap().unwrap();
            (begun, rest.await.unwrap())
        };
        let first = whole(100 << 20).await;
        let second = whole(100 << 20).await;
        let small = whole(1 << 20).await;
        let over = admission.body(body(1)).await.err().unwrap();
        assert_eq!((over.limit, over.allowed, over.seen), ("max_bytes_in_flight", 5 << 20, (5 << 20) + 1));
        drop((first, second, small));
        // Of these bodies little has come, so they take little.
        let mut begun = Vec::new();
        for _ in 0..79 {
            begun.push(admission.body(body(100 << 20)).await.unwrap().unwrap());
        }
        assert!(admission.body(body(1)).await.unwrap().is_some());
        let over = begun.pop().unwrap().1.await.unwrap_err();
        assert_eq!(over.limit, "max_bytes_in_flight");
        let narrow = Admission::new(Limits { bytes_in_flight: 10, ..Limits::default() });
        let (_begun, rest) = narrow.body(body(1 << 20)).await.unwrap().unwrap();
        assert!(rest.await.is_ok());
    }
}
