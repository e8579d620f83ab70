//! The images of this suite, and the origins that serve them.
//!
//! The path of a URL says what its origin does.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use image::ImageEncoder as _;

/// The time at which scenarios begin, in milliseconds since 1970. A window of claims on jobs, a quarter of an hour,
/// begins then, too.
pub const BEGINNING: u64 = 1_800_000_000_000;

/// The time from which late origins can be reached.
pub const LATE: u64 = BEGINNING + 60_000;

/// The behaviour of an origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Serves an image.
    Good(&'static [u8]),
    /// Cannot be reached at the first request, then serves an image.
    Flaky(&'static [u8]),
    /// Cannot be reached before [`LATE`], then serves an image.
    Late(&'static [u8]),
    /// Takes seconds for each piece of an image.
    Slow(&'static [u8]),
    /// Breaks off in the middle of an image.
    Cut(&'static [u8]),
    /// Serves bytes that are no image.
    Page,
    /// Answers 404.
    Missing,
}

impl Origin {
    /// The origin of a path such as `/red/1`, `/slow-red/1` or `/page/1`.
    pub fn of(path: &str) -> Self {
        let what = path.split('/').nth(1).unwrap_or_default();
        match what.split_once('-') {
            _ if what == "page" => Self::Page,
            Some(("flaky", image)) => Self::Flaky(original(image)),
            Some(("late", image)) => Self::Late(original(image)),
            Some(("slow", image)) => Self::Slow(original(image)),
            Some(("cut", image)) => Self::Cut(original(image)),
            _ => originals().get(what).map_or(Self::Missing, |image| Self::Good(image)),
        }
    }

    /// The bytes of an image from this origin in the end; `None` if its job must fail.
    pub fn gives(self) -> Option<&'static [u8]> {
        match self {
            Self::Good(image) | Self::Flaky(image) | Self::Late(image) | Self::Slow(image) => Some(image),
            Self::Cut(_) | Self::Page | Self::Missing => None,
        }
    }
}

/// The bytes of one of the suite's images.
pub fn original(name: &str) -> &'static [u8] {
    originals().get(name).expect("an image of this suite")
}

fn originals() -> &'static BTreeMap<&'static str, Vec<u8>> {
    static ORIGINALS: OnceLock<BTreeMap<&'static str, Vec<u8>>> = OnceLock::new();
    ORIGINALS.get_or_init(|| {
        BTreeMap::from([
            // Flat images shrink; noise is stored raw; the big image has two chunks.
            ("red", bitmap(8, 8, |n| [0, 0, 255][n % 3])),
            ("blue", bitmap(9, 8, |n| [255, 0, 0][n % 3])),
            ("noise", bitmap(8, 8, noise)),
            ("big", bitmap(340, 256, noise)),
            // Stored raw, and repacked as a whole.
            ("photo", photo()),
        ])
    })
}

fn noise(n: usize) -> u8 {
    (n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56) as u8
}

/// A JPEG.
fn photo() -> Vec<u8> {
    let pixels: Vec<u8> = (0..3 * 64 * 48).map(|n| (n / 40) as u8 + (noise(n) >> 4)).collect();
    let mut bytes = Vec::new();
    let encoder = image::codecs::jpeg::JpegEncoder::new_with_quality(&mut bytes, 80);
    encoder.write_image(&pixels, 64, 48, image::ExtendedColorType::Rgb8).expect("a JPEG");
    bytes
}

/// A Windows bitmap of 24 bits a pixel.
fn bitmap(width: u32, height: u32, byte: impl Fn(usize) -> u8) -> Vec<u8> {
    let row = (width * 3).next_multiple_of(4);
    let pixels = row * height;
    let mut file = b"BM".to_vec();
    for field in [54 + pixels, 0, 54, 40, width, height] {
        file.extend(field.to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    for field in [0, pixels, 2835, 2835, 0, 0] {
        file.extend(field.to_le_bytes());
    }
    file.extend((0..pixels as usize).map(byte));
    file
}
