//! An origin for tests: a server of images that behaves well or badly.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt as _;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// How the origin answers a request for a path.
#[derive(Clone)]
pub enum Behaviour {
    /// Sends these bytes.
    Image(Bytes),
    /// Answers with this status and an empty body.
    Status(u16),
    /// Answers with this status, these headers and an empty body.
    Answer(u16, &'static [(&'static str, &'static str)]),
    /// Redirects to this URL.
    Redirect(String),
    /// Announces twice the body's length, sends the body, and hangs up.
    Truncated(Bytes),
    /// Sends the first half at once and the rest when the gate is opened.
    Gated(Bytes, watch::Receiver<bool>),
    /// Sends the first half at once and the rest after this time.
    Slow(Bytes, Duration),
    /// Sends these bytes one by one, with a pause before each.
    Dribbling(Bytes),
    /// Sends these bytes to those whose `Referer` begins so, and 403 to others.
    Guarded(&'static str, Bytes),
    /// Behaves as the first for one request, and then as the second.
    AtFirst(Box<Behaviour>, Box<Behaviour>),
}

/// An origin on its own port. It ends with its runtime.
pub struct Origin {
    base: String,
    paths: Arc<Mutex<HashMap<String, Behaviour>>>,
    requests: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<(String, HeaderMap)>>>,
}

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

impl Origin {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let paths = Arc::<Mutex<HashMap<String, Behaviour>>>::default();
        let requests = Arc::<AtomicUsize>::default();
        let heads = Arc::<Mutex<Vec<(String, HeaderMap)>>>::default();
        let (served, counted, kept) = (paths.clone(), requests.clone(), heads.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (served, counted, kept) = (served.clone(), counted.clone(), kept.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    counted.fetch_add(1, Ordering::Relaxed);
                    let path = request.uri().path().to_owned();
                    let behaviour = take(&mut served.lock().unwrap(), &path);
                    let headers = request.headers().clone();
                    kept.lock().unwrap().push((path, headers.clone()));
                    async move { Ok::<_, Infallible>(answer(behaviour, &headers)) }
                });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Self { base, paths, requests, heads }
    }

    /// Scheme, host and port.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// A header of each request for this path so far; empty where it was not there.
    pub fn told(&self, path: &str, name: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let text = |headers: &HeaderMap| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
        heads.iter().filter(|(asked, _)| asked == path).map(|(_, headers)| text(headers)).collect()
    }

    /// Sets the behaviour of a path and returns its URL.
    pub fn serve(&self, path: &str, behaviour: Behaviour) -> String {
        self.paths.lock().unwrap().insert(path.into(), behaviour);
        format!("{}{path}", self.base)
    }

    /// Serves an image and returns its URL.
    pub fn image(&self, path: &str, bytes: impl Into<Bytes>) -> String {
        self.serve(path, Behaviour::Image(bytes.into()))
    }

    /// Number of requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

/// The behaviour for this request. Advances [`Behaviour::AtFirst`] for the next one.
fn take(paths: &mut HashMap<String, Behaviour>, path: &str) -> Option<Behaviour> {
    let behaviour = paths.get(path).cloned();
    let Some(Behaviour::AtFirst(now, next)) = behaviour else { return behaviour };
    paths.insert(path.into(), *next);
    Some(*now)
}

fn answer(behaviour: Option<Behaviour>, headers: &HeaderMap) -> Response<Body> {
    let plain = |status, bytes: Bytes| {
        Response::builder()
            .status(status)
            .body(Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
            .unwrap()
    };
    match behaviour {
        None => plain(404, Bytes::new()),
        Some(Behaviour::Image(bytes)) => plain(200, bytes),
        Some(Behaviour::Guarded(pages, bytes)) => {
            let referer = headers.get("referer").and_then(|referer| referer.to_str().ok());
            if referer.is_some_and(|referer| referer.starts_with(pages)) {
                plain(200, bytes)
            } else {
                plain(403, Bytes::new())
            }
        }
        Some(Behaviour::Status(status)) => plain(status, Bytes::new()),
        Some(Behaviour::Answer(status, headers)) => {
            let mut response = plain(status, Bytes::new());
            for (name, value) in headers {
                response.headers_mut().insert(*name, value.parse().unwrap());
            }
            response
        }
        Some(Behaviour::Redirect(to)) => {
            let mut response = plain(302, Bytes::new());
            response.headers_mut().insert("location", to.parse().unwrap());
            response
        }
        Some(Behaviour::Truncated(bytes)) => {
            let length = 2 * bytes.len();
            let pieces = [Ok(Frame::data(bytes)), Err(std::io::Error::other("hanging up, as told"))];
            let body = StreamBody::new(futures::stream::iter(pieces)).boxed_unsync();
            Response::builder().header("content-length", length).body(body).unwrap()
        }
        Some(Behaviour::Gated(bytes, mut gate)) => {
            in_halves(&bytes, async move { gate.wait_for(|open| *open).await.map(drop).map_err(std::io::Error::other) })
        }
        Some(Behaviour::Slow(bytes, time)) => in_halves(&bytes, async move {
            tokio::time::sleep(time).await;
            Ok(())
        }),
        Some(Behaviour::Dribbling(bytes)) => {
            let length = bytes.len();
            let pieces = futures::stream::iter(bytes).then(async |byte| {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Ok(Frame::data(Bytes::from(vec![byte])))
            });
            Response::builder().header("content-length", length).body(StreamBody::new(pieces).boxed_unsync()).unwrap()
        }
        Some(Behaviour::AtFirst(now, _)) => answer(Some(*now), headers),
    }
}

/// Sends the first half at once and the rest after `pause`.
fn in_halves(
    bytes: &Bytes,
    pause: impl Future<Output = Result<(), std::io::Error>> + Send + 'static,
) -> Response<Body> {
    let rest = bytes.slice(bytes.len() / 2..);
    let first = futures::stream::iter([Ok(Frame::data(bytes.slice(..bytes.len() / 2)))]);
    let second = futures::stream::once(async move {
        pause.await?;
        Ok(Frame::data(rest))
    });
    let body = StreamBody::new(first.chain(second)).boxed_unsync();
    Response::builder().header("content-length", bytes.len()).body(body).unwrap()
}
