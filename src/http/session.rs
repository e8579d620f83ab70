//! Signing in: a token in a cookie, for browsers, whose forms and pictures cannot send it in a header.
//!
//! The cookie is sent to this site by its own pages only (`SameSite=Strict`), scripts cannot read it (`HttpOnly`), and
//! changes are refused to pages of other sites whatever they send (`cors.rs`).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, Response, StatusCode, header};

use super::negotiation::wants_html;
use super::problem::Problem;
use super::token::Tokens;
use super::{Answer, Body, Head, Service, gallery, page, read_form, set};
use crate::ports::{ByteSource, Ports};

/// The cookie's name.
const COOKIE: &str = "burrow_token";

/// Seconds for which somebody stays signed in.
const SECONDS: u32 = 7 * 86_400;

/// Whether whoever asks may change something, for pages to say so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Everybody may.
    Open,
    /// They have a token for it.
    SignedIn,
    /// They need one.
    SignedOut,
}

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
    /// Whether whoever sent these headers may change something.
    pub(super) fn access(&self, headers: &HeaderMap) -> Access {
        let tokens = &self.settings.write_tokens;
        match holds_one_of(tokens, headers) {
            _ if tokens.is_empty() => Access::Open,
            true => Access::SignedIn,
            false => Access::SignedOut,
        }
    }

    /// `POST /session`: signs in with a `token`, or out without one; back to the page it came from.
    pub(super) async fn session(&self, head: Head<'_>, body: impl ByteSource) -> Result<Answer<P>, Problem> {
        let form = read_form(head.headers, body, self.settings.max_request_bytes).await?;
        form.check(&["token", "back"], &[])?;
        let given = form.get("token").unwrap_or_default().trim();
        let cookie = if given.is_empty() {
            format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
        } else {
            let [write, read] = [&self.settings.write_tokens, &self.settings.read_tokens];
            if !write.hold(given.as_bytes()) && !read.hold(given.as_bytes()) {
                return Err(Problem::unauthorized(true));
            }
            let value = URL_SAFE_NO_PAD.encode(given);
            let origin = head.headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
            let secure = if origin.is_some_and(|origin| origin.starts_with("https://")) { "; Secure" } else { "" };
            format!("{COOKIE}={value}; Path=/; Max-Age={SECONDS}; HttpOnly; SameSite=Strict{secure}")
        };
        let mut response: Response<Body<P>> =
            if wants_html(head.headers) { page::see_other(gallery::back(&form)) } else { super::no_content() };
        set(response.headers_mut(), header::SET_COOKIE, cookie);
        set(response.headers_mut(), header::CACHE_CONTROL, "no-store");
        debug_assert!(matches!(response.status(), StatusCode::SEE_OTHER | StatusCode::NO_CONTENT));
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
