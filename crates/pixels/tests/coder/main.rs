//! Tests of the coder from outside: round trips, damage, and the packed bytes that must never change.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]
#![allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, clippy::cast_sign_loss, reason = "tests")]

mod golden;
mod images;

use burrow_pixels::{Decoder, Depth, Effort, Encoder, Error, Layout, LayoutError};
use images::{KINDS, MOTIFS, Motif, Numbers, rows};

fn packed(layout: Layout, raw: &[u8], effort: Effort) -> Vec<u8> {
    let mut encoder = Encoder::new(layout, effort);
    for row in raw.chunks(layout.row_bytes()) {
        encoder.row(row).unwrap();
    }
    encoder.finish().unwrap()
}

fn unpacked(layout: Layout, packed: &[u8]) -> Result<Vec<u8>, Error> {
    let mut decoder = Decoder::new(layout, packed)?;
    let mut raw = vec![0; layout.bytes() as usize];
    for row in raw.chunks_mut(layout.row_bytes()) {
        decoder.row(row)?;
    }
    Ok(raw)
}

fn assert_round_trip(layout: Layout, raw: &[u8]) {
    for effort in Effort::ALL {
        let packed = packed(layout, raw, effort);
        assert!(unpacked(layout, &packed).unwrap() == raw, "{layout:?} {effort:?}");
    }
}

#[test]
fn every_layout_comes_back_exactly() {
    for (channels, depth, palette) in KINDS {
        for (width, height) in [(1, 1), (1, 13), (17, 1), (2, 2), (3, 5), (37, 23), (64, 40)] {
            for motif in MOTIFS {
                let layout = Layout::new(width, height, channels, depth, palette).unwrap();
                assert_round_trip(layout, &rows(layout, width, motif));
            }
        }
    }
}

#[test]
fn bits_that_no_pixel_uses_come_back() {
    for depth in [Depth::One, Depth::Two, Depth::Four] {
        let layout = Layout::new(1, 30, 1, depth, true).unwrap();
        let mut numbers = Numbers(5);
        let raw: Vec<u8> = (0..30).map(|_| numbers.next() as u8).collect();
        assert_round_trip(layout, &raw);
    }
}

/// Each packs to the share that it should: these bounds are near what it does now, so that a model that stops to learn
/// is seen.
#[test]
fn images_get_small() {
    let cases = [
        (Motif::Flat, 4, Depth::Eight, 60),
        (Motif::Text, 3, Depth::Eight, 700),
        (Motif::Text, 1, Depth::One, 200),
        (Motif::Repeats, 3, Depth::Eight, 1100),
        (Motif::Repeats, 1, Depth::Two, 900),
        (Motif::Slope, 3, Depth::Eight, 26_000),
        (Motif::Shape, 4, Depth::Eight, 1_500),
    ];
    for (motif, channels, depth, bound) in cases {
        let layout = Layout::new(160, 120, channels, depth, false).unwrap();
        for effort in Effort::ALL {
            let found = packed(layout, &rows(layout, 160, motif), effort).len();
            assert!(found < bound, "{motif:?} {channels} {depth:?} {effort:?}: {found} bytes, not fewer than {bound}");
        }
    }
}

#[test]
fn damage_never_panics_and_ends() {
    for (channels, depth, palette) in KINDS {
        let layout = Layout::new(11, 9, channels, depth, palette).unwrap();
        for effort in Effort::ALL {
            let whole = packed(layout, &rows(layout, 11, Motif::Shape), effort);
            for place in 0..whole.len() {
                for flip in [1, 0x55, 0x80, 0xff] {
                    let mut damaged = whole.clone();
                    damaged[place] ^= flip;
                    let _ = unpacked(layout, &damaged);
                }
                let _ = unpacked(layout, &whole[..place]);
            }
        }
    }
}

#[test]
fn bytes_at_the_end_too_few_or_too_many_are_damage() {
    let layout = Layout::new(40, 40, 3, Depth::Eight, false).unwrap();
    for effort in Effort::ALL {
        let mut whole = packed(layout, &rows(layout, 40, Motif::Noise), effort);
        assert_eq!(unpacked(layout, &whole[..whole.len() / 2]), Err(Error::Damaged { rows: 40 }));
        whole.extend([0; 8]);
        assert_eq!(unpacked(layout, &whole), Err(Error::Damaged { rows: 40 }));
    }
}

#[test]
fn rows_must_be_as_the_layout_says() {
    let layout = Layout::new(3, 2, 3, Depth::Eight, false).unwrap();
    let mut encoder = Encoder::new(layout, Effort::Best);
    assert_eq!(encoder.row(&[0; 8]), Err(Error::Row { expected: 9, found: 8 }));
    encoder.row(&[0; 9]).unwrap();
    encoder.row(&[0; 9]).unwrap();
    assert_eq!(encoder.row(&[0; 9]), Err(Error::Rows { expected: 2, found: 3 }));
    assert_eq!(Encoder::new(layout, Effort::Best).finish(), Err(Error::Rows { expected: 2, found: 0 }));
    assert_eq!(Decoder::new(layout, [0x7f, 0]).unwrap_err(), Error::Version { found: 0x7f });
}

#[test]
fn impossible_layouts_are_refused() {
    for (width, rows) in [(0, 1), (1, 0)] {
        assert_eq!(Layout::new(width, rows, 1, Depth::Eight, false), Err(LayoutError::Empty { width, rows }));
    }
    for (channels, depth, palette) in [
        (0, Depth::Eight, false),
        (5, Depth::Eight, false),
        (3, Depth::Four, false),
        (1, Depth::Sixteen, true),
        (2, Depth::Eight, true),
    ] {
        assert_eq!(Layout::new(1, 1, channels, depth, palette), Err(LayoutError::Pixel { channels, depth, palette }));
    }
    assert!(matches!(Layout::new(1 << 19, 1, 3, Depth::Eight, false), Err(LayoutError::Wide { .. })));
}
