//! `POST /session`: signs browsers in and out.

use burrow_vault::ports::{ByteSource, Ports};
use http::{HeaderName, HeaderValue, Response, header};

use crate::access::cookie;
use crate::access::token::Tokens;
use crate::message::see_other;
use crate::message::{Answer, Body, no_content, set};
use crate::pages::form::back;
use crate::problem::Problem;
use crate::protocol::body::read_form;
use crate::protocol::negotiation::wants_html;
use crate::service::{Head, Service};

/// Names what a browser must delete (W3C Clear Site Data).
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Seconds for which a browser stays signed in.
const SECONDS: u64 = 7 * 86_400;

impl<P: Ports> Service<P> {
    /// `POST /session`: signs in with a `token`, or out without one. Sends a browser back to the page it came from.
    pub(crate) async fn session(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        let form = form.only(&["token", "back"], &[])?;
        let back = back(form, head.headers);
        let given = form.get("token").unwrap_or_default().trim();
        let cookies = if given.is_empty() {
            cookie::unset().into()
        } else {
            let [write, read] = [&self.settings.write_tokens, &self.settings.read_tokens];
            if !write.hold(given.as_bytes()) && !read.hold(given.as_bytes()) {
                return Err(Problem::unauthorized(true).leading_to(back));
            }
            let session = Tokens::session(given.as_bytes(), self.vault.now() / 1000 + SECONDS);
            let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            vec![cookie::set(&session, SECONDS, origin.is_some_and(|origin| origin.starts_with("https://")))]
        };
        let mut response: Response<Body<P>> = if wants_html(head.headers) { see_other(&back) } else { no_content() };
        for cookie in cookies.iter().filter_map(|cookie| HeaderValue::from_str(cookie).ok()) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
        set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
        if given.is_empty() {
            // The cache holds images that only readers who are signed in may see.
            set(response.headers_mut(), CLEAR_SITE_DATA, "\"cache\"");
        }
        Ok(response.into())
    }
}
