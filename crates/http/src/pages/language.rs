//! `POST /language`: the language of the pages, as a reader chooses it.

use burrow_vault::ports::{ByteSource, Ports};
use http::{HeaderValue, Response, header};

use crate::message::{Answer, Body, no_content, see_other, set};
use crate::pages::form::back;
use crate::problem::Problem;
use crate::protocol::body::read_form;
use crate::protocol::negotiation::wants_html;
use crate::service::{Head, Service};
use crate::texts::Language;

impl<P: Ports> Service<P> {
    /// `POST /language`: remembers `language` in the browser; if it is empty, the browser's own languages decide again.
    /// Sends a browser back to the page it came from.
    pub(crate) async fn choose_language(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        let form = form.only(&["language", "back"], &[])?;
        let chosen = match form.get("language").unwrap_or_default() {
            "" => None,
            tag => Some(Language::named(tag).ok_or_else(|| unknown(tag))?),
        };
        let back = back(form, head.headers);
        let mut response: Response<Body<P>> = if wants_html(head.headers) { see_other(&back) } else { no_content() };
        let cookie = HeaderValue::from_str(&Language::cookie(chosen)).map_err(|_| Problem::internal())?;
        response.headers_mut().append(header::SET_COOKIE, cookie);
        set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
        Ok(response.into())
    }
}

fn unknown(tag: &str) -> Problem {
    let known = Language::ALL.map(Language::tag).join(", ");
    let tag = tag.get(..tag.floor_char_boundary(20)).unwrap_or_default();
    Problem::invalid("language", format!("there are pages in {known}; {tag:?} is none of these"))
}
