//! What all pages share: who may change things, security headers, error pages.

use askama::Template;
use burrow_model::time::{instant, timestamp};
use burrow_vault::ports::Ports;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, header};
use serde_json::json;

use crate::access::cookie;
use crate::access::token::Tokens;
use crate::api::json::response;
use crate::message::{Answer, Body, respond, set, varying};
use crate::problem::{self, Problem};
use crate::protocol::negotiation::wants_html;
use crate::route::Target;
use crate::service::{Head, Service};
use crate::texts::{Language, Text};

/// Pages load everything from this site, have nothing inline, and may not be framed.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
     manifest-src 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// What every page offers to its reader.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame {
    /// Whether the reader may change images.
    pub(crate) may_change: bool,
    /// Whether the reader is signed in, and so can sign out.
    pub(crate) is_signed_in: bool,
    /// The language of the page.
    pub(crate) language: Language,
}

impl Frame {
    /// A text in the language of the page.
    pub(crate) fn say(self, english: &'static str) -> Text {
        self.language.say(english)
    }

    /// A text with a number in it, in the language of the page.
    pub(crate) fn count(self, one: &'static str, other: &'static str, n: u64) -> Text {
        self.language.count(one, other, n)
    }
}

/// The request whose failure a page reports.
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    /// Path and query.
    pub(crate) target: &'a str,
    pub(crate) headers: &'a HeaderMap,
}

/// A moment, for programs and for people.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    pub(crate) stamp: String,
    pub(crate) text: String,
}

impl Moment {
    /// A time in milliseconds since 1970. Only English has it in words: scripts have those of all languages.
    pub(crate) fn new(millis: u64, language: Language) -> Self {
        let format = if language == Language::English { "%-d %b %Y, %H:%M UTC" } else { "%Y-%m-%d %H:%M UTC" };
        let text = instant(millis).map(|instant| instant.strftime(format).to_string()).unwrap_or_default();
        Self { stamp: timestamp(millis), text }
    }
}

/// A page that says what went wrong.
#[derive(Template)]
#[template(path = "problem.html")]
struct Failed<'a> {
    frame: Frame,
    title: &'a str,
    detail: &'a str,
    kind: &'a str,
    /// Whether the page asks for a token.
    is_unauthorized: bool,
    /// The path to go to after signing in.
    back: &'a str,
    /// Whether the page links to `back`: not if that is the page that failed, or if the page asks for a token.
    leads_back: bool,
}

/// A page about a kind of failure.
#[derive(Template)]
#[template(path = "about.html")]
struct About {
    frame: Frame,
    title: &'static str,
    text: &'static str,
}

impl<P: Ports> Service<P> {
    /// What pages offer to the sender of these headers.
    pub(crate) fn frame(&self, headers: &HeaderMap) -> Frame {
        let [write, read] = [&self.settings.write_tokens, &self.settings.read_tokens];
        let now = self.vault.now() / 1000;
        let has = |tokens: &Tokens| cookie::holds_one_of(tokens, headers, now);
        let may_change = write.is_empty() || cookie::admits(write, headers, now);
        Frame { may_change, is_signed_in: has(write) || has(read), language: Language::of(headers) }
    }

    /// `GET /problems/{kind}`.
    pub(crate) fn explain(&self, head: Head<'_>, kind: &str) -> Result<Answer<P>, Problem> {
        let (title, about) = problem::about(kind)?;
        if wants_html(head.headers) {
            let frame = self.frame(head.headers);
            return Ok(html(StatusCode::OK, &About { frame, title, text: about })?.into());
        }
        let about = json!({ "type": format!("/problems/{kind}"), "title": title, "about": about });
        Ok(varying(response(StatusCode::OK, &about)).into())
    }
}

/// An HTML response.
pub(crate) fn html<P>(status: StatusCode, page: &impl Template) -> Result<Response<Body<P>>, Problem> {
    let body = page.render().map_err(|_| Problem::internal())?;
    let mut response = respond(status, "text/html; charset=utf-8", body.into_bytes());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    set(response.headers_mut(), header::REFERRER_POLICY, "same-origin");
    // Pages offer more to readers who are signed in, and have several languages.
    set(response.headers_mut(), header::VARY, "accept, accept-language, cookie");
    Ok(response)
}

/// A failure as a page.
pub(crate) fn failed<P>(mut problem: Problem, frame: Frame, asked: &Asked<'_>) -> Response<Body<P>> {
    let (status, is_read) = (problem.status(), matches!(*asked.method, Method::GET | Method::HEAD));
    let back = problem.take_back().unwrap_or_else(|| {
        let page = if is_read { Some(asked.target) } else { came_from(asked.headers) };
        page.unwrap_or("/").to_owned()
    });
    let page = Failed {
        frame,
        title: problem.title(),
        detail: problem.detail(),
        kind: problem.kind(),
        is_unauthorized: status == StatusCode::UNAUTHORIZED,
        back: &back,
        leads_back: !is_read && status != StatusCode::UNAUTHORIZED,
    };
    let Ok(mut response) = html(status, &page) else { return problem.into_response() };
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response.headers_mut().extend(problem.into_headers());
    response
}

/// The page of this site that a browser comes from, by `Referer`: its path and query.
pub(super) fn came_from(headers: &HeaderMap) -> Option<&str> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (_, place) = text(header::REFERER)?.split_once("://")?;
    let (host, target) = place.split_at(place.find('/')?);
    let is_page = Target::parse(target).is_ok_and(|target| target.check_method(&Method::GET).is_ok());
    (is_page && host.eq_ignore_ascii_case(text(header::HOST)?)).then_some(target)
}
