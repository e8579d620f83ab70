//! What all pages for people have in common.

use askama::Template;
use http::{HeaderValue, Response, StatusCode, header};

use serde_json::json;

use super::json::{readable, response, timestamp};
use super::negotiation::wants_html;
use super::problem::{self, Problem};
use super::session::Access;
use super::{Answer, Body, Head, Service, respond, set};
use crate::ports::Ports;

/// Everything comes from us, nothing is inline, nobody may frame us.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// What every page knows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame {
    /// Whether whoever looks at it may change something.
    pub(super) access: Access,
}

impl Frame {
    /// Whether changes are offered.
    pub(super) fn may(self) -> bool {
        self.access != Access::SignedOut
    }

    pub(super) fn is_signed_in(self) -> bool {
        self.access == Access::SignedIn
    }
}

/// A moment, for programs and for people.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    pub(super) stamp: String,
    pub(super) text: String,
}

impl From<u64> for Moment {
    /// Milliseconds since 1970.
    fn from(millis: u64) -> Self {
        Self { stamp: timestamp(millis), text: readable(millis) }
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
    /// Whether a token helps.
    is_unauthorized: bool,
    /// Where to go on once signed in.
    back: &'a str,
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
    /// `GET /problems/{kind}`.
    pub(super) fn explain(&self, head: Head<'_>, kind: &str) -> Result<Answer<P>, Problem> {
        let (title, about) = problem::about(kind)?;
        if wants_html(head.headers) {
            let frame = Frame { access: self.access(head.headers) };
            return Ok(html(StatusCode::OK, &About { frame, title, text: about })?.into());
        }
        let about = json!({ "type": format!("/problems/{kind}"), "title": title, "about": about });
        Ok(super::varying(response(StatusCode::OK, &about)).into())
    }
}

/// An HTML response.
pub(super) fn html<P>(status: StatusCode, page: &impl Template) -> Result<Response<Body<P>>, Problem> {
    let body = page.render().map_err(|_| Problem::internal())?;
    let mut response = respond(status, "text/html; charset=utf-8", body.into_bytes());
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, POLICY);
    set(response.headers_mut(), header::REFERRER_POLICY, "same-origin");
    // Who is signed in sees more.
    set(response.headers_mut(), header::VARY, "accept, cookie");
    Ok(response)
}

/// A failure as a page; `target` is the path and query that failed.
pub(super) fn failed<P>(problem: Problem, access: Access, target: &str) -> Response<Body<P>> {
    let status = problem.status();
    let page = Failed {
        frame: Frame { access },
        title: problem.title(),
        detail: problem.detail(),
        kind: problem.kind(),
        is_unauthorized: status == StatusCode::UNAUTHORIZED,
        back: if target.starts_with("/session") { "/" } else { target },
    };
    let Ok(mut response) = html(status, &page) else { return problem.into_response() };
    set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
    response.headers_mut().extend(problem.into_headers());
    response
}

/// Sends a browser on to another page of ours.
pub(super) fn see_other<P>(to: &str) -> Response<Body<P>> {
    let mut response = super::no_content();
    *response.status_mut() = StatusCode::SEE_OTHER;
    set(response.headers_mut(), header::LOCATION, to);
    response
}
