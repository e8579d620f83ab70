//! The HTTP service: a request in, an answer out. Knows HTTP and the vault, nothing of WASI.

mod content;
mod first_design;
mod forms;
mod images;
mod json;
mod page;
pub mod problem;
mod route;

use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};

use crate::error::Error;
use crate::ports::{ByteSource, Ports};
use crate::record::ImageRecord;
use crate::store::blob::BlobReader;
use crate::vault::Vault;
use problem::Problem;
use route::Route;

/// A request, its body unread.
#[derive(Debug)]
pub struct Request<B> {
    /// Method.
    pub method: Method,
    /// Path and query as they came, still percent-encoded.
    pub path_and_query: String,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: B,
}

/// A response's body.
#[derive(Debug)]
pub enum Body<P> {
    /// These bytes.
    Bytes(Vec<u8>),
    /// An image, streamed.
    Content(BlobReader<P>),
}

/// An answer, and the job that is to be done once it is sent.
#[derive(Debug)]
pub struct Answer<P> {
    /// What to send.
    pub response: Response<Body<P>>,
    /// What to go on with.
    pub job: Option<ImageRecord>,
}

impl<P> From<Response<Body<P>>> for Answer<P> {
    fn from(response: Response<Body<P>>) -> Self {
        Self { response, job: None }
    }
}

/// Answers a request. Every failure is an answer too.
pub async fn handle<P: Ports>(vault: &Vault<P>, request: Request<impl ByteSource>) -> Answer<P> {
    let is_head = request.method == Method::HEAD;
    let mut answer = match answer(vault, request).await {
        Ok(answer) => answer,
        Err(problem) => problem.into_response().into(),
    };
    let headers = answer.response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let length = match answer.response.body() {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::Content(reader) => reader.remaining(),
    };
    answer.response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if is_head {
        *answer.response.body_mut() = Body::Bytes(Vec::new());
    }
    answer
}

async fn answer<P: Ports>(vault: &Vault<P>, request: Request<impl ByteSource>) -> Result<Answer<P>, Problem> {
    let (path, query) = match request.path_and_query.split_once('?') {
        Some((path, query)) => (path, query),
        None => (request.path_and_query.as_str(), ""),
    };
    let route = Route::parse(path)?;
    route.check_method(&request.method)?;
    let (query, headers) = (query.to_owned(), request.headers.clone());
    match (route, request.method.clone()) {
        (Route::Home, _) => page::home(vault, &query, &headers).await,
        (Route::Style, _) => Ok(page::style().into()),
        (Route::Health, _) => Ok(json::response(StatusCode::OK, &serde_json::json!({"status": "ok"})).into()),
        (Route::Images, Method::POST) => images::add(vault, request).await,
        (Route::Images, _) => images::list(vault, &query).await,
        (Route::Image(id), Method::DELETE) => images::remove(vault, id).await,
        (Route::Image(id), _) => images::get(vault, id).await,
        (Route::Content(id), _) => {
            let record = vault.get(id).await?;
            content::response(vault, &record).await
        }
        (Route::Upload, _) => first_design::upload(vault, request).await,
        (Route::BasicStats, _) => first_design::basic_stats(vault).await,
        (Route::NamedImage(name), _) => first_design::image(vault, &name, &headers).await,
        (Route::Stats, _) => images::stats(vault).await,
        (Route::Resume, _) => images::resume(vault).await,
    }
}

/// Reads a whole body of at most `limit` bytes.
async fn read_body(mut body: impl ByteSource, limit: usize) -> Result<Vec<u8>, Problem> {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > limit {
            let (allowed, seen) = (limit as u64, bytes.len() as u64);
            return Err(Error::Limit { limit: "max_request_bytes", allowed, seen }.into());
        }
    }
    Ok(bytes)
}

/// Builds a response from parts that are known to be valid.
fn respond<P>(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body<P>> {
    let mut response = Response::new(Body::Bytes(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// Whether the client would rather have `text/html` than what programs get.
fn wants_html(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    accept.split(',').any(|range| range.split(';').next().is_some_and(|media| media.trim() == "text/html"))
}
