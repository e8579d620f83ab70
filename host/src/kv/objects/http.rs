//! The HTTP client of the object store: hyper with the TLS that Burrow uses elsewhere, and time limits.

use std::error::Error;
use std::io;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use http::header::{CONTENT_RANGE, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use object_store::ClientOptions;
use object_store::client::{
    HttpClient, HttpError, HttpErrorKind, HttpRequest, HttpRequestBody, HttpResponse, HttpService, SpawnService,
};
use tokio::runtime::Handle;

use super::super::{KvError, Result};
use crate::outbound::Authorities;

const CONNECT: Duration = Duration::from_secs(5);

/// Time for a whole answer, and the slowest rate of a request's body that is added to it, in bytes a second.
const ANSWER: Duration = Duration::from_secs(20);
const RATE: u64 = 128 * 1024;

/// The longest rest that an overloaded server gets before the next try.
const REST: Duration = Duration::from_secs(10);

/// The largest answer: a page of a list, an error, or the chunks that are read at once.
const ANSWER_BYTES: usize = 16 * 1024 * 1024;

const IDLE_CONNECTIONS: usize = 32;

/// Sends requests. Connections belong to the runtime in which it was made: packing threads come and go.
#[derive(Clone, Debug)]
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, HttpRequestBody>,
    runtime: Handle,
}

impl Http {
    /// Trusts Mozilla's authorities, and those in the file that `AWS_CA_BUNDLE` names.
    ///
    /// # Errors
    ///
    /// The file cannot be read or holds no certificates; or it is called outside of a Tokio runtime.
    pub(super) fn new(bundle: Option<&Path>) -> Result<Self> {
        let authorities = match bundle {
            None => Authorities::default(),
            Some(path) => {
                let failed = |error: String| KvError(format!("AWS_CA_BUNDLE names {}: {error}", path.display()));
                let pem = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
                Authorities::parse(&pem).map_err(failed)?
            }
        };
        let tls = authorities.config().map_err(|error| KvError(error.to_string()))?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECT));
        http.set_nodelay(true);
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(30))
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .build(https.wrap_connector(http));
        let runtime = Handle::try_current().map_err(|error| KvError(error.to_string()))?;
        Ok(Self { client, runtime })
    }

    async fn exchange(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let response = self.client.request(request).await.map_err(|error| {
            let kind = if error.is_connect() { HttpErrorKind::Connect } else { HttpErrorKind::Interrupted };
            HttpError::new_boxed(kind, root(&error))
        })?;
        let (mut head, body) = response.into_parts();
        // `rclone serve s3` answers a range with 200, and says which part it is; the client takes only 206.
        if head.status == StatusCode::OK && head.headers.contains_key(CONTENT_RANGE) {
            head.status = StatusCode::PARTIAL_CONTENT;
        }
        let body = Limited::new(body, ANSWER_BYTES).collect().await;
        let body = body.map_err(|error| HttpError::new_boxed(HttpErrorKind::Interrupted, root(error.as_ref())))?;
        Ok(HttpResponse::from_parts(head, body.to_bytes().into()))
    }
}

/// The innermost cause: what is around it says only that a request failed.
fn root(error: &(dyn Error + 'static)) -> Box<dyn Error + Send + Sync> {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string().into()
}

/// How long an overloaded server asks to be left alone (RFC 9110 section 10.2.3), if it says so in seconds.
fn rest(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if ![StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status) {
        return None;
    }
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(REST))
}

#[async_trait]
impl HttpService for Http {
    async fn call(&self, request: HttpRequest) -> std::result::Result<HttpResponse, HttpError> {
        let sent = Duration::from_secs(request.body().content_length() as u64 / RATE);
        let response = tokio::time::timeout(ANSWER + sent, self.exchange(request)).await.unwrap_or_else(|_| {
            let late = io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {} s", ANSWER.as_secs()));
            Err(HttpError::new(HttpErrorKind::Timeout, late))
        })?;
        if let Some(rest) = rest(response.status(), response.headers()) {
            tokio::time::sleep(rest).await;
        }
        Ok(response)
    }
}

impl object_store::client::HttpConnector for Http {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(SpawnService::new(self.clone(), self.runtime.clone())))
    }
}
