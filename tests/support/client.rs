//! An HTTP client of Burrow.

use http_body_util::{BodyExt as _, Full};
use hyper::body::Bytes;
use hyper::header::HeaderMap;
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client as Http;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

/// Percent-encodes text as a segment of a path or a value in a form.
pub fn encode(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Sends requests to one server.
#[derive(Clone, Debug)]
pub struct Client {
    base: String,
    http: Http<HttpConnector, Full<Bytes>>,
}

/// A whole response.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// Why there is no whole response.
#[derive(Debug)]
pub enum Unanswered {
    /// Not even a status line came.
    Nothing(String),
    /// The connection was cut after the status line.
    Cut(StatusCode),
}

impl Client {
    pub fn new(base: &str) -> Self {
        Self { base: base.into(), http: Http::builder(TokioExecutor::new()).build_http() }
    }

    /// The server's host and port.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://").trim_end_matches('/')
    }

    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Reply {
        self.try_send(method, path, headers, body).await.unwrap()
    }

    /// As [`Self::send`], for a server that may be killed meanwhile or cut its answer short.
    ///
    /// # Errors
    ///
    /// There is no whole response.
    pub async fn try_send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Reply, Unanswered> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.base));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        let response = self.http.request(request).await.map_err(|error| Unanswered::Nothing(error.to_string()))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.into_body().collect().await.map_err(|_| Unanswered::Cut(status))?;
        Ok(Reply { status, headers, body: body.to_bytes() })
    }

    pub async fn get(&self, path: &str) -> Reply {
        self.send(Method::GET, path, &[], "").await
    }

    pub async fn post(&self, path: &str, json: &Value) -> Reply {
        self.send(Method::POST, path, &[("content-type", "application/json")], json.to_string()).await
    }

    /// Adds an image and returns its id.
    pub async fn add(&self, json: &Value) -> String {
        let reply = self.post("/images", json).await;
        assert_eq!(reply.status, 202, "{}", reply.text());
        let id = reply.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(reply.header("location"), format!("/images/{id}"));
        id
    }

    /// Asks for an image's record until it is ready or failed. Only the test itself has a time limit.
    pub async fn settled(&self, id: &str) -> Value {
        loop {
            let record = self.get(&format!("/images/{id}")).await.json();
            if matches!(record["status"].as_str(), Some("ready" | "failed")) {
                return record;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Adds an image and waits until it is ready.
    pub async fn add_ready(&self, json: &Value) -> Value {
        let record = self.settled(&self.add(json).await).await;
        assert_eq!(record["status"], "ready", "{record}");
        record
    }

    /// An image's content by id.
    pub async fn content(&self, id: &str) -> Bytes {
        let reply = self.get(&format!("/images/{id}/content")).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.body
    }
}

impl Reply {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}
