//! Models samples of 8 and 16 bits, whose neighbours predict them.

use super::blend::{Blend, Sets};
use super::predict::{Bias, Linear, TAPS};
use crate::guess::Guess;
use crate::measures::{median, signed, steps};
use crate::range::Coder;
use crate::rows::{Around, Pixel, Rows, mark};
use crate::table::hash;

/// Contexts of a sample.
const CONTEXTS: usize = 16;

/// Bits of the sets of weights: 6 for channel and errors, 5 for the fraction of the prediction and the error to the west.
const SETS: [u32; 2] = [6, 5];

/// One channel of the pixels.
#[derive(Debug)]
struct Channel {
    index: usize,
    /// The channels that are coded before this one, the last one first.
    others: &'static [usize],
    linear: Linear,
    bias: Bias,
}

#[derive(Debug)]
pub(crate) struct Continuous {
    bits: u32,
    max: i32,
    has_alpha: bool,
    /// In the order in which they are coded: alpha, green, red, blue.
    channels: Vec<Channel>,
    blend: Blend<CONTEXTS>,
}

impl Continuous {
    pub(crate) fn new(bits: u32, channels: usize, pixels: u64) -> Self {
        let order: &[(usize, &'static [usize])] = match channels {
            1 => &[(0, &[])],
            2 => &[(1, &[]), (0, &[1])],
            3 => &[(1, &[]), (0, &[1]), (2, &[0, 1])],
            _ => &[(3, &[]), (1, &[3]), (0, &[1, 3]), (2, &[0, 1, 3])],
        };
        let channel = |&(index, others)| {
            let follows_color = channels > 2 && index != 1 && index != 3;
            Channel { index, others, linear: Linear::new(!follows_color), bias: Bias::new() }
        };
        Self {
            bits,
            max: (1 << bits) - 1,
            has_alpha: channels.is_multiple_of(2),
            channels: order.iter().map(channel).collect(),
            blend: Blend::new(groups(pixels, channels), SETS),
        }
    }

    pub(crate) fn memory(pixels: u64, channels: usize) -> u64 {
        Blend::<CONTEXTS>::memory(groups(pixels, channels), SETS) + 4 * Bias::MEMORY
    }

    /// Codes the samples of pixel `x`, which is not as guessed.
    #[inline(always)]
    pub(crate) fn pixel<C: Coder>(
        &mut self,
        coder: &mut C,
        rows: &mut Rows,
        x: usize,
        guess: &Guess,
        around: &Around<Pixel>,
        samples: &mut [u16],
    ) {
        if self.bits == 16 {
            self.samples::<true, C>(coder, rows, x, guess, around, samples);
        } else {
            self.samples::<false, C>(coder, rows, x, guess, around, samples);
        }
    }

    #[inline(always)]
    fn samples<const WIDE: bool, C: Coder>(
        &mut self,
        coder: &mut C,
        rows: &mut Rows,
        x: usize,
        guess: &Guess,
        around: &Around<Pixel>,
        samples: &mut [u16],
    ) {
        let mut known = 0u32; // a hash of the samples of this pixel
        let mut before = 0i32; // the error of the sample before
        let mut opacity = 0;
        for Channel { index: channel, others, linear, bias } in &mut self.channels {
            let channel = *channel;
            let Some(place) = samples.get_mut(channel) else { continue };
            let a = rows.samples(x, channel);
            let e = rows.errors(x, channel);
            let twice = a.w + a.n;
            let mut taps = [0; TAPS];
            let own = [a.w, a.n, a.nw, a.ne, a.ww, a.nn, a.nne, a.nww, a.nee, a.nnw];
            for (tap, value) in taps.iter_mut().zip(own) {
                *tap = 2 * value - twice;
            }
            let mut simple = median(&a);
            for (back, &other) in others.iter().enumerate() {
                let (b, here) = (rows.samples(x, other), rows.sample(x, other));
                let twice = b.w + b.n;
                for (tap, value) in taps.iter_mut().skip(10 + 4 * back).zip([here, b.w, b.nw, b.ne]) {
                    *tap = 2 * value - twice;
                }
                if back == 0 {
                    simple = (simple + here - median(&b)).clamp(0, self.max);
                }
            }
            let (sum, power) = linear.combine::<WIDE>(&taps);
            let limit = self.max * 8;
            let raw = (twice * 4 + sum).clamp(0, limit);
            let energy = (2 * (e.w + e.n) + e.ne + e.nw + 1) / 2 + 2 * before.abs();
            let quiet = steps(energy).min(15);
            let texture = [a.w > a.n, a.nw > a.n, a.ne > a.n, a.ww > a.w, a.nn > a.n, simple * 8 > raw];
            let texture = texture.iter().fold(0, |bits, bit| bits << 1 | u32::from(*bit));
            let similar = (quiet << 6 | texture) as usize;
            let eighths = (raw + bias.get(similar)).clamp(0, limit);
            let prediction = (eighths + 4) >> 3;
            let part = ((eighths + 4) & 7) as u32;

            let off = |value: i32| (value - prediction) as u32;
            let dm = simple - prediction;
            let qd = signed(dm);
            let [w, n, nw, ne] = [e.w, e.n, e.nw, e.ne].map(steps);
            let contexts = [
                quiet,
                ((w * 32 + n) * 32 + qd) * 4 + (part >> 1),
                ((signed(before) * 16 + quiet) * 4 + (part >> 1)) * 32 + qd,
                hash(prediction as u32 >> 1, quiet >> 1),
                hash(hash(mark(around.w), mark(around.n)), known),
                hash(known, prediction as u32),
                hash(mark(around.w), known),
                hash(mark(around.n), known),
                hash(off(a.w), off(a.n) << 2 | part >> 2),
                hash(off(a.ne) >> 1, off(a.nw) >> 1),
                ((ne * 32 + nw) * 32 + w) * 256 + quiet * 8 + part,
                hash(known, 1),
                hash(guess.neighbours, known),
                hash(hash(mark(around.n), mark(around.ne)), known),
                hash(hash(mark(around.w), mark(around.nw)), hash(mark(around.ww), known)),
                hash((a.nn - a.n) as u32 >> 1, (a.ww - a.w) as u32 >> 1),
            ];
            let salt = (channel as u32) << 2 | opacity;
            let mut number = 0;
            let contexts = contexts.map(|context| {
                number += 1;
                hash(hash(context, salt), number)
            });
            let sets = Sets { first: (channel as u32) << 4 | quiet, second: part << 2 | w.min(3) };
            let sample = self.blend.difference(coder, &contexts, sets, i32::from(*place), prediction, self.max);
            *place = sample as u16;
            before = sample - prediction;
            rows.put(x, channel, sample, before.abs());
            linear.learn::<WIDE>(&taps, power, sample * 8 - raw);
            bias.learn(similar, sample * 8 - raw);
            known = hash(known.wrapping_add(1), sample as u32);
            if self.has_alpha && others.is_empty() {
                opacity = match sample {
                    0 => 1,
                    _ if sample == self.max => 2,
                    _ => 3,
                };
            }
        }
    }
}

/// Bits of the number of groups for each context.
fn groups(pixels: u64, channels: usize) -> u32 {
    (pixels * channels as u64).next_power_of_two().trailing_zeros().clamp(10, 15)
}
