//! Limits requests to each origin, and pauses them while the origin asks for rest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use burrow_model::time::retry_after;
use http::HeaderMap;
use http::header::RETRY_AFTER;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::millis;

/// The longest rest of an origin; a longer `Retry-After` is cut to this.
const LONGEST_REST: Duration = Duration::from_mins(1);

/// Origins remembered. Beyond this number, origins without a request or a rest are forgotten.
const REMEMBERED: usize = 1024;

/// All origins, by host and port. Clones are cheap and share state.
#[derive(Clone, Debug)]
pub(crate) struct Origins {
    at_once: usize,
    known: Arc<Mutex<HashMap<String, Origin>>>,
}

#[derive(Clone, Debug)]
struct Origin {
    turns: Arc<Semaphore>,
    rest_until: Option<Instant>,
}

/// Permission for one request to an origin, until it is dropped.
pub(crate) type Turn = Option<OwnedSemaphorePermit>;

impl Origins {
    /// Allows `at_once` requests to each origin at once.
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once, known: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Origin>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn origin(&self, authority: &str) -> Origin {
        let mut known = self.lock();
        if known.len() >= REMEMBERED && !known.contains_key(authority) {
            let now = Instant::now();
            known.retain(|_, origin| {
                origin.turns.available_permits() < self.at_once || origin.rest_until.is_some_and(|until| until > now)
            });
        }
        let new = || Origin { turns: Arc::new(Semaphore::new(self.at_once)), rest_until: None };
        known.entry(authority.to_owned()).or_insert_with(new).clone()
    }

    /// Waits for a turn at an origin, and until the origin has rested.
    pub(crate) async fn turn(&self, authority: &str) -> Turn {
        let turns = self.origin(authority).turns;
        // The semaphore is never closed.
        let turn = turns.acquire_owned().await.ok();
        while let Some(until) = self.rests_until(authority) {
            tokio::time::sleep_until(until).await;
        }
        turn
    }

    /// Returns when the origin's rest ends, if it rests.
    pub(crate) fn rests_until(&self, authority: &str) -> Option<Instant> {
        let until = self.lock().get(authority)?.rest_until?;
        (until > Instant::now()).then_some(until)
    }

    /// Lets the origin rest if its answer asks for that: 429 or 503 with `Retry-After` (RFC 9110, section 10.2.3).
    pub(crate) fn heed(&self, authority: &str, status: http::StatusCode, headers: &HeaderMap) {
        if !matches!(status.as_u16(), 429 | 503) {
            return;
        }
        let asked = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let Some(rest) = asked.and_then(|asked| retry_after(asked, millis(SystemTime::now())?)) else { return };
        let until = Instant::now() + rest.min(LONGEST_REST);
        if let Some(origin) = self.lock().get_mut(authority) {
            origin.rest_until = origin.rest_until.max(Some(until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(value: &str) -> HeaderMap {
        HeaderMap::from_iter([(RETRY_AFTER, value.parse().unwrap())])
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_has_so_many_turns_and_others_have_theirs() {
        let origins = Origins::new(2);
        let (one, _two, _other) = (origins.turn("a").await, origins.turn("a").await, origins.turn("b").await);
        let mut third = std::pin::pin!(origins.turn("a"));
        assert!(tokio::time::timeout(Duration::from_secs(5), &mut third).await.is_err());
        drop(one);
        assert!(tokio::time::timeout(Duration::from_secs(5), third).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_origin_that_asks_for_rest_gets_it() {
        let origins = Origins::new(2);
        drop(origins.turn("a").await);
        origins.heed("a", http::StatusCode::OK, &headers("7"));
        assert_eq!(origins.rests_until("a"), None);
        let begun = Instant::now();
        origins.heed("a", http::StatusCode::TOO_MANY_REQUESTS, &headers("7"));
        origins.heed("a", http::StatusCode::SERVICE_UNAVAILABLE, &headers("3"));
        drop(origins.turn("b").await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        drop(origins.turn("a").await);
        assert_eq!(begun.elapsed().as_secs(), 7);
        origins.heed("a", http::StatusCode::TOO_MANY_REQUESTS, &headers("100000"));
        drop(origins.turn("a").await);
        assert_eq!(begun.elapsed().as_secs(), 67);
    }

    #[tokio::test]
    async fn origins_that_nobody_asks_are_forgotten() {
        let origins = Origins::new(2);
        let _held = origins.turn("held").await;
        for n in 0..3 * REMEMBERED {
            drop(origins.turn(&n.to_string()).await);
        }
        let known = origins.lock();
        assert!(known.len() <= REMEMBERED && known.contains_key("held"), "{}", known.len());
    }
}
