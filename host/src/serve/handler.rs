//! Answers requests of a server that the program brings: its own routes, middleware, TLS or sockets.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::task_tracker::TaskTracker;
use tower_service::Service;
use wasmtime_wasi_http::WasiBody;
use wasmtime_wasi_http::handler::ProxyHandler;

use super::problem;
use super::workers::{ANSWER_TIME, UPLOAD_TIME, Workers};
use crate::sending::Ticket;
use crate::{Burrow, target};

/// The HTTP service without a server: [`Burrow::handler`] makes it. It is a [`tower_service::Service`], too. Clones are
/// cheap and share their instances.
///
/// The program's own server limits what [`Burrow::serve`] limits itself: the size and time of heads, the speed of bodies,
/// the number of connections and of requests at once. Run [`Burrow::do_jobs`] beside it.
#[derive(Clone)]
pub struct Handler {
    instances: ProxyHandler<Workers>,
    /// Ends idle instances with the last clone.
    _stop: Arc<DropGuard>,
}

impl std::fmt::Debug for Handler {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Handler").finish_non_exhaustive()
    }
}

impl Burrow {
    /// Makes a handler of HTTP requests.
    ///
    /// ```
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let burrow = burrow_host::Builder::new().open(&"memory:".parse()?).await?;
    /// let handler = burrow.handler();
    /// let request = http::Request::get("http://localhost/healthz").body(String::new())?;
    /// assert_eq!(handler.handle(request).await.status(), 200);
    /// # Ok(()) }
    /// ```
    pub fn handler(&self) -> Handler {
        let stopping = CancellationToken::new();
        let workers = Workers { burrow: self.clone(), stopping: stopping.clone(), instances: TaskTracker::new() };
        Handler { instances: ProxyHandler::new(workers), _stop: Arc::new(stopping.drop_guard()) }
    }
}

impl Handler {
    /// Answers a request. A failure is an answer with the status 400 or 500, too.
    pub async fn handle<B>(&self, request: Request<B>) -> Response<AnswerBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn StdError + Send + Sync>>,
    {
        let ticket = Ticket::default();
        let answer = match target::complete(request) {
            Ok(request) => {
                let time = if request.body().is_end_stream() { ANSWER_TIME } else { UPLOAD_TIME };
                let request = request.map(|body| body.map_err(broken).boxed_unsync());
                self.instances.handle((time, ticket.stub()), request).await.unwrap_or_else(|error| {
                    tracing::error!("the component gave no answer: {error:#}");
                    problem::internal()
                })
            }
            Err(why) => problem::malformed(why),
        };
        answer.map(|body| AnswerBody { body, _ticket: ticket })
    }
}

/// The error for a body of a request that broke off.
fn broken(error: impl Into<Box<dyn StdError + Send + Sync>>) -> wasmtime_wasi_http::Error {
    tracing::debug!("the body of a request broke off: {}", error.into());
    wasmtime_wasi_http::Error::ConnectionTerminated
}

impl<B> Service<Request<B>> for Handler
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn StdError + Send + Sync>>,
{
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let handler = self.clone();
        Box::pin(async move { Ok(handler.handle(request).await) })
    }
}

/// The body of an answer. The instance that makes it stays as long as it is read.
pub struct AnswerBody {
    body: WasiBody,
    _ticket: Ticket,
}

impl std::fmt::Debug for AnswerBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnswerBody").finish_non_exhaustive()
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = crate::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, crate::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        frame.map(|frame| {
            frame.map(|frame| {
                frame.map_err(|error| {
                    tracing::warn!("the answer broke off: {error}");
                    crate::Error::Interrupted
                })
            })
        })
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::Full;

    use super::*;
    use crate::vault::tests::{component, image};
    use crate::{Builder, Label};

    fn get(path: &str) -> Request<Full<Bytes>> {
        Request::get(format!("http://localhost{path}")).body(Full::default()).unwrap()
    }

    #[tokio::test]
    async fn requests_are_answered_without_a_server_of_burrows_own() {
        let burrow = Builder::new().component(component()).open(&"memory:".parse().unwrap()).await.unwrap();
        let mut handler = burrow.handler();
        let bytes = image(600_000);
        let post = Request::post("/images?name=x").header("host", "localhost").header("content-type", "image/bmp");
        let answer = handler.call(post.body(Full::new(bytes.clone())).unwrap()).await.unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
        let answer = handler.handle(get("/images/by-name/x/content")).await;
        assert!(answer.into_body().collect().await.unwrap().to_bytes() == bytes);
        let none = Request::get("/healthz").body(Full::<Bytes>::default()).unwrap();
        assert_eq!(handler.handle(none).await.status(), StatusCode::BAD_REQUEST, "it names no host");
        // Instances that wait for requests do not keep the store open.
        burrow.submit("http://127.0.0.1/x", Label::default()).await.unwrap_err();
        drop(handler);
        tokio::time::timeout(std::time::Duration::from_secs(4), burrow.close()).await.expect("the store stays open");
    }
}
