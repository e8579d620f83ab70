//! A hostile request and the answer that it must get.

use hyper::header::HeaderValue;
use hyper::{Method, Uri};
use serde_json::Value;

use crate::support::client::{Client, Reply};
use crate::support::raw::exchange;

/// Stands for a connection that is closed without an answer.
pub(super) const CLOSED: u16 = 0;

/// How a server refuses bytes that are not valid HTTP.
pub(super) const UNREADABLE: &[u16] = &[400, CLOSED];

pub(super) const MALFORMED: &str = "/problems/malformed";
pub(super) const DIGEST: &str = "/problems/digest";
pub(super) const UNAUTHORIZED: &str = "/problems/unauthorized";
pub(super) const FORBIDDEN: &str = "/problems/forbidden";
pub(super) const MISDIRECTED: &str = "/problems/misdirected";
pub(super) const NOT_FOUND: &str = "/problems/not-found";
pub(super) const METHOD: &str = "/problems/method-not-allowed";
pub(super) const NOT_ACCEPTABLE: &str = "/problems/not-acceptable";
pub(super) const NOT_READY: &str = "/problems/not-ready";
pub(super) const PRECONDITION: &str = "/problems/precondition";
pub(super) const LIMIT: &str = "/problems/limit";
pub(super) const UNSUPPORTED: &str = "/problems/unsupported";
pub(super) const RANGE: &str = "/problems/range";
pub(super) const INVALID: &str = "/problems/invalid";
pub(super) const NOT_AN_IMAGE: &str = "/problems/not-an-image";

/// The documented problems that a client can cause, with their statuses.
const DOCUMENTED: [(&str, &[u16]); 17] = [
    (MALFORMED, &[400]),
    (DIGEST, &[400]),
    (UNAUTHORIZED, &[401]),
    (FORBIDDEN, &[403]),
    (MISDIRECTED, &[421]),
    (NOT_FOUND, &[404]),
    (METHOD, &[405]),
    (NOT_ACCEPTABLE, &[406]),
    (NOT_READY, &[409]),
    ("/problems/busy", &[409]),
    (PRECONDITION, &[412]),
    (LIMIT, &[413, 414]),
    (UNSUPPORTED, &[415]),
    (RANGE, &[416]),
    (INVALID, &[422]),
    (NOT_AN_IMAGE, &[422]),
    ("/problems/key-reused", &[422]),
];

/// Traces of the program's internals, which no answer may show.
const INSIDES: [&str; 5] = ["panicked", "src/", ".rs:", "RUST_BACKTRACE", "wasm"];

/// Larger bodies, in bytes, are sent by the raw client, because the answer may come before they are sent.
const BIG: usize = 32 * 1024;

/// No answer to a hostile request is longer than this, in bytes.
const LONGEST_ANSWER: usize = 32 * 1024;

/// How often a request that must be answered is sent at most. An answer may be lost if the server closes the connection
/// before it has read everything (RFC 9112 section 9.6).
const ATTEMPTS: usize = 5;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Request {
    Plain { method: String, path: String, headers: Vec<(&'static str, String)>, body: Vec<u8> },
    Raw { bytes: Vec<u8>, half_close: bool },
}

#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) what: String,
    pub(super) request: Request,
    expect: Vec<u16>,
    problem: &'static str,
    field: &'static str,
}

/// An ordinary request without a body.
pub(super) fn ask(method: &str, path: impl Into<String>) -> Case {
    let (method, path) = (method.to_owned(), path.into());
    let what = format!("{method} {}", shortened(&path));
    let request = Request::Plain { method, path, headers: Vec::new(), body: Vec::new() };
    Case { what, request, expect: Vec::new(), problem: "", field: "" }
}

pub(super) fn get(path: impl Into<String>) -> Case {
    ask("GET", path)
}

pub(super) fn post(path: impl Into<String>, media_type: &str, body: impl Into<Vec<u8>>) -> Case {
    ask("POST", path).body(media_type, body)
}

/// A request of these bytes.
pub(super) fn raw(bytes: impl Into<Vec<u8>>) -> Case {
    let bytes = bytes.into();
    let what = shortened(&bytes.escape_ascii().to_string());
    Case { what, request: Request::Raw { bytes, half_close: false }, expect: Vec::new(), problem: "", field: "" }
}

/// A request of these bytes, after which the client closes its sending side.
pub(super) fn cut(bytes: impl Into<Vec<u8>>) -> Case {
    let mut case = raw(bytes);
    if let Request::Raw { half_close, .. } = &mut case.request {
        *half_close = true;
    }
    case.what.push_str(" and the end");
    case
}

impl Case {
    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        self.what = format!("{}, {name}: {}", self.what, shortened(&value));
        match &mut self.request {
            Request::Plain { headers, .. } => headers.push((name, value)),
            Request::Raw { .. } => unreachable!("its headers are in its bytes"),
        }
        self
    }

    pub(super) fn body(mut self, media_type: &str, bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        let shown = shortened(&bytes.escape_ascii().to_string());
        if !media_type.is_empty() {
            self = self.header("content-type", media_type);
        }
        if let Request::Plain { body, .. } = &mut self.request {
            *body = bytes;
        }
        self.what = format!("{}, {shown}", self.what);
        self
    }

    /// The answer must have this status and problem.
    pub(super) fn is(self, status: u16, problem: &'static str) -> Self {
        Self { expect: vec![status], problem, ..self }
    }

    /// The answer must have one of these statuses, and may have any documented problem.
    pub(super) fn any(self, statuses: &[u16]) -> Self {
        Self { expect: statuses.to_vec(), ..self }
    }

    /// The problem's `field` must begin with this.
    pub(super) fn field(self, field: &'static str) -> Self {
        Self { field, ..self }
    }

    /// Sends the request and checks the answer.
    ///
    /// # Errors
    ///
    /// The request, what is wrong with the answer, and the answer that was expected.
    pub(super) async fn verdict(&self, client: &Client) -> Result<(), String> {
        let sending = {
            let (client, request, must_answer) = (client.clone(), self.request.clone(), !self.expect.contains(&CLOSED));
            async move {
                for _ in 1..ATTEMPTS {
                    let replies = send(&client, &request).await;
                    if !must_answer || !replies.is_empty() {
                        return replies;
                    }
                }
                send(&client, &request).await
            }
        };
        // The client panics if it gets no answer. In its own task, so that the other requests are still sent.
        let wrong = match tokio::spawn(sending).await {
            Ok(replies) => self.wrong(&replies).map(|wrong| {
                let shown: Vec<_> =
                    replies.iter().map(|reply| format!("{} {}", reply.status, shortened(&reply.text()))).collect();
                format!("{wrong}\n    got {shown:?}")
            }),
            Err(error) => Some(format!("there is no answer: {error}")),
        };
        let expected = format!("{:?} {} {}", self.expect, self.problem, self.field);
        wrong.map_or(Ok(()), |wrong| Err(format!("{}\n    {wrong}\n    expected {expected}", self.what)))
    }

    fn wrong(&self, replies: &[Reply]) -> Option<String> {
        let status = replies.first().map_or(CLOSED, |reply| reply.status.as_u16());
        if !self.expect.contains(&status) {
            return Some(format!("the status is {status}"));
        }
        let [reply, rest @ ..] = replies else {
            return None;
        };
        match rest {
            [] => {}
            [last] if last.status == 200 && last.text().contains("\"ok\"") => {}
            _ => return Some("a part of the request was answered as another request".into()),
        }
        if reply.body.len() > LONGEST_ANSWER {
            return Some(format!("the answer has {} bytes", reply.body.len()));
        }
        match status {
            400.. if !reply.body.is_empty() && self.asks_for_a_page() => wrong_page(reply),
            400.. if !reply.body.is_empty() => self.wrong_problem(reply),
            400.. if !self.problem.is_empty() => Some("the answer has no body".into()),
            _ => None,
        }
    }

    fn asks_for_a_page(&self) -> bool {
        let Request::Plain { headers, .. } = &self.request else { return false };
        headers.contains(&("accept", "text/html".into()))
    }

    fn wrong_problem(&self, reply: &Reply) -> Option<String> {
        let media_type = reply.header("content-type");
        if media_type != "application/problem+json" {
            return Some(format!("the media type is {media_type}"));
        }
        let Ok(problem) = serde_json::from_slice::<Value>(&reply.body) else {
            return Some("the problem is not JSON".into());
        };
        let status = reply.status.as_u16();
        let text = |member: &str| problem[member].as_str().unwrap_or_default();
        let kind = text("type");
        if !DOCUMENTED.iter().any(|(documented, statuses)| *documented == kind && statuses.contains(&status)) {
            return Some(format!("the type {kind} with {status} is not documented"));
        }
        if !self.problem.is_empty() && kind != self.problem {
            return Some(format!("the type is {kind}"));
        }
        if problem["status"] != status || text("title").is_empty() || text("detail").is_empty() {
            return Some("status, title or detail is missing or wrong".into());
        }
        if let Some(inside) = INSIDES.iter().find(|inside| text("detail").contains(**inside)) {
            return Some(format!("the detail shows {inside}"));
        }
        let complete = match kind {
            LIMIT => {
                let (allowed, seen) = (problem["allowed"].as_u64(), problem["seen"].as_u64());
                !text("limit").is_empty() && allowed.is_some() && allowed < seen
            }
            INVALID => !text("field").is_empty(),
            UNAUTHORIZED => !reply.header("www-authenticate").is_empty(),
            METHOD => !reply.header("allow").is_empty(),
            RANGE => reply.header("content-range").starts_with("bytes */"),
            _ => true,
        };
        if !complete {
            return Some("what this type comes with is missing".into());
        }
        (!text("field").starts_with(self.field)).then(|| "the field is another".into())
    }
}

/// Checks a failure that is shown in a browser: a page that says what is wrong, and runs nothing that was sent.
fn wrong_page(reply: &Reply) -> Option<String> {
    let (media_type, page) = (reply.header("content-type"), reply.text());
    if media_type != "text/html; charset=utf-8" {
        return Some(format!("the media type is {media_type}"));
    }
    if let Some(inside) = INSIDES.iter().find(|inside| page.contains(**inside)) {
        return Some(format!("the page shows {inside}"));
    }
    let said = page.split_once("<p class=\"error\" lang=\"en\">").and_then(|(_, rest)| rest.split_once("</p>"));
    if said.is_none_or(|(said, _)| said.len() < 20) {
        return Some("the page says nothing of what is wrong".into());
    }
    page.contains("<script>").then(|| "the page has a script in it".into())
}

async fn send(client: &Client, request: &Request) -> Vec<Reply> {
    match request {
        Request::Raw { bytes, half_close } => exchange(client.address(), bytes, *half_close).await,
        Request::Plain { method, path, headers, body } => {
            let is_ordinary = body.len() <= BIG
                && path
                    .parse::<Uri>()
                    .is_ok_and(|uri| uri.path_and_query().is_some_and(|parsed| parsed == path.as_str()))
                && headers.iter().all(|(_, value)| HeaderValue::from_str(value).is_ok());
            if is_ordinary {
                let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                let method = Method::from_bytes(method.as_bytes()).unwrap();
                return vec![client.send(method, path, &headers, body.clone()).await];
            }
            let headers: Vec<_> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
            let (headers, host, length) = (headers.concat(), client.address(), body.len());
            let head = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n{headers}content-length: {length}\r\n\r\n");
            exchange(host, &[head.as_bytes(), body].concat(), false).await
        }
    }
}

/// The first 200 characters, and the length if there are more.
fn shortened(text: &str) -> String {
    let start: String = text.chars().take(200).collect();
    if start.len() < text.len() { format!("{start}... ({} bytes)", text.len()) } else { start }
}

/// `start`, padded to `length` bytes.
pub(super) fn padded(start: &str, length: usize) -> String {
    format!("{start}{}", "a".repeat(length - start.len()))
}
