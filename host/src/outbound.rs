//! Outgoing HTTP: sends the component's requests to origins, over one pool of connections.
//!
//! [`connect`] holds the policy of addresses.

mod connect;
mod failure;
mod proxy;
mod trust;

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use http::uri::Scheme;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::connect::Connector;
pub use self::proxy::Proxy;
pub(crate) use self::trust::Authorities;
use crate::Burrow;
use crate::address::is_public;
use crate::metrics;
use crate::origins::Origins;
use crate::patience::Patience;
use crate::timed_body::TimedBody;

/// Time for the first byte of an answer, and between two bytes, unless the component sets it.
const WAIT: Duration = Duration::from_secs(30);

/// Idle connections kept to one origin.
const IDLE_PER_HOST: usize = 8;

/// Lines in the head of an answer, as many as in Firefox's and more than in any server's.
const MAX_HEADERS: usize = 1000;

/// Sends the component's requests. Clones are cheap and share connections.
#[derive(Clone)]
pub(crate) struct Outbound {
    client: Client<HttpsConnector<Connector>, WasiBody>,
    proxy: Option<Arc<Proxy>>,
    allow_private_network: bool,
    connect_timeout: Duration,
    origins: Origins,
    patience: Patience,
    /// The runtime that drives connections, apart from the packing threads.
    runtime: Handle,
    /// Answers requests to [`PACKERS`]; `None` for the instances that do this work.
    packers: Option<Packers>,
}

/// Runs blocks and thumbnails in other instances, and limits how many at once.
#[derive(Clone)]
struct Packers {
    burrow: Box<Burrow>,
    packing: Arc<Semaphore>,
    drawing: Arc<Semaphore>,
}

/// The host name to which the component sends work for other instances: blocks of large images, and thumbnails. It
/// never collides with a public name, because ICANN reserves `internal` for private use (resolution 2024.07.29.06).
const PACKERS: &str = "packers.burrow.internal";

/// Time to draw a thumbnail; decoders take two seconds at most.
const DRAWING: Duration = Duration::from_secs(10);

/// Time that a thumbnail waits for its turn.
const TURN: Duration = Duration::from_secs(5);

/// The largest block that another instance packs, in bytes.
const BLOCK: usize = 1024 * 1024;

impl Outbound {
    pub(crate) fn new(
        allow_private_network: bool,
        connect_timeout: Duration,
        authorities: &Authorities,
        proxy: Option<Proxy>,
        origins: Origins,
        patience: Patience,
        runtime: Handle,
    ) -> Result<Self, crate::Error> {
        let proxy = proxy.map(Arc::new);
        let connector = Connector::new(allow_private_network, connect_timeout, proxy.clone());
        let https = HttpsConnectorBuilder::new().with_tls_config(authorities.config()?).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(IDLE_PER_HOST)
            // Heads of answers are read as browsers read them. A line that cannot be read is left out.
            .http1_ignore_invalid_headers_in_responses(true)
            .http1_allow_spaces_after_header_name_in_responses(true)
            .http1_allow_obsolete_multiline_headers_in_responses(true)
            .http1_max_headers(MAX_HEADERS)
            .build(https.wrap_connector(connector));
        Ok(Self { client, proxy, allow_private_network, connect_timeout, origins, patience, runtime, packers: None })
    }

    /// Lets instances send work to other instances, which `burrow` makes: at most `blocks` blocks to pack and
    /// `thumbnails` thumbnails to draw at once.
    pub(crate) fn with_packers(self, burrow: Burrow, blocks: usize, thumbnails: usize) -> Self {
        let [packing, drawing] = [blocks, thumbnails].map(|at_once| Arc::new(Semaphore::new(at_once)));
        Self { packers: Some(Packers { burrow: Box::new(burrow), packing, drawing }), ..self }
    }

    async fn send(
        self,
        mut request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<http::Response<WasiBody>, Error> {
        // The connector does not ask the resolver about a literal address, and a proxy might not refuse it.
        let host = request.uri().host().unwrap_or_default();
        if host == PACKERS {
            return match self.packers {
                Some(packers) => packers.answer(request).await,
                None => Err(Error::HttpRequestDenied),
            };
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        if !self.allow_private_network && literal.is_ok_and(|address| !is_public(address)) {
            return Err(Error::DestinationIpProhibited);
        }
        let first_byte = options.and_then(|options| options.first_byte_timeout).unwrap_or(WAIT);
        let between_bytes = options.and_then(|options| options.between_bytes_timeout).unwrap_or(WAIT);
        let authority = request.uri().authority().map_or_else(String::new, ToString::to_string);
        if let Some(proxy) = self.proxy.filter(|_| request.uri().scheme() != Some(&Scheme::HTTPS)) {
            proxy.authorize(request.headers_mut());
        }
        let turn = self.patience.lagging(self.origins.turn(&authority)).await;
        let asking = tokio::time::timeout(self.connect_timeout + first_byte, self.client.request(request));
        let response = self
            .patience
            .lagging(asking)
            .await
            .map_err(|_| Error::ConnectionReadTimeout)?
            .map_err(|error| failure::explain(&error))?;
        self.origins.heed(&authority, response.status(), response.headers());
        Ok(response.map(|body| {
            // The body holds the turn.
            TimedBody::new(body, between_bytes).of_origin(turn, self.patience.clone()).boxed_unsync()
        }))
    }
}

impl Packers {
    /// Has another instance do the work: `/thumbnails/{id}/{width}` draws a thumbnail, `/likenesses/{id}` makes a likeness,
    /// any other path packs a block.
    async fn answer(&self, request: http::Request<WasiBody>) -> Result<http::Response<WasiBody>, Error> {
        let path = request.uri().path().to_owned();
        if let Some((id, width)) = path.strip_prefix("/thumbnails/").and_then(|rest| rest.split_once('/')) {
            let width = width.parse().map_err(|_| Error::HttpRequestDenied)?;
            self.draw(id, async { self.burrow.thumbnail(id, width).await.map(drop) }).await
        } else if let Some(id) = path.strip_prefix("/likenesses/") {
            self.draw(id, async { self.burrow.likeness(id).await.map(drop) }).await
        } else {
            self.pack(request.into_body()).await
        }
    }

    /// Packs a block in another instance. The answer is one gzip stream.
    async fn pack(&self, block: WasiBody) -> Result<http::Response<WasiBody>, Error> {
        // Without a turn the asking instance packs the block itself.
        let _turn = self.packing.try_acquire().map_err(|_| Error::HttpRequestDenied)?;
        let failed = |error: String| Error::InternalError(Some(format!("a block could not be packed: {error}")));
        let block = Limited::new(block, BLOCK).collect().await.map_err(|error| failed(error.to_string()))?.to_bytes();
        let packing = async {
            let (mut content, mut packed) = (self.burrow.pack(block).await?, Vec::new());
            while let Some(piece) = content.next().await? {
                packed.extend(piece);
            }
            Ok(packed)
        };
        let packed = packing.await.map_err(|error: crate::Error| failed(error.to_string()))?;
        metrics::block_packed();
        Ok(answer(StatusCode::OK, packed))
    }

    /// Has another instance draw an image and store what comes of it. The answer is 204 if the call ended, 500 if the
    /// instance failed or took too long, 503 if no turn came in time.
    async fn draw(
        &self,
        id: &str,
        work: impl Future<Output = Result<(), crate::Error>>,
    ) -> Result<http::Response<WasiBody>, Error> {
        let Ok(turn) = tokio::time::timeout(TURN, self.drawing.acquire()).await else {
            return Ok(answer(StatusCode::SERVICE_UNAVAILABLE, Vec::new()));
        };
        // The semaphore is never closed.
        let _turn = turn.map_err(|_| Error::HttpRequestDenied)?;
        let drawn = tokio::time::timeout(DRAWING, work).await;
        let drawn = drawn.unwrap_or(Err(crate::Error::TooLong(DRAWING)));
        match drawn {
            Ok(()) | Err(crate::Error::Vault(_)) => Ok(answer(StatusCode::NO_CONTENT, Vec::new())),
            Err(error) => {
                tracing::warn!("image {id} could not be drawn: {error}");
                Ok(answer(StatusCode::INTERNAL_SERVER_ERROR, Vec::new()))
            }
        }
    }
}

fn answer(status: StatusCode, body: Vec<u8>) -> http::Response<WasiBody> {
    let mut response = http::Response::new(Full::from(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<(http::Response<WasiBody>, IoResult), Error>> + Send> {
        let outbound = self.clone();
        let sending = self.runtime.spawn(outbound.send(request, options));
        Box::new(async move {
            let interrupted = |_| Error::InternalError(Some("the request was interrupted".into()));
            let response = AbortOnDropHandle::new(sending).await.map_err(interrupted)??;
            Ok((response, Box::new(std::future::ready(Ok(()))) as IoResult))
        })
    }
}

type IoResult = Box<dyn Future<Output = Result<(), Error>> + Send>;
