//! Signing in: a token in a cookie, for browsers, whose forms and pictures cannot send it in a header.
//!
//! Other sites can lead to this one with the cookie, but send nothing with it that would change something (`SameSite=Lax`);
//! nor does it count if they do (`cors.rs`). Scripts cannot read it (`HttpOnly`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderName, Response, header};

use super::negotiation::wants_html;
use super::page::Frame;
use super::problem::Problem;
use super::token::Tokens;
use super::{Answer, Body, Head, Service, gallery, page, read_form, set};
use crate::ports::{ByteSource, Ports};

/// The cookie's name.
const COOKIE: &str = "burrow_token";

/// What a browser is to forget (W3C Clear Site Data).
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// Seconds for which somebody stays signed in.
const SECONDS: u32 = 7 * 86_400;

/// The token that a request's cookie carries.
pub(super) fn token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    URL_SAFE_NO_PAD.decode(value).ok()
}

/// Whether a request carries one of these tokens, as a bearer or in its cookie.
pub(super) fn holds_one_of(tokens: &Tokens, headers: &HeaderMap) -> bool {
    super::bearer(headers)
        .map_or_else(|| token(headers).is_some_and(|token| tokens.hold(&token)), |token| tokens.hold(token))
}

impl<P: Ports> Service<P> {
    /// What whoever sent these headers is offered by pages.
    pub(super) fn frame(&self, headers: &HeaderMap) -> Frame {
        let [write, read] = [&self.settings.write_tokens, &self.settings.read_tokens];
        let has = |tokens: &Tokens| token(headers).is_some_and(|token| tokens.hold(&token));
        Frame { may_change: write.is_empty() || holds_one_of(write, headers), is_signed_in: has(write) || has(read) }
    }

    /// `POST /session`: signs in with a `token`, or out without one; back to the page it came from.
    pub(super) async fn session(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        form.check(&["token", "back"], &[])?;
        let back = gallery::back(&form, head.headers);
        let given = form.get("token").unwrap_or_default().trim();
        let cookie = if given.is_empty() {
            format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax")
        } else {
            let [write, read] = [&self.settings.write_tokens, &self.settings.read_tokens];
            if !write.hold(given.as_bytes()) && !read.hold(given.as_bytes()) {
                return Err(Problem::unauthorized(true).leading_to(back));
            }
            let value = URL_SAFE_NO_PAD.encode(given);
            let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            let secure = if origin.is_some_and(|origin| origin.starts_with("https://")) { "; Secure" } else { "" };
            format!("{COOKIE}={value}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Lax{secure}")
        };
        let mut response: Response<Body<P>> =
            if wants_html(head.headers) { page::see_other(&back) } else { super::no_content() };
        set(response.headers_mut(), header::SET_COOKIE, cookie);
        set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
        if given.is_empty() {
            // Pictures that only who was signed in may see are in it.
            set(response.headers_mut(), CLEAR_SITE_DATA, "\"cache\"");
        }
        Ok(response.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |values: &[&str]| {
            let headers = values.iter().map(|value| (header::COOKIE, value.parse().unwrap()));
            token(&headers.collect::<HeaderMap>())
        };
        let cookie = format!("a=b; {COOKIE}={}; c", URL_SAFE_NO_PAD.encode("a token, with=signs"));
        assert_eq!(found(&["x=y", &cookie]).as_deref(), Some(&b"a token, with=signs"[..]));
        for none in ["", "burrow_token", "burrow_token=!!", "xburrow_token=YQ", "a=burrow_token=YQ"] {
            assert_eq!(found(&[none]), None, "{none}");
        }
    }
}
