//! Images made by code, the same on every host: noise, gradients, text, repeats, of every layout.

use burrow_pixels::{Depth, Layout};

/// A sequence of numbers that looks random (splitmix64).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }
}

/// What an image shows.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Motif {
    Noise,
    Flat,
    /// A smooth slope with a little noise, like a photograph.
    Slope,
    /// Few colours, hard edges, repeated shapes, like text.
    Text,
    /// Random pixels, but each row of eight is repeated below, and three colours only.
    Repeats,
    /// A shape on a transparent ground: the last channel is 0 outside, and the colours there are hidden.
    Shape,
}

pub(crate) const MOTIFS: [Motif; 6] =
    [Motif::Noise, Motif::Flat, Motif::Slope, Motif::Text, Motif::Repeats, Motif::Shape];

/// Every kind of pixel that PNG has: channels, depth, palette.
pub(crate) const KINDS: [(u8, Depth, bool); 15] = [
    (1, Depth::One, false),
    (1, Depth::Two, false),
    (1, Depth::Four, false),
    (1, Depth::Eight, false),
    (1, Depth::Sixteen, false),
    (1, Depth::One, true),
    (1, Depth::Two, true),
    (1, Depth::Four, true),
    (1, Depth::Eight, true),
    (2, Depth::Eight, false),
    (2, Depth::Sixteen, false),
    (3, Depth::Eight, false),
    (3, Depth::Sixteen, false),
    (4, Depth::Eight, false),
    (4, Depth::Sixteen, false),
];

/// The raw rows of such an image.
pub(crate) fn rows(layout: Layout, width: u32, motif: Motif) -> Vec<u8> {
    let (channels, bits) = (layout.channels() as u64, layout.depth().bits());
    let max = (1u64 << bits) - 1;
    let mut numbers = Numbers(u64::from(width) * 31 + u64::from(layout.rows()));
    let mut bytes = Vec::new();
    for y in 0..u64::from(layout.rows()) {
        let mut row = vec![0u8; layout.row_bytes()];
        for x in 0..u64::from(width) {
            for channel in 0..channels {
                let random = numbers.next();
                let value = match motif {
                    Motif::Noise => random & max,
                    Motif::Flat => max / 3,
                    Motif::Slope => ((x * 3 + y * 2 + channel * 40) * (max / 255).max(1) + random % 4) & max,
                    Motif::Text => u64::from((x / 2 * 7 + y % 9 * 13) % 11 < 3) * (max - channel),
                    Motif::Repeats => Numbers(x * 1000 + y % 8 * 77).next() % 3 * (max / 3) + channel.min(max % 2),
                    Motif::Shape => {
                        let inside = (x as i64 - 12).pow(2) + (y as i64 - 9).pow(2) < 60;
                        if channel + 1 == channels {
                            u64::from(inside) * max
                        } else if inside {
                            (x * 5 + y) & max
                        } else {
                            x & 1
                        }
                    }
                };
                put(&mut row, x * channels + channel, bits, value & max);
            }
        }
        bytes.extend(row);
    }
    bytes
}

fn put(row: &mut [u8], index: u64, bits: u32, value: u64) {
    let index = index as usize;
    match bits {
        16 => row[2 * index..2 * index + 2].copy_from_slice(&(value as u16).to_be_bytes()),
        8 => row[index] = value as u8,
        _ => {
            let bit = index * bits as usize;
            row[bit / 8] |= (value as u8) << (8 - bits as usize - bit % 8);
        }
    }
}
