//! Samples: takes them out of the bytes of a row, and puts them back.

use crate::layout::Depth;

/// Fills `samples` from the bytes of a row (PNG section 7.2).
pub(crate) fn unpack(row: &[u8], depth: Depth, samples: &mut [u16]) {
    match depth {
        Depth::Sixteen => {
            for (sample, bytes) in samples.iter_mut().zip(row.as_chunks::<2>().0) {
                *sample = u16::from_be_bytes(*bytes);
            }
        }
        Depth::Eight => {
            for (sample, byte) in samples.iter_mut().zip(row) {
                *sample = u16::from(*byte);
            }
        }
        Depth::One | Depth::Two | Depth::Four => {
            let bits = depth.bits();
            for (group, byte) in samples.chunks_mut((8 / bits) as usize).zip(row) {
                for (place, sample) in (1..).zip(group) {
                    *sample = u16::from(*byte >> (8 - place * bits)) & ((1 << bits) - 1);
                }
            }
        }
    }
}

/// Fills the bytes of a row from `samples`.
pub(crate) fn pack(samples: &[u16], depth: Depth, row: &mut [u8]) {
    match depth {
        Depth::Sixteen => {
            for (sample, bytes) in samples.iter().zip(row.as_chunks_mut::<2>().0) {
                *bytes = sample.to_be_bytes();
            }
        }
        Depth::Eight => {
            for (sample, byte) in samples.iter().zip(row) {
                *byte = *sample as u8;
            }
        }
        Depth::One | Depth::Two | Depth::Four => {
            let bits = depth.bits();
            for (group, byte) in samples.chunks((8 / bits) as usize).zip(row) {
                *byte = group.iter().fold(0, |byte, sample| byte << bits | *sample as u8);
            }
        }
    }
}
