//! Answers `/metrics`, `/readyz` and `/livez` on a listener of their own, for monitoring.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_io_timeout::TimeoutStream;
use tokio_util::sync::CancellationToken;

use super::problem::headers;
use super::server::{HEADER_TIME, WRITE_TIME};
use crate::{Burrow, metrics};

/// Connections served at once; further ones wait to be accepted.
const CONNECTIONS: usize = 16;

const PLAIN: &str = "text/plain; charset=utf-8";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the listener, and never returns.
pub(super) async fn serve(listener: TcpListener, burrow: Burrow, stopping: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let place = places.clone().acquire_owned().await.ok();
        match listener.accept().await {
            Ok((stream, _)) => {
                let (burrow, stopping) = (burrow.clone(), stopping.clone());
                tokio::spawn(async move {
                    connection(stream, &burrow, &stopping).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!("cannot accept a connection for metrics: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, burrow: &Burrow, stopping: &CancellationToken) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIME));
    let service = service_fn(async |request| Ok::<_, Infallible>(answer(request, burrow, stopping).await));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIME)
        .serve_connection(TokioIo::new(Box::pin(stream)), service)
        .await;
    if let Err(error) = served {
        tracing::debug!("a connection for metrics ended early: {error}");
    }
}

async fn answer(request: Request<Incoming>, burrow: &Burrow, stopping: &CancellationToken) -> Response<Full<Bytes>> {
    let (status, media_type, text) = match (request.uri().path(), request.method()) {
        ("/metrics" | "/readyz" | "/livez", method) if method != Method::GET && method != Method::HEAD => {
            (StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n".into())
        }
        ("/livez", _) => (StatusCode::OK, PLAIN, "alive\n".into()),
        ("/readyz", _) if stopping.is_cancelled() => (StatusCode::SERVICE_UNAVAILABLE, PLAIN, "stopping\n".into()),
        ("/readyz", _) => (StatusCode::OK, PLAIN, "ready\n".into()),
        ("/metrics", _) => (StatusCode::OK, OPEN_METRICS, measured(burrow).await),
        _ => (StatusCode::NOT_FOUND, PLAIN, "here are /metrics, /readyz and /livez\n".into()),
    };
    let mut response = Response::new(Full::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = headers(media_type);
    response
}

async fn measured(burrow: &Burrow) -> String {
    let vault = burrow.stats().await.inspect_err(|error| tracing::error!("cannot count the vault's images: {error}"));
    metrics::render(vault.ok().as_ref()).unwrap_or_default()
}
