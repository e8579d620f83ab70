//! Bearer tokens (RFC 6750).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use burrow_model::words::words;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, header};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Tokens with equal rights, so that the old and the new one are both valid during a rotation. Kept as SHA-256 digests:
/// a comparison takes the same time for every token, and `Debug` shows only how many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// The format of a list of tokens, for error texts.
    pub const RULE: &str = "tokens of at least 8 visible ASCII characters, separated by spaces or commas";

    /// Whether no token is set; then everybody has access.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `token` is one of these.
    pub fn hold(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        // Compares with all of them: the time must not show which one matched.
        self.0.iter().fold(0, |held, token| held | token.ct_eq(&digest).unwrap_u8()) == 1
    }

    /// Makes a session of a token that is valid until `expires`, in seconds since 1970: this time, and a code over it
    /// whose key is the token's digest.
    pub(crate) fn session(token: &[u8], expires: u64) -> String {
        let code = code(&Sha256::digest(token).into(), expires).map(|code| code.finalize().into_bytes());
        format!("{expires}.{}", URL_SAFE_NO_PAD.encode(code.unwrap_or_default()))
    }

    /// Whether a session was made with one of these tokens, and is valid at the time `now`.
    pub(crate) fn hold_session(&self, session: &str, now: u64) -> bool {
        let Some((expires, given)) = session.split_once('.') else { return false };
        let (Ok(expires), Ok(given)) = (expires.parse(), URL_SAFE_NO_PAD.decode(given)) else { return false };
        // Compares in constant time.
        let is_of = |token| code(token, expires).is_some_and(|code| code.verify_slice(&given).is_ok());
        now < expires && self.0.iter().any(is_of)
    }
}

/// The code of a session; every length of key is taken.
fn code(token: &[u8; 32], expires: u64) -> Option<Hmac<Sha256>> {
    let mut code = Hmac::new_from_slice(token).ok()?;
    code.update(format!("burrow session 1\n{expires}").as_bytes());
    Some(code)
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} tokens", self.0.len())
    }
}

impl FromStr for Tokens {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let token = |token: &str| {
            let fits = token.len() >= 8 && token.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then(|| Sha256::digest(token).into()).ok_or(())
        };
        words(text, token).map(Self)
    }
}

/// The bearer token that a request carries.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_of_the_list_holds_and_no_other() {
        let tokens: Tokens = "first-token,second-token third-token".parse().unwrap();
        for token in ["first-token", "second-token", "third-token"] {
            assert!(tokens.hold(token.as_bytes()));
        }
        for token in ["", "first-toke", "first-token ", "first-token,second-token", "FIRST-TOKEN"] {
            assert!(!tokens.hold(token.as_bytes()), "{token}");
        }
        assert!(!Tokens::default().hold(b""));
        assert_eq!(format!("{tokens:?}"), "3 tokens");
    }

    #[test]
    fn a_session_is_of_its_token_and_ends() {
        let tokens: Tokens = "first-token,second-token".parse().unwrap();
        let session = Tokens::session(b"second-token", 1000);
        assert!(tokens.hold_session(&session, 999) && !tokens.hold_session(&session, 1000));
        assert!(!session.contains("second-token") && !session.contains(&URL_SAFE_NO_PAD.encode("second-token")));
        let later = session.replacen("1000", "2000", 1);
        let cut = &session[..session.len() - 1];
        for wrong in [later.as_str(), cut, "1000.", "1000", ".", "", &Tokens::session(b"other-token", 1000)] {
            assert!(!tokens.hold_session(wrong, 1), "{wrong}");
        }
        // Who rotates a token ends its sessions.
        assert!(!"first-token".parse::<Tokens>().unwrap().hold_session(&session, 1));
        assert!(!Tokens::default().hold_session(&session, 1));
    }

    #[test]
    fn a_bearer_token_is_found() {
        let bearer = |value: &str| {
            let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
            bearer(&headers).map(<[u8]>::to_vec)
        };
        assert_eq!(bearer("Bearer abc").as_deref(), Some(&b"abc"[..]));
        assert_eq!(bearer("bearer  abc ").as_deref(), Some(&b"abc"[..]));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("Bearer"), None);
    }
}
