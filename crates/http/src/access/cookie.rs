//! The cookie that carries the token of a browser that signed in.
//!
//! Forms and pictures of a page cannot send the token in a header. With `SameSite=Lax`, browsers send the cookie when a
//! user follows a link from another site, but not with that site's writes; `Service::admit` ignores it on writes from
//! other sites in any case. With `HttpOnly`, scripts cannot read it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, header};

use crate::access::token::{Tokens, bearer};

/// The cookie's name.
pub(crate) const COOKIE: &str = "burrow_token";

/// The token that a request's cookie carries.
pub(crate) fn token(headers: &HeaderMap) -> Option<Vec<u8>> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == COOKIE)?;
    URL_SAFE_NO_PAD.decode(value).ok()
}

/// Whether a request carries one of these tokens, as a bearer token or, if it has none, in its cookie.
pub(crate) fn holds_one_of(tokens: &Tokens, headers: &HeaderMap) -> bool {
    bearer(headers).map_or_else(|| token(headers).is_some_and(|token| tokens.hold(&token)), |token| tokens.hold(token))
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
