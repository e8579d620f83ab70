//! The cookie of a browser that signed in.
//!
//! Forms and pictures of a page cannot send a token in a header. The cookie does not have the token: it has the time until
//! which it is valid, and a code that only who knows the token can make. With `SameSite=Lax`, browsers send the cookie when
//! a user follows a link from another site, but not with that site's writes; `Service::admit` ignores it on writes from
//! other sites in any case. With `HttpOnly`, scripts cannot read it. With the prefix `__Host-`, browsers take it only over
//! HTTPS and from this host itself (RFC 6265bis, section 4.1.3.2).

use http::{HeaderMap, header};

use crate::access::token::{Tokens, bearer};

/// The cookie's name over HTTPS, and over plain HTTP.
const SECURE: &str = "__Host-burrow_session";
const PLAIN: &str = "burrow_session";

/// Cookies of these names that are looked at.
const MOST: usize = 4;

/// The values of a request's session cookies.
fn sessions(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| matches!(*name, SECURE | PLAIN)).map(|(_, value)| value).take(MOST)
}

/// Whether a request has a session cookie, valid or not.
pub(crate) fn is_there(headers: &HeaderMap) -> bool {
    sessions(headers).next().is_some()
}

/// Whether a session cookie of a request is valid at the time `now`, in seconds since 1970.
pub(crate) fn holds_one_of(tokens: &Tokens, headers: &HeaderMap, now: u64) -> bool {
    sessions(headers).any(|session| tokens.hold_session(session, now))
}

/// Whether a request carries one of these tokens, as a bearer token or, if it has none, a session made with it.
pub(crate) fn admits(tokens: &Tokens, headers: &HeaderMap, now: u64) -> bool {
    bearer(headers).map_or_else(|| holds_one_of(tokens, headers, now), |token| tokens.hold(token))
}

/// The field that gives a browser this session for so many seconds.
pub(crate) fn set(session: &str, seconds: u64, is_secure: bool) -> String {
    let (name, secure) = if is_secure { (SECURE, "; Secure") } else { (PLAIN, "") };
    format!("{name}={session}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The fields that end every session of a browser.
pub(crate) fn unset() -> [String; 2] {
    [true, false].map(|is_secure| set("", 0, is_secure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = |values: &[&str]| {
            let headers = values.iter().map(|value| (header::COOKIE, value.parse().unwrap()));
            sessions(&headers.collect::<HeaderMap>()).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(found(&["x=y", "a=b; burrow_session=1.x; c"]), ["1.x"]);
        assert_eq!(found(&["__Host-burrow_session=2.y;burrow_session=1.x"]), ["2.y", "1.x"]);
        for none in ["", "burrow_session", "xburrow_session=YQ", "a=burrow_session=YQ"] {
            assert!(found(&[none]).is_empty(), "{none}");
        }
        assert_eq!(found(&["burrow_session=1.x; "; 99]).len(), MOST);
    }
}
