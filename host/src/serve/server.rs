//! Serves connections: admits each request, hands it to the component, and sends the answer.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio_io_timeout::TimeoutStream;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::ProxyHandler;

use super::answers::Answers;
use super::body::{Held, Received, Sent};
use super::exchange::{Exchange, REQUEST_ID};
use super::limits::{Admission, OverLimit};
use super::problem;
use super::workers::{ANSWER_TIME, UPLOAD_TIME, Workers};
use crate::sending::Ticket;
use crate::timed_body::TimedBody;
use crate::{metrics, target};

/// Time for the head of a request to arrive; also the longest silence between requests of a connection.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(10);

/// Time for the next bytes of a request's body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Time for a client to take the next bytes of an answer.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);

/// The health check. It is never refused: a monitor takes a server that refuses it for dead.
const HEALTH: &str = "/healthz";

/// The state that all connections share.
pub(super) struct Server {
    admission: Admission,
    component: RwLock<Component>,
    /// How many bytes of answers are kept.
    kept_bytes: usize,
    access_log: bool,
}

/// The instances of a component, and its answers that are kept.
#[derive(Clone)]
struct Component {
    handler: ProxyHandler<Workers>,
    answers: Option<Answers>,
}

impl Component {
    fn new(workers: Workers, kept_bytes: usize) -> Self {
        let answers = Answers::new(kept_bytes, workers.burrow.factory.kv.record_writes());
        Self { handler: ProxyHandler::new(workers), answers }
    }
}

impl Server {
    pub(super) fn new(admission: Admission, workers: Workers, kept_bytes: usize, access_log: bool) -> Self {
        let component = RwLock::new(Component::new(workers, kept_bytes));
        Self { admission, component, kept_bytes, access_log }
    }

    /// Hands requests to instances of these workers from now on. Requests that have begun stay with their instances.
    /// The answers of the instances before are no longer used.
    pub(super) fn switch(&self, workers: Workers) {
        let component = Component::new(workers, self.kept_bytes);
        *self.component.write().unwrap_or_else(PoisonError::into_inner) = component;
    }

    fn component(&self) -> Component {
        self.component.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Serves a connection to its end. A connection over the limit gets one 503, then it is closed.
    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let _open = metrics::Open::connection();
        let (_place, over) = match self.admission.connection().await {
            Ok(place) => (Some(place), None),
            Err(over) => (None, Some(over)),
        };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!("a connection was gone at once: {error}");
            return;
        }
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(WRITE_TIME));
        let server = &self;
        let connection = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME)
            .keep_alive(over.is_none())
            .serve_connection(
                TokioIo::new(Box::pin(stream)),
                service_fn(async |request| Ok::<_, Infallible>(server.answer(request, peer, over).await)),
            );
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!("a connection ended early: {error}");
        }
    }

    async fn answer(&self, request: Request<Incoming>, peer: SocketAddr, over: Option<OverLimit>) -> Response<Sent> {
        let mut exchange = Exchange::begin(&request, peer, self.access_log);
        let mut held = Held::default();
        let answering = self.admit(request, &exchange, over, &mut held).instrument(exchange.span.clone());
        let mut response = answering.await.unwrap_or_else(|refusal| refusal);
        response.headers_mut().insert(REQUEST_ID, exchange.id.clone());
        exchange.status = Some(response.status());
        response.map(|body| Sent::new(body, exchange, held))
    }

    /// Waits up to a second for room for a request, and for its body.
    async fn make_room(
        &self,
        request: &Request<Received>,
        over: Option<OverLimit>,
        held: &mut Held,
    ) -> Result<Option<OwnedSemaphorePermit>, OverLimit> {
        if request.uri().path() == HEALTH {
            return Ok(None);
        }
        over.map_or(Ok(()), Err)?;
        held.place = Some(self.admission.request().await?);
        self.admission.body(request.body()).await
    }

    /// Admits a request and returns the component's answer; the error is the host's own answer.
    async fn admit(
        &self,
        request: Request<Incoming>,
        exchange: &Exchange,
        over: Option<OverLimit>,
        held: &mut Held,
    ) -> Result<Response<WasiBody>, Response<WasiBody>> {
        // From here on the body of a refused request is taken, so that the client reads the answer.
        let (parts, body) = request.into_parts();
        let body = Received::new(TimedBody::new(body, BODY_TIME), &parts.headers);
        let mut request = target::complete(Request::from_parts(parts, body)).map_err(problem::malformed)?;
        request.headers_mut().insert(REQUEST_ID, exchange.id.clone());
        let room = self.make_room(&request, over, held).await.map_err(|over| {
            metrics::refused(over.limit);
            problem::over(over)
        })?;
        request.body_mut().room = room;
        let Component { handler, answers } = self.component();
        let asked = answers.as_ref().and_then(|answers| Some((answers, Answers::asked(&request)?)));
        if let Some(response) = asked.as_ref().and_then(|(answers, asked)| answers.find(asked)) {
            return Ok(response);
        }
        let keeper = asked.and_then(|(answers, asked)| answers.begin(asked));
        let time = if request.body().is_end_stream() { ANSWER_TIME } else { UPLOAD_TIME };
        let too_slow = request.body().too_slow.clone();
        let request = request.map(Received::boxed_unsync);
        let ticket = held.ticket.insert(Ticket::default());
        let response = handler.handle((time, ticket.stub()), request).await.map_err(|error| {
            tracing::error!("the component gave no answer: {error:#}");
            problem::internal()
        })?;
        // The component cannot tell a body that is too slow from one that broke off, so correct its answer.
        if response.status() == StatusCode::BAD_REQUEST && too_slow.load(Ordering::Relaxed) {
            return Err(problem::too_slow());
        }
        Ok(match keeper {
            Some(keeper) => keeper.keep(response),
            None => response,
        })
    }
}
