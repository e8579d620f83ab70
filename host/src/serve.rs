//! The HTTP service: hyper in front, wasmtime's `ProxyHandler` behind it, the scheduler that `wasmtime serve` and Spin
//! use too.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::task_tracker::{TaskTracker, TaskTrackerToken};
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyHandler, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};
use wasmtime_wasi_http::p3::bindings::Service;
use wasmtime_wasi_http::{WasiBody, WasiHttpView as _};

use crate::sending::{Sending, Stub, Ticket, Ticketed};
use crate::state::State;
use crate::timed_body::TimedBody;
use crate::{Burrow, Error, target};

/// Connections served at once; more wait to be accepted.
const CONNECTIONS: usize = 1000;

/// Requests that one instance serves at once, and in all. Each may leave a job behind, which takes up to 1.5 MiB of the
/// instance's memory; a fresh instance costs some 50 microseconds.
const CONCURRENT_REQUESTS: usize = 16;
const TOTAL_REQUESTS: usize = 32;

/// Time for the head of a request to arrive.
const HEADER_TIME: Duration = Duration::from_secs(10);

/// Time for the next bytes of a request's body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Time for a client to take the next bytes of an answer.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// Time between two looks at whether an answer is still being sent.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// Time for the component to begin its answer to a request without a body.
const ANSWER_TIME: Duration = Duration::from_mins(1);

/// The same where a body must be received and packed first.
const UPLOAD_TIME: Duration = Duration::from_mins(15);

/// Time for a job to go on after its answer: longer than any job's own limits.
const JOB_TIME: Duration = Duration::from_mins(15);

/// Time for an instance to wait for work before it is dropped.
const IDLE_TIME: Duration = Duration::from_secs(5);

/// Time for open requests and jobs to end when the service is stopped; what is left is resumed at the next start.
const GRACE_TIME: Duration = Duration::from_secs(10);

/// How often jobs are looked for whose worker died.
const RESUME_EVERY: Duration = Duration::from_secs(30);

impl Burrow {
    /// Serves HTTP on `listener` until `stop` resolves; then finishes what is under way, within 10 seconds.
    ///
    /// First of all it takes up the jobs that earlier processes left, in the background: at once those that were written
    /// before `alone_since`, if nobody else has used the store since then; others when their lease of 15 minutes ends.
    pub async fn serve(
        &self,
        listener: TcpListener,
        alone_since: Option<SystemTime>,
        stop: impl Future<Output = ()>,
    ) -> Result<(), Error> {
        let (stopping, instances) = (CancellationToken::new(), TaskTracker::new());
        let workers = Workers { burrow: self.clone(), stopping: stopping.clone(), instances: instances.clone() };
        let handler = ProxyHandler::new(workers);
        let connections = Arc::new(Semaphore::new(CONNECTIONS));
        let graceful = GracefulShutdown::new();
        let resuming = tokio::spawn(resume_for_ever(self.clone(), alone_since));
        let mut stop = std::pin::pin!(stop);
        loop {
            let accept = async {
                // It is never closed.
                let permit = connections.clone().acquire_owned().await.ok();
                (listener.accept().await, permit)
            };
            let (accepted, permit) = tokio::select! {
                () = &mut stop => break,
                accepted = accept => accepted,
            };
            let stream = match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!("cannot accept a connection: {error}");
                    // Out of file descriptors, most likely: some must close first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!("a connection was gone at once: {error}");
                continue;
            }
            let mut stream = TimeoutStream::new(stream);
            stream.set_write_timeout(Some(WRITE_TIME));
            let handler = handler.clone();
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIME)
                .serve_connection(
                    TokioIo::new(Box::pin(stream)),
                    service_fn(move |request| {
                        let handler = handler.clone();
                        async move { Ok::<_, std::convert::Infallible>(answer(&handler, request).await) }
                    }),
                );
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!("a connection ended early: {error}");
                }
                drop(permit);
            });
        }
        drop(listener);
        resuming.abort();
        stopping.cancel();
        instances.close();
        let finished = async {
            graceful.shutdown().await;
            instances.wait().await;
        };
        if tokio::time::timeout(GRACE_TIME, finished).await.is_err() {
            tracing::warn!("not done after {} s; unfinished jobs are taken up at the next start", GRACE_TIME.as_secs());
        }
        Ok(())
    }
}

/// Takes up what earlier processes left, and later what a failed instance left.
async fn resume_for_ever(burrow: Burrow, alone_since: Option<SystemTime>) {
    // Only the first pass goes by the clock, which may be set back later.
    let mut dead_before = alone_since;
    loop {
        let resumed = burrow.resume(dead_before).await;
        if resumed.is_ok() {
            dead_before = None;
        }
        match resumed {
            Ok(resumed) if resumed.ready + resumed.failed > 0 => {
                tracing::info!("resumed jobs: {} ready, {} failed", resumed.ready, resumed.failed);
            }
            Ok(_) => {}
            Err(error) => tracing::error!("cannot resume jobs: {error}"),
        }
        tokio::time::sleep(RESUME_EVERY).await;
    }
}

async fn answer(handler: &ProxyHandler<Workers>, request: http::Request<Incoming>) -> http::Response<WasiBody> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let time = if request.body().is_end_stream() { ANSWER_TIME } else { UPLOAD_TIME };
    let request = match target::complete(request) {
        Ok(request) => request.map(|body| TimedBody::new(body, BODY_TIME).boxed_unsync()),
        Err(reason) => return problem(http::StatusCode::BAD_REQUEST, "malformed", "Malformed request", reason),
    };
    let ticket = Ticket::default();
    match handler.handle((time, ticket.stub()), request).await {
        Ok(response) => response.map(|body| Ticketed { body, _ticket: ticket }.boxed_unsync()),
        Err(error) => {
            tracing::error!("{method} {path}: {error:#}");
            let detail = "the request could not be answered; the log says why";
            problem(http::StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
        }
    }
}

/// What the component would say, had it been asked.
fn problem(status: http::StatusCode, kind: &str, title: &str, detail: &str) -> http::Response<WasiBody> {
    let (kind, status_code) = (format!("/problems/{kind}"), status.as_u16());
    let body = serde_json::json!({ "type": kind, "title": title, "status": status_code, "detail": detail });
    let body = Full::from(body.to_string()).map_err(|never| match never {}).boxed_unsync();
    let mut response = http::Response::new(body);
    *response.status_mut() = status;
    let media_type = http::HeaderValue::from_static("application/problem+json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, media_type);
    response
}

/// Makes the instances that serve.
struct Workers {
    burrow: Burrow,
    stopping: CancellationToken,
    instances: TaskTracker,
}

impl HandlerState for Workers {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let mut store = self.burrow.factory.store();
        let instance = self.burrow.factory.pre.instantiate_async(&mut store).await?;
        let proxy = Proxy::P3(Service::new(&mut store, &instance)?);
        let sending = Sending::default();
        let expiration = Expiration {
            sending: sending.clone(),
            sleep: Box::pin(tokio::time::sleep(IDLE_TIME)),
            stopping: Box::pin(self.stopping.clone().cancelled_owned()),
        };
        let state = Worker { stopping: self.stopping.clone(), sending, _alive: self.instances.token() };
        Ok(Instance { store, proxy, view: State::http, expiration, state })
    }
}

/// When an instance is dropped.
struct Expiration {
    sending: Sending,
    sleep: Pin<Box<Sleep>>,
    stopping: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        let time = match status {
            WorkerStatus::Idle => IDLE_TIME,
            WorkerStatus::Requests => UPLOAD_TIME,
            WorkerStatus::PostReturn => JOB_TIME,
        };
        if self.stopping.as_mut().poll(cx).is_ready() && status == WorkerStatus::Idle {
            return Poll::Ready(());
        }
        let deadline = (since + time).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if !self.sending.any() {
                return Poll::Ready(());
            }
            let later = tokio::time::Instant::now() + LOOK_AGAIN;
            self.sleep.as_mut().reset(later);
        }
        Poll::Pending
    }
}

/// What an instance takes, and that it lives.
struct Worker {
    stopping: CancellationToken,
    sending: Sending,
    _alive: TaskTrackerToken,
}

impl WorkerState for Worker {
    type StoreData = State;
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
        _: StoreContextMut<'_, State>,
        (time, stub): (Duration, Stub),
        _: wasmtime::component::GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        self.sending.begin(stub);
        Box::pin(tokio::time::sleep(time))
    }

    fn drop(&self, store: Store<State>, result: Result<(), wasmtime::Error>) {
        if let Err(error) = result
            && !self.stopping.is_cancelled()
        {
            tracing::error!("an instance failed; its jobs are resumed later: {error:#}");
        }
        drop(store);
    }
}
