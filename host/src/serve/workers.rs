//! Instances that serve requests, and when each is made, filled and dropped.
//!
//! wasmtime's `ProxyHandler` makes and drops them; `wasmtime serve` and Spin use it, too.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::{TaskTracker, TaskTrackerToken};
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::Service;

use crate::computing::Computing;
use crate::sending::{Sending, Stub};
use crate::state::InstanceState;
use crate::{Burrow, metrics};

/// Requests that one instance serves at once, and in total. Each may be an upload, which takes up to 1.5 MiB of the
/// instance's memory. A fresh instance costs some 50 microseconds.
const CONCURRENT_REQUESTS: usize = 16;
const TOTAL_REQUESTS: usize = 32;

/// Time between two checks whether guest code pauses.
const PAUSE: Duration = Duration::from_secs(1);

/// Time between two checks whether a client still waits or reads.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Time for the component to begin its answer to a request without a body. It may also compute for so long, without a
/// pause, for any request.
pub(super) const ANSWER_TIME: Duration = Duration::from_mins(1);

/// The same for a request with a body, which must be received and packed first.
pub(super) const UPLOAD_TIME: Duration = Duration::from_mins(15);

/// Time for an instance's work after an answer has begun, mostly sending it.
const JOB_TIME: Duration = Duration::from_mins(15);

/// Time that an idle instance waits for a request before it is dropped.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Makes the instances that serve requests.
#[derive(Clone)]
pub(super) struct Workers {
    pub(super) burrow: Burrow,
    pub(super) stopping: CancellationToken,
    pub(super) instances: TaskTracker,
}

impl HandlerState for Workers {
    type StoreData = InstanceState;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, Expiration, Worker>> {
        let mut store = self.burrow.factory.store();
        store.data_mut().recorded = Some(self.burrow.recorded.clone());
        store.data_mut().computing = Computing::at_most(ANSWER_TIME);
        let instance = self.burrow.factory.instantiate(&mut store).await?;
        let proxy = Proxy::P3(Service::new(&mut store, &instance)?);
        let sending = Sending::default();
        let expiration = Expiration {
            sending: sending.clone(),
            sleep: Box::pin(tokio::time::sleep(IDLE_TIME)),
            stopping: Box::pin(self.stopping.clone().cancelled_owned()),
        };
        let state = Worker { stopping: self.stopping.clone(), sending, _alive: self.instances.token() };
        Ok(Instance { store, proxy, view: InstanceState::http, expiration, state })
    }
}

/// Decides when an instance is dropped.
pub(super) struct Expiration {
    sending: Sending,
    sleep: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        if self.stopping.as_mut().poll(cx).is_ready() && status == WorkerStatus::Idle {
            return Poll::Ready(());
        }
        loop {
            let has_clients = self.sending.any();
            let time = match status {
                WorkerStatus::Idle => IDLE_TIME,
                WorkerStatus::Requests if has_clients => UPLOAD_TIME,
                // Its clients are gone, and it still does not answer.
                WorkerStatus::Requests => ANSWER_TIME,
                WorkerStatus::PostReturn => JOB_TIME,
            };
            let left = time.saturating_sub(since.elapsed());
            if left.is_zero() && !has_clients {
                return Poll::Ready(());
            }
            let wait = if left.is_zero() { LOOK_AGAIN } else { left.min(LOOK_AGAIN) };
            self.sleep.as_mut().reset(tokio::time::Instant::now() + wait);
            if self.sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Decides how many requests an instance accepts, and counts it as alive.
pub(super) struct Worker {
    stopping: CancellationToken,
    sending: Sending,
    _alive: TaskTrackerToken,
}

impl WorkerState for Worker {
    type StoreData = InstanceState;
    type RequestData = (Duration, Stub);

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        if total >= TOTAL_REQUESTS {
            ShouldAccept::Never
        } else if concurrent >= CONCURRENT_REQUESTS {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        store: StoreContextMut<'_, InstanceState>,
        (time, stub): (Duration, Stub),
        _: wasmtime::component::GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        self.sending.begin(stub);
        let (computing, ends) = (store.data().computing.clone(), tokio::time::Instant::now() + time);
        Box::pin(async move {
            while tokio::time::timeout_at(ends, tokio::time::sleep(PAUSE)).await.is_ok() {
                // This runs only when no guest code does.
                computing.pause();
            }
        })
    }

    fn drop(&self, store: Store<InstanceState>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result
            && !self.stopping.is_cancelled()
        {
            metrics::instance_failed();
            tracing::error!("an instance failed: {error:#}");
        }
        drop(store);
    }
}
