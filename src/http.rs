//! The HTTP service: a request in, an answer out. Knows HTTP and the vault, nothing of WASI. docs/http-api.md has the
//! contract, rule by rule.

mod add;
mod archive;
mod assets;
mod conditional;
mod content;
pub mod cors;
mod digest;
mod first_design;
mod gallery;
mod images;
mod json;
pub mod links;
mod multipart;
mod negotiation;
mod page;
mod prefer;
pub mod problem;
mod range;
mod route;
mod session;
mod thumbnail;
pub mod token;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, header};

use crate::codec::gzip;
use crate::error::Error;
use crate::ports::{ByteSource, Ports};
use crate::store::blob::BlobReader;
use crate::vault::Vault;
use conditional::{Validators, Verdict};
use cors::{Origins, Site};
use links::LinkKeys;
use page::Asked;
use problem::Problem;
use route::{Query, Route, Target};
use token::{Tokens, bearer};

/// Settings of the service; docs/http-api.md says what each means.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "each is named as in docs/http-api.md, and said there")]
pub struct Settings {
    pub max_request_bytes: usize,
    pub max_files: usize,
    pub page_size: usize,
    pub max_wait: Duration,
    pub write_tokens: Tokens,
    pub read_tokens: Tokens,
    pub link_keys: LinkKeys,
    pub max_link_seconds: u64,
    pub cors_origins: Origins,
    pub run_jobs: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_request_bytes: 64 * 1024,
            max_files: 100,
            page_size: 50,
            max_wait: Duration::from_secs(30),
            write_tokens: Tokens::default(),
            read_tokens: Tokens::default(),
            link_keys: LinkKeys::default(),
            max_link_seconds: 7 * 86_400,
            cors_origins: Origins::None,
            run_jobs: true,
        }
    }
}

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

/// A response's body: pieces, each sent after the other.
#[derive(Debug)]
pub struct Body<P>(VecDeque<Piece<P>>);

#[derive(Debug)]
enum Piece<P> {
    Bytes(Vec<u8>),
    Content(BlobReader<P>),
}

impl<P> From<Vec<u8>> for Body<P> {
    fn from(bytes: Vec<u8>) -> Self {
        Self(VecDeque::from([Piece::Bytes(bytes)]))
    }
}

impl<P> Body<P> {
    /// All of it, if it is in memory in one piece.
    fn text(&self) -> Option<&[u8]> {
        match self.0.front() {
            Some(Piece::Bytes(bytes)) if self.0.len() == 1 => Some(bytes),
            _ => None,
        }
    }
}

impl<P: Ports> Body<P> {
    /// Bytes still to come.
    pub fn remaining(&self) -> u64 {
        let remaining = |piece: &Piece<P>| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::Content(reader) => reader.remaining(),
        };
        self.0.iter().map(remaining).sum()
    }

    /// Reads the first chunk now: damage there is told by the answer itself, not by a broken connection.
    async fn read_ahead(&mut self) -> Result<(), Error> {
        let is_content = |piece: &Piece<P>| matches!(piece, Piece::Content(_));
        let Some(at) = self.0.iter().position(is_content) else { return Ok(()) };
        let Some(Piece::Content(reader)) = self.0.get_mut(at) else { return Ok(()) };
        let mut ahead = Vec::new();
        // The gzip form begins with a header, which is no chunk's.
        while ahead.len() <= gzip::HEADER.len()
            && let Some(bytes) = reader.next().await?
        {
            if ahead.is_empty() {
                ahead = bytes;
            } else {
                ahead.extend(bytes);
            }
        }
        self.0.insert(at, Piece::Bytes(ahead));
        Ok(())
    }

    /// Returns the next bytes, never none of them, or none at the end. After an error the response must break off.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        while let Some(piece) = self.0.front_mut() {
            let bytes = match piece {
                Piece::Bytes(bytes) => Some(std::mem::take(bytes)).filter(|bytes| !bytes.is_empty()),
                Piece::Content(reader) => reader.next().await?,
            };
            if bytes.is_some() {
                return Ok(bytes);
            }
            self.0.pop_front();
        }
        Ok(None)
    }
}

/// Work that goes on after the answer. What it failed by is to be logged; its record says what is left to do.
pub type Job = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

/// An answer, and what is to be done once it is sent.
#[expect(missing_debug_implementations, reason = "a job cannot be shown")]
pub struct Answer<P> {
    /// What to send.
    pub response: Response<Body<P>>,
    /// What to go on with.
    pub jobs: Vec<Job>,
    /// What went wrong here, for the operator.
    pub log: Option<String>,
}

impl<P> From<Response<Body<P>>> for Answer<P> {
    fn from(response: Response<Body<P>>) -> Self {
        Self { response, jobs: Vec::new(), log: None }
    }
}

/// The service over one vault.
#[derive(Debug)]
pub struct Service<P> {
    vault: Vault<P>,
    settings: Settings,
}

/// What a route needs of a request beside its body.
#[derive(Clone, Copy)]
struct Head<'a> {
    method: &'a Method,
    query: &'a Query,
    headers: &'a HeaderMap,
    /// Seconds for which the signed link that was used is still good.
    link: Option<u64>,
}

impl<P: Ports> Service<P> {
    /// Serves a vault.
    pub fn new(vault: Vault<P>, settings: Settings) -> Self {
        Self { vault, settings }
    }

    /// Answers a request. Every failure is an answer too.
    pub async fn handle(&self, request: Request<impl ByteSource>) -> Answer<P> {
        let Request { method, path_and_query, headers, body } = request;
        let mut answer = match self.answer(&method, &path_and_query, &headers, body).await {
            Ok(answer) => answer,
            Err(mut problem) => {
                let log = problem.take_cause();
                let response = if negotiation::wants_html(&headers) {
                    page::failed(
                        problem,
                        self.frame(&headers),
                        &Asked { method: &method, target: &path_and_query, headers: &headers },
                    )
                } else {
                    problem.into_response()
                };
                Answer { log, ..response.into() }
            }
        };
        let response = &mut answer.response;
        self.settings.cors_origins.share(&headers, response.headers_mut());
        response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        negotiation::compress(&headers, response);
        if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            let length = response.body().remaining();
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        if method == Method::HEAD {
            *response.body_mut() = Vec::new().into();
        }
        answer
    }

    async fn answer(
        &self,
        method: &Method,
        target: &str,
        headers: &HeaderMap,
        body: impl ByteSource,
    ) -> Result<Answer<P>, Problem> {
        if method == Method::OPTIONS && target == "*" {
            return Ok(no_content().into());
        }
        let target = Target::parse(target)?;
        if headers.get_all(header::HOST).iter().count() > 1 {
            return Err(Problem::malformed("a request has one Host"));
        }
        target.check_method(method)?;
        if method == Method::OPTIONS {
            return Ok(self.options(&target, headers).into());
        }
        let link = self.admit(&target, method, headers)?;
        let head = Head { method, query: &target.query, headers, link };
        let route = target.route.clone();
        let reading = matches!(*method, Method::GET | Method::HEAD);
        let answer = match (route, method) {
            (Route::Home, _) => self.home(head).await,
            (Route::Asset(name), _) => Ok(assets::asset(&name)?.into()),
            (Route::Form, _) => self.act(head, body).await,
            (Route::Session, _) => self.session(head, body).await,
            (Route::Archive, _) => return self.archive(head).await,
            (Route::Health, _) => Ok(json::response(StatusCode::OK, &serde_json::json!({"status": "ok"})).into()),
            (Route::Interface, _) => Ok(json::interface().into()),
            (Route::Problem(kind), _) => self.explain(head, &kind),
            (Route::Images, &Method::POST) => self.add(head, body).await,
            (Route::Images, _) => self.list(head).await,
            (Route::Image(id), &Method::DELETE) => self.remove(head, id).await,
            (Route::Image(id), &Method::PATCH) => self.edit(head, id, body).await,
            (Route::Image(id), _) => {
                let record = self.vault.get(id).await?;
                if negotiation::wants_html(headers) {
                    self.detail(head, &record).await
                } else {
                    Ok(varying(json::image(&record)).into())
                }
            }
            (Route::Content(id), _) => return self.content(head, &self.vault.get(id).await?).await,
            (Route::Thumbnail(id), _) => self.thumbnail(head, &self.vault.get(id).await?).await,
            (Route::Retry(id), _) => self.retry(head, id).await,
            (Route::Links(id), _) => self.link(head, id, body).await,
            (Route::ByName(name), _) => Ok(json::image(&self.vault.get_by_name(&name).await?).into()),
            (Route::ContentByName(name), _) => {
                return self.content_by_name(head, &self.vault.get_by_name(&name).await?).await;
            }
            (Route::Upload, _) => self.upload(head, body).await,
            (Route::BasicStats, _) => self.basic_stats().await,
            (Route::NamedImage(name), _) => {
                let record = self.vault.get_by_name(&name).await?;
                if !negotiation::wants_html(headers) {
                    let mut answer = self.content_by_name(head, &record).await?;
                    set(answer.response.headers_mut(), header::VARY, "accept, accept-encoding");
                    return Ok(answer);
                }
                self.detail(head, &record).await
            }
            (Route::Stats, _) if negotiation::wants_html(headers) => self.overview(head).await,
            (Route::Stats, _) => Ok(varying(json::stats(self.vault.statistics().await?)).into()),
            (Route::Resume, _) => self.resume().await,
        }?;
        if reading { revalidated(answer, headers) } else { Ok(answer) }
    }

    /// Whether a request may do what it asks for; the seconds for which a signed link that it uses is still good.
    fn admit(&self, target: &Target, method: &Method, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
        let Settings { write_tokens, read_tokens, link_keys, cors_origins, .. } = &self.settings;
        let has_token = bearer(headers).is_some() || session::token(headers).is_some();
        let holds = |tokens: &Tokens| session::holds_one_of(tokens, headers);
        if !matches!(*method, Method::GET | Method::HEAD) {
            let site = cors_origins.check(headers)?;
            let admitted = write_tokens.is_empty()
                || match site {
                    Site::Ours => holds(write_tokens) || target.route == Route::Session,
                    Site::Allowed => bearer(headers).is_some_and(|token| write_tokens.hold(token)),
                };
            return if admitted { Ok(None) } else { Err(Problem::unauthorized(has_token)) };
        }
        if let Route::Content(id) = target.route {
            let link = link_keys.judge(id, &target.query, self.vault.now() / 1000)?;
            if link.is_some() {
                return Ok(link);
            }
        }
        let public = matches!(target.route, Route::Health | Route::Asset(_) | Route::Interface | Route::Problem(_));
        let admitted = public || read_tokens.is_empty() || holds(read_tokens) || holds(write_tokens);
        if admitted { Ok(None) } else { Err(Problem::unauthorized(has_token)) }
    }

    fn options(&self, target: &Target, headers: &HeaderMap) -> Response<Body<P>> {
        let mut response = no_content();
        self.settings.cors_origins.preflight(headers, &target.allow(), response.headers_mut());
        set(response.headers_mut(), header::ALLOW, target.allow());
        response
    }
}

/// Gives an answer that is made anew each time an entity tag, and leaves its body out where the client has it.
fn revalidated<P: Ports>(mut answer: Answer<P>, headers: &HeaderMap) -> Result<Answer<P>, Problem> {
    let response = &mut answer.response;
    if response.headers().contains_key(header::ETAG) {
        // An original in place of its small picture.
        return Ok(answer);
    }
    let etag = match response.body().0.front() {
        // It may go out compressed.
        Some(Piece::Bytes(bytes)) if negotiation::is_text(response.headers()) => format!("W/{}", etag(bytes)),
        Some(Piece::Bytes(bytes)) => etag(bytes),
        _ => return Ok(answer),
    };
    set(response.headers_mut(), header::ETAG, etag.as_str());
    match conditional::evaluate(headers, true, Validators { etag: &etag, last_modified: None }) {
        Verdict::Proceed => {}
        Verdict::Failed => return Err(Problem::precondition()),
        Verdict::NotModified => {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            *response.body_mut() = Vec::new().into();
            response.headers_mut().remove(header::CONTENT_TYPE);
        }
    }
    Ok(answer)
}

/// An entity tag of bytes that are made anew each time.
fn etag(bytes: &[u8]) -> String {
    format!("\"{:032x}\"", xxhash_rust::xxh3::xxh3_128(bytes))
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

/// Reads a body as a form.
async fn read_form(headers: &HeaderMap, body: impl ByteSource, limit: usize) -> Result<Query, Problem> {
    let media_type = json::media_type(headers)?;
    if !matches!(media_type.as_str(), "application/x-www-form-urlencoded" | "") {
        let detail = format!("Content-Type {media_type:?} is not taken here, only application/x-www-form-urlencoded");
        return Err(Problem::unsupported(detail));
    }
    let form = String::from_utf8(read_body(body, limit).await?);
    Query::parse(&form.map_err(|_| Problem::malformed("the form is not UTF-8"))?)
}

/// Says that browsers are answered otherwise.
fn varying<P>(mut response: Response<Body<P>>) -> Response<Body<P>> {
    set(response.headers_mut(), header::VARY, "accept");
    response
}

/// Builds a response from parts that are known to be valid. Caches must ask before they use it again.
fn respond<P>(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response<Body<P>> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// Sets a header, in place of what it was. A value that no header can have, which none of ours is, is left out.
fn set(headers: &mut HeaderMap, name: HeaderName, value: impl TryInto<HeaderValue>) {
    if let Ok(value) = value.try_into() {
        headers.insert(name, value);
    }
}

fn no_content<P>() -> Response<Body<P>> {
    let mut response = Response::new(Vec::new().into());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}
