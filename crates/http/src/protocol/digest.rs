//! Verifies the digests that requests state, and writes those of answers (RFC 9530).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use burrow_model::error::Error;
use burrow_model::key::Sha256Hex;
use burrow_vault::ports::ByteSource;
use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{BareItem, Dictionary, ListEntry, Parser};
use sha2::{Digest as _, Sha256, Sha512};

use crate::problem::Problem;

/// Both mean the same here: a body that Burrow accepts is never encoded, and never a part of a representation.
const HEADERS: [HeaderName; 2] = [HeaderName::from_static("content-digest"), HeaderName::from_static("repr-digest")];

/// A body that fails at its end if it does not match the digests that its request states.
pub(crate) struct Digested<B> {
    body: B,
    sha256: Option<(Sha256, Vec<Vec<u8>>)>,
    sha512: Option<(Sha512, Vec<Vec<u8>>)>,
}

impl<B: ByteSource> Digested<B> {
    /// Reads the digests that the headers state.
    pub(crate) fn new(body: B, headers: &HeaderMap) -> Result<Self, Problem> {
        let mut digested = Self { body, sha256: None, sha512: None };
        for name in HEADERS {
            let values: Vec<&[u8]> = headers.get_all(&name).iter().map(HeaderValue::as_bytes).collect();
            if values.is_empty() {
                continue;
            }
            let malformed = || Problem::digest(format!("{name} is not a dictionary of byte sequences (RFC 9530)"));
            let stated: Dictionary = Parser::new(&values.join(&b", "[..])).parse().map_err(|_| malformed())?;
            if stated.is_empty() {
                return Err(malformed());
            }
            for (algorithm, digest) in stated {
                let ListEntry::Item(item) = digest else { return Err(malformed()) };
                let BareItem::ByteSequence(digest) = item.bare_item else { return Err(malformed()) };
                match algorithm.as_str() {
                    "sha-256" => digested.sha256.get_or_insert_default().1.push(digest),
                    "sha-512" => digested.sha512.get_or_insert_default().1.push(digest),
                    // Other algorithms may be ignored (section 2), as long as one is left to verify.
                    _ => {}
                }
            }
            if digested.sha256.is_none() && digested.sha512.is_none() {
                let want = HeaderValue::from_static("sha-256=10, sha-512=5");
                let problem = Problem::digest(format!("{name}: only sha-256 and sha-512 are verified here"));
                return Err(problem.with(WANT_CONTENT_DIGEST, want));
            }
        }
        Ok(digested)
    }
}

const WANT_CONTENT_DIGEST: HeaderName = HeaderName::from_static("want-content-digest");

impl<B: ByteSource> ByteSource for Digested<B> {
    async fn next(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if let Some(piece) = self.body.next().await? {
            if let Some((hash, _)) = &mut self.sha256 {
                hash.update(&piece);
            }
            if let Some((hash, _)) = &mut self.sha512 {
                hash.update(&piece);
            }
            return Ok(Some(piece));
        }
        let found256 = self.sha256.take().map(|(hash, stated)| (hash.finalize().to_vec(), stated, "sha-256"));
        let found512 = self.sha512.take().map(|(hash, stated)| (hash.finalize().to_vec(), stated, "sha-512"));
        for (found, stated, algorithm) in found256.into_iter().chain(found512) {
            if stated.iter().any(|stated| *stated != found) {
                let found = STANDARD.encode(found);
                return Err(Error::Digest(format!("the body's {algorithm} is :{found}:, not what was stated")));
            }
        }
        Ok(None)
    }
}

/// A SHA-256 as a field value: `sha-256=:...:`.
pub(crate) fn field(sha256: &Sha256Hex) -> String {
    format!("sha-256=:{}:", STANDARD.encode(sha256.bytes()))
}
