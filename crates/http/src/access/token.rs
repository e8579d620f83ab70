//! Bearer tokens (RFC 6750).

use std::fmt;
use std::str::FromStr;

use burrow_model::words::words;
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
