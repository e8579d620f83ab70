//! The origin of the images: serves them from memory, on the loopback interface.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Result;
use burrow_bench::Image;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running origin. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Origin {
    base: String,
    accepting: JoinHandle<()>,
}

impl Origin {
    /// Serves these images.
    pub(crate) async fn start(images: &[Image]) -> Result<Self> {
        let images: HashMap<String, Image> =
            images.iter().map(|image| (format!("/{}", image.name), image.clone())).collect();
        let images = Arc::new(images);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                // A connection that cannot be made faster is served all the same.
                let _ = stream.set_nodelay(true);
                let images = Arc::clone(&images);
                let service = service_fn(move |request: Request<Incoming>| {
                    let answer = answer(images.get(request.uri().path()));
                    async move { Ok::<_, Infallible>(answer) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Ok(Self { base, accepting })
    }

    /// The URL of an image.
    pub(crate) fn url(&self, image: &Image) -> String {
        format!("{}/{}", self.base, image.name)
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn answer(image: Option<&Image>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(image.map(|image| image.bytes.clone()).unwrap_or_default()));
    match image.and_then(|image| image.media_type().parse().ok()) {
        Some(media_type) => {
            response.headers_mut().insert(hyper::header::CONTENT_TYPE, media_type);
        }
        None => *response.status_mut() = StatusCode::NOT_FOUND,
    }
    response
}
