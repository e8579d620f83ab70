//! Finds the settings with which zlib would have packed a stream, by trying them on its beginning.

use super::parse::Block;
use super::predict::Predictor;
use super::settings::{Settings, Strategy};
use super::stream::Inflater;
use super::window::Window;
use super::{Kind, Token};
use crate::Refused;

/// So many plain bytes and tokens are tried: where an image is empty, few tokens stand for many bytes, and all settings
/// give the same ones.
const SAMPLE: u32 = 160 * 1024;
const SAMPLE_TOKENS: usize = 20_000;

/// At most so many plain bytes are tried.
const LARGEST_SAMPLE: u32 = 4 << 20;

/// One trial ends after looking at so many places.
const MOST_STEPS: u64 = 30_000_000;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Detected {
    pub(crate) settings: Settings,
    /// Whether so many predictions are wrong that each token should take a bit.
    pub(crate) is_often_wrong: bool,
}

/// The beginning of a stream.
struct Sample<'a> {
    window: Window,
    blocks: Vec<&'a Block>,
    /// Trials end here, because predictions look ahead.
    end: u32,
}

/// How a trial went.
#[derive(Clone, Copy)]
struct Trial {
    settings: Settings,
    wrong: u32,
    tokens: u32,
}

/// Finds the settings for a stream whose head states these window bits.
pub(crate) fn detect(deflated: &[u8], most_tokens: usize, window_bits: u8) -> Result<Detected, Refused> {
    let (mut inflater, mut window) = (Inflater::new(deflated, most_tokens), Window::default());
    let mut has_more = true;
    let is_enough =
        |inflater: &Inflater, end| end >= SAMPLE && inflater.tokens() >= SAMPLE_TOKENS || end >= LARGEST_SAMPLE;
    while has_more && !is_enough(&inflater, window.end()) {
        has_more = inflater.fill(&mut window, 64 * 1024)?;
    }
    let margin = if has_more { super::predict::LOOKAHEAD } else { 0 };
    let end = window.end().saturating_sub(margin);
    let sample = Sample { window, blocks: inflater.blocks().collect(), end };
    Ok(sample.detect(window_bits))
}

impl Sample<'_> {
    fn detect(&self, window_bits: u8) -> Detected {
        let known = self.memory_level();
        let memory_level = known.unwrap_or(8);
        let settings = |level, strategy| Settings { level, strategy, window_bits: window_bits.max(9), memory_level };
        if self.blocks.iter().all(|block| block.kind == Kind::Stored) {
            return Detected { settings: settings(0, Strategy::Default), is_often_wrong: false };
        }
        let (mut matches, mut runs) = (0, 0);
        for token in self.tokens() {
            if let Token::Match { distance, .. } = token {
                matches += 1;
                runs += u32::from(distance == 1);
            }
        }
        let mut candidates = Vec::new();
        if matches == 0 {
            candidates.push(settings(6, Strategy::Huffman));
        } else if matches == runs {
            candidates.push(settings(6, Strategy::Runs));
        }
        for level in [6, 9, 8, 7, 5, 4, 3, 2, 1] {
            candidates.push(settings(level, Strategy::Default));
            if level > 3 {
                candidates.push(settings(level, Strategy::Filtered));
            }
        }
        let mut best: Option<Trial> = None;
        for candidate in candidates {
            self.try_better(&mut best, candidate);
        }
        // Where blocks do not tell, and where the head states a smaller window than was used.
        if let Some(Trial { settings, wrong: 1.., .. }) = best {
            if known.is_none() {
                for memory_level in [9, 7, 6, 5, 4, 3, 2, 1] {
                    self.try_better(&mut best, Settings { memory_level, ..settings });
                }
            }
            self.try_better(&mut best, Settings { window_bits: 15, ..settings });
        }
        let best = best.unwrap_or(Trial { settings: settings(6, Strategy::Default), wrong: 0, tokens: 0 });
        Detected { settings: best.settings, is_often_wrong: best.wrong > best.tokens / 256 }
    }

    /// Tries settings, and keeps them if fewer predictions are wrong, or as many with less work.
    fn try_better(&self, best: &mut Option<Trial>, settings: Settings) {
        let bound = best.map_or(u32::MAX, |best| best.wrong);
        let Some(trial) = self.try_with(settings, bound) else { return };
        let cost = |settings: Settings| settings.search().chain;
        if best.is_none_or(|best| {
            trial.wrong < best.wrong || trial.wrong == best.wrong && cost(settings) < cost(best.settings)
        }) {
            *best = Some(trial);
        }
    }

    /// Counts the wrong predictions; `None` once there are more than `bound`.
    fn try_with(&self, settings: Settings, bound: u32) -> Option<Trial> {
        let (mut predictor, mut trial, mut at) = (Predictor::new(settings), Trial { settings, wrong: 0, tokens: 0 }, 0);
        for block in &self.blocks {
            let end = at + block.length;
            let mut tokens = block.tokens.iter().map(|token| Token::from_u32(*token));
            while at < end {
                if at >= self.end || predictor.steps() > MOST_STEPS {
                    return Some(trial);
                }
                let mut predicted = predictor.predict(&self.window, at);
                if block.kind == Kind::Stored {
                    if predicted.length() > end - at {
                        predicted = Token::Literal(0);
                    }
                    predictor.accept(&self.window, at, predicted);
                    at += predicted.length();
                    continue;
                }
                let Some(token) = tokens.next() else { break };
                trial.tokens += 1;
                trial.wrong += u32::from(token != predicted);
                if trial.wrong > bound {
                    return None;
                }
                predictor.accept(&self.window, at, token);
                at += token.length();
            }
        }
        Some(trial)
    }

    fn tokens(&self) -> impl Iterator<Item = Token> {
        let blocks = self.blocks.iter().filter(|block| block.kind != Kind::Stored);
        blocks.flat_map(|block| block.tokens.iter().map(|token| Token::from_u32(*token)))
    }

    /// By the tokens of the first block that is not the last: 2 to the power of the level and 6, less one.
    fn memory_level(&self) -> Option<u8> {
        let first = self.blocks.iter().find(|block| block.kind != Kind::Stored && !block.is_final);
        let level =
            first.and_then(|block| (block.tokens.len() + 1).checked_ilog2()).and_then(|bits| bits.checked_sub(6))?;
        (1..=9).contains(&level).then_some(level as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts the wrong predictions for what zlib itself wrote, by the settings it was given.
    #[test]
    fn zlib_is_predicted() {
        let mut failures = Vec::new();
        for fixture in crate::testing::zlib_streams() {
            let detected = detect(&fixture.deflated, 1 << 22, fixture.window_bits).unwrap();
            let (mut inflater, mut window) = (Inflater::new(&fixture.deflated, 1 << 22), Window::default());
            while inflater.fill(&mut window, 1 << 16).unwrap() {}
            let sample = Sample { end: window.end(), window, blocks: inflater.blocks().collect() };
            let trial = sample.try_with(detected.settings, u32::MAX).unwrap();
            if trial.wrong > 0 {
                failures.push(format!(
                    "{}: {} of {} wrong with {:?}",
                    fixture.name, trial.wrong, trial.tokens, detected.settings
                ));
            }
        }
        assert!(failures.is_empty(), "{failures:#?}");
    }
}
