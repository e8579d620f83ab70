//! An HTTP client of a server that is measured.

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Sends requests to one server over connections that it keeps.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: String,
    http: Http<HttpConnector, Full<Bytes>>,
}

/// A whole response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Client {
    /// A client of `http://ADDRESS`.
    pub(crate) fn new(address: &str) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Self { base: format!("http://{address}"), http: Http::builder(TokioExecutor::new()).build(connector) }
    }

    /// The URL of a path.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// `GET` with these headers, whatever the status.
    pub(crate) async fn try_get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Reply> {
        self.send(Method::GET, path, headers, Bytes::new()).await
    }

    /// `GET` that succeeds.
    pub(crate) async fn get(&self, path: &str) -> Result<Reply> {
        self.try_get(path, &[]).await?.successful(path)
    }

    /// `GET` of JSON.
    pub(crate) async fn json(&self, path: &str) -> Result<Value> {
        let reply = self.get(path).await?;
        serde_json::from_slice(&reply.body).with_context(|| format!("the answer to {path} is no JSON"))
    }

    /// The body of a `GET` that succeeds, while it arrives.
    pub(crate) async fn stream(&self, path: &str) -> Result<Incoming> {
        let response = self.request(Method::GET, path, &[], Bytes::new()).await?;
        ensure!(response.status().is_success(), "{path}: {}", response.status());
        Ok(response.into_body())
    }

    /// `POST` of JSON that succeeds.
    pub(crate) async fn post(&self, path: &str, json: &Value) -> Result<Reply> {
        let headers = [("content-type", "application/json")];
        self.send(Method::POST, path, &headers, json.to_string().into()).await?.successful(path)
    }

    async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Result<Reply> {
        let response = self.request(method, path, headers, body).await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await?.to_bytes();
        Ok(Reply { status, headers, body })
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Ok(self.http.request(request.body(Full::new(body))?).await?)
    }
}

impl Reply {
    fn successful(self, path: &str) -> Result<Self> {
        ensure!(self.status.is_success(), "{path}: {} {}", self.status, String::from_utf8_lossy(&self.body));
        Ok(self)
    }
}
