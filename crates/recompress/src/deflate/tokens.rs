//! Codes tokens against predictions.

use super::predict::Predictor;
use super::window::Window;
use super::{MIN_MATCH, Token, distance_extra, distance_of, distance_symbol};
use crate::coder::{Bits, Chance, Run};
use crate::symbols::Tree;

/// What a prediction says, as far as it tells how likely it is wrong.
const CLASSES: usize = 8;

/// Codes which tokens differ from their predictions, and how.
#[derive(Debug)]
pub(crate) struct Tokens {
    /// Whether predictions are often wrong. Then each token takes a bit; else only runs of right ones are counted.
    is_often_wrong: bool,
    /// By class, and by how the last three turned out.
    wrong: [[Chance; 8]; CLASSES],
    last: usize,
    is_literal: [Chance; CLASSES],
    is_same_length: [Chance; CLASSES],
    lengths: Vec<Tree<256>>,
    is_nearest: [Chance; CLASSES],
    distances: Tree<32>,
}

impl Tokens {
    pub(crate) fn new(is_often_wrong: bool) -> Self {
        Self {
            is_often_wrong,
            wrong: Default::default(),
            last: 0,
            is_literal: Default::default(),
            is_same_length: Default::default(),
            lengths: vec![Tree::default(); CLASSES],
            is_nearest: Default::default(),
            distances: Tree::default(),
        }
    }

    /// Codes the token at a position, and returns it.
    pub(crate) fn code(
        &mut self,
        bits: &mut impl Bits,
        run: &mut Run,
        predictor: &mut Predictor,
        window: &Window,
        at: u32,
        token: Option<Token>,
    ) -> Token {
        let predicted = predictor.predict(window, at);
        let token = token.unwrap_or(predicted);
        let class = class(predicted, predictor.looks_ahead());
        let is_wrong = if self.is_often_wrong {
            let chance = self.wrong.get_mut(class).and_then(|chances| chances.get_mut(self.last));
            chance.is_some_and(|chance| bits.bit(chance, token != predicted))
        } else {
            bits.rare(run, token != predicted)
        };
        self.last = self.last << 1 & 7 | usize::from(is_wrong);
        let token =
            if is_wrong { self.correct(bits, predictor, window, at, class, predicted, token) } else { predicted };
        predictor.accept(window, at, token);
        token
    }

    /// Codes a token that is not as predicted.
    #[expect(clippy::too_many_arguments, reason = "the prediction, the truth, and where they are")]
    fn correct(
        &mut self,
        bits: &mut impl Bits,
        predictor: &mut Predictor,
        window: &Window,
        at: u32,
        class: usize,
        predicted: Token,
        token: Token,
    ) -> Token {
        let literal = Token::Literal(window.from(at).first().copied().unwrap_or(0));
        let by_class = |chances: &mut [Chance; CLASSES], bits: &mut _, bit| {
            chances.get_mut(class).is_some_and(|chance| Bits::bit(bits, chance, bit))
        };
        let (length, distance) = match token {
            Token::Literal(_) => (0, 0),
            Token::Match { length, distance } => (length, distance),
        };
        let (predicted_length, predicted_distance) = match predicted {
            Token::Literal(_) => (0, 0),
            Token::Match { length, distance } => (length, distance),
        };
        let is_match = predicted_length > 0;
        if is_match && by_class(&mut self.is_literal, bits, length == 0) {
            return literal;
        }
        let length = if is_match && by_class(&mut self.is_same_length, bits, length == predicted_length) {
            predicted_length
        } else {
            let tree = self.lengths.get_mut(class);
            tree.map_or(0, |tree| tree.code(bits, length.saturating_sub(MIN_MATCH))) + MIN_MATCH
        };
        // With the predicted length, it is the predicted distance that is wrong.
        let not_at = if length == predicted_length { predicted_distance } else { 0 };
        let nearest = predictor.nearest(window, at, length, not_at);
        if let Some(nearest) = nearest
            && by_class(&mut self.is_nearest, bits, distance == nearest)
        {
            return Token::Match { length, distance: nearest };
        }
        let (symbol, extra, _) = distance_symbol(distance);
        let symbol = self.distances.code(bits, symbol as u32) as usize;
        let mut read = 0;
        for shift in (0..distance_extra(symbol)).rev() {
            read = read << 1 | u32::from(bits.flat(extra >> shift & 1 == 1));
        }
        Token::Match { length, distance: distance_of(symbol, read).unwrap_or(1) }
    }
}

fn class(predicted: Token, looks_ahead: bool) -> usize {
    match predicted {
        Token::Literal(_) => usize::from(looks_ahead),
        Token::Match { length, .. } => match length {
            ..4 => 2,
            4 => 3,
            5..7 => 4,
            7..17 => 5,
            17..258 => 6,
            _ => 7,
        },
    }
}
