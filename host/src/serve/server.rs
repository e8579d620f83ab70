//! Serves connections: admits each request, hands it to the component, and sends the answer.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::Watcher;
use tokio::net::TcpStream;
use tokio_io_timeout::TimeoutStream;
use tracing::Instrument as _;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::ProxyHandler;

use super::answers::Answers;
use super::body::{Cut, Held, Received, Sent};
use super::clients::{Clients, Guess, TrustedProxies};
use super::exchange::{Exchange, REQUEST_ID};
use super::limits::{Admission, Limits, OverLimit};
use super::problem;
use super::workers::{ANSWER_TIME, UPLOAD_TIME, Workers};
use crate::sending::Ticket;
use crate::timed_body::TimedBody;
use crate::{metrics, target};

/// Time for the head of a request to arrive; also the longest silence between requests of a connection.
pub(super) const HEADER_TIME: Duration = Duration::from_secs(10);

/// The largest head of a request, in bytes, and the most that is read at once. Each connection may hold as much.
const HEAD_BYTES: usize = 64 * 1024;

/// Time for the next bytes of a request's body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// Time for a client to take the next bytes of an answer.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);

/// The health check. It is never refused: a monitor takes a server that refuses it for dead.
const HEALTH: &str = "/healthz";

/// The state that all connections share.
pub(super) struct Server {
    admission: Admission,
    clients: Arc<Clients>,
    proxies: TrustedProxies,
    /// The least speed of a request's body, in bytes a second.
    least_speed: u64,
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
    pub(super) fn new(
        limits: Limits,
        proxies: TrustedProxies,
        workers: Workers,
        kept_bytes: usize,
        access_log: bool,
    ) -> Self {
        let component = RwLock::new(Component::new(workers, kept_bytes));
        let (admission, clients) = (Admission::new(limits), Clients::new(limits.client));
        Self { admission, clients, proxies, least_speed: limits.least_speed, component, kept_bytes, access_log }
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

    /// Serves a connection to its end. A connection over the limit gets one 503, then it is closed; one over its client's
    /// limit is closed at once, because it would keep others from being accepted.
    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let _open = metrics::Open::connection();
        // The connections of a proxy are those of all its clients.
        let is_proxy = self.proxies.contain(peer.ip());
        let visit = if is_proxy { Ok(None) } else { self.clients.connection(peer.ip()).map(Some) };
        let _visit = match visit {
            Ok(visit) => visit,
            Err(over) => return metrics::refused(over.limit),
        };
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
            .max_buf_size(HEAD_BYTES)
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
        request: &mut Request<Received>,
        client: IpAddr,
        over: Option<OverLimit>,
        held: &mut Held,
    ) -> Result<(), OverLimit> {
        if request.uri().path() == HEALTH {
            return Ok(());
        }
        over.map_or(Ok(()), Err)?;
        let visit = Arc::new(self.clients.request(client)?);
        request.body_mut().visit = Some(visit.clone());
        held.visit = Some(visit);
        held.place = Some(self.admission.request().await?);
        let size = request.body().size_hint();
        if let Some((room, rest)) = self.admission.body(size).await? {
            let body = request.body_mut();
            (body.room, body.rest) = (Some(room), Some(rest));
        }
        Ok(())
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
        let body = TimedBody::new(body, BODY_TIME).at_least(self.least_speed);
        let body = Received::new(body, &parts.headers);
        let mut request = target::complete(Request::from_parts(parts, body)).map_err(problem::malformed)?;
        request.headers_mut().insert(REQUEST_ID, exchange.id.clone());
        let client = self.proxies.client(exchange.peer.ip(), request.headers());
        let refused = |over: OverLimit| {
            metrics::refused(over.limit);
            problem::over(over)
        };
        self.make_room(&mut request, client, over, held).await.map_err(refused)?;
        let guess = Guess::of(request.method(), request.uri().path(), request.headers());
        self.clients.check_guess(client, guess.as_ref()).map_err(refused)?;
        let Component { handler, answers } = self.component();
        let asked = answers.as_ref().and_then(|answers| Some((answers, Answers::asked(&request)?)));
        if let Some(response) = asked.as_ref().and_then(|(answers, asked)| answers.find(asked)) {
            return Ok(response);
        }
        let keeper = asked.and_then(|(answers, asked)| answers.begin(asked));
        let time = if request.body().is_end_stream() { ANSWER_TIME } else { UPLOAD_TIME };
        let cut = request.body().cut.clone();
        let request = request.map(Received::boxed_unsync);
        let ticket = held.ticket.insert(Ticket::default());
        let response = handler.handle((time, ticket.stub()), request).await.map_err(|error| {
            tracing::error!("the component gave no answer: {error:#}");
            problem::internal()
        })?;
        if let Some(guess) = guess {
            self.clients.note_guess(client, &guess, response.status());
        }
        if response.status() == StatusCode::INSUFFICIENT_STORAGE {
            metrics::refused("quota");
        }
        // The component cannot tell a body that the server cut from one that broke off, so correct its answer.
        match cut.get() {
            Some(Cut::TooSlow) if response.status() == StatusCode::BAD_REQUEST => return Err(problem::too_slow()),
            Some(Cut::NoRoom(over)) if response.status() == StatusCode::BAD_REQUEST => return Err(refused(*over)),
            _ => {}
        }
        Ok(match keeper {
            Some(keeper) => keeper.keep(response),
            None => response,
        })
    }
}
