//! Predicts the next token: what zlib with given settings would write.

use super::chains::{Chains, Found, Limit};
use super::settings::{Method, Search, Settings};
use super::window::Window;
use super::{MAX_MATCH, MIN_MATCH, Token};

/// How many bytes after its position a prediction looks at: a match, one byte later, and the byte after it.
pub(crate) const LOOKAHEAD: u32 = MAX_MATCH + MIN_MATCH + 1;

/// zlib takes no match of three bytes from farther away than this.
const TOO_FAR: u32 = 4096;

/// Follows zlib through a stream. Each [`Predictor::predict`] is followed by one [`Predictor::accept`].
#[derive(Debug)]
pub(crate) struct Predictor {
    method: Method,
    search: Search,
    is_filtered: bool,
    chains: Chains,
    /// What the lazy search found one byte after the literal that it therefore predicted.
    ahead: Option<Found>,
    /// The same, once that literal was accepted: it is at the current position.
    here: Option<Found>,
}

impl Predictor {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            method: settings.method(),
            search: settings.search(),
            is_filtered: settings.is_filtered(),
            chains: Chains::new(settings),
            ahead: None,
            here: None,
        }
    }

    /// How many places were looked at.
    pub(crate) fn steps(&self) -> u64 {
        self.chains.steps
    }

    /// Whether the prediction is a literal because a longer match begins at the next byte.
    pub(crate) fn looks_ahead(&self) -> bool {
        self.ahead.is_some()
    }

    /// The token at a position. The window must hold the [`LOOKAHEAD`], or be complete.
    pub(crate) fn predict(&mut self, window: &Window, at: u32) -> Token {
        let found = match self.method {
            Method::Stored | Method::Huffman => None,
            Method::Runs => run(window, at),
            Method::Fast => {
                let Search { nice, chain, .. } = self.search;
                self.chains.longest(window, at, Limit { longer_than: MIN_MATCH - 1, nice, chain })
            }
            Method::Lazy => self.lazy(window, at),
        };
        match found {
            Some(Found { length, distance }) => Token::Match { length, distance },
            None => Token::Literal(window.from(at).first().copied().unwrap_or(0)),
        }
    }

    /// What zlib's lazy search takes: the match here, if there is no longer one at the next byte.
    fn lazy(&mut self, window: &Window, at: u32) -> Option<Found> {
        let here = match self.here.take() {
            Some(found) => Some(found),
            None => self.longer(window, at, MIN_MATCH - 1),
        }?;
        if here.length < self.search.lazy {
            self.ahead = self.longer(window, at + 1, here.length);
        }
        if self.ahead.is_some() { None } else { Some(here) }
    }

    /// A match that is longer than the one before.
    fn longer(&mut self, window: &Window, at: u32, than: u32) -> Option<Found> {
        let Search { good, nice, chain, .. } = self.search;
        let chain = if than >= good { chain >> 2 } else { chain };
        let found = self.chains.longest(window, at, Limit { longer_than: than, nice, chain })?;
        let is_too_far = found.length == MIN_MATCH && found.distance > TOO_FAR;
        let is_short = self.is_filtered && found.length <= 5;
        (!is_too_far && !is_short).then_some(found)
    }

    /// Goes on behind the token that really follows.
    pub(crate) fn accept(&mut self, window: &Window, at: u32, token: Token) {
        let ahead = self.ahead.take();
        self.here = None;
        match token {
            Token::Literal(_) => self.here = ahead,
            Token::Match { length, .. } if self.method == Method::Fast => {
                self.chains.enter_before(window, at + 1);
                if length > self.search.lazy || at + length + MIN_MATCH > window.end() {
                    self.chains.skip_to(at + length);
                } else {
                    self.chains.enter_before(window, at + length);
                }
            }
            Token::Match { .. } => {}
        }
    }

    /// The nearest repeat of at least a length, but not at one distance: where most packers take a match from.
    pub(crate) fn nearest(&mut self, window: &Window, at: u32, length: u32, not_at: u32) -> Option<u32> {
        self.chains.nearest(window, at, length, not_at)
    }
}

/// The repeat of the byte before, if it is long enough.
fn run(window: &Window, at: u32) -> Option<Found> {
    let bytes = window.from(at.checked_sub(1)?);
    let (byte, rest) = bytes.split_first()?;
    let length = rest.iter().take(MAX_MATCH as usize).take_while(|next| *next == byte).count() as u32;
    (length >= MIN_MATCH).then_some(Found { length, distance: 1 })
}
