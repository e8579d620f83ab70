//! Tests that thumbnails are sRGB, and that bytes that nobody meant as alpha hide nothing.

use image::ImageEncoder as _;
use image::codecs::png::PngEncoder;
use moxcms::ColorProfile;

use super::*;

/// sRGB with red and blue exchanged, in at least this many bytes.
fn exchanged(length: usize) -> Vec<u8> {
    let mut profile = ColorProfile::new_srgb();
    std::mem::swap(&mut profile.red_colorant, &mut profile.blue_colorant);
    padded(profile.encode().unwrap(), length)
}

/// A profile with zeros behind its tags.
fn padded(mut profile: Vec<u8>, length: usize) -> Vec<u8> {
    profile.resize(profile.len().max(length), 0);
    let length = u32::try_from(profile.len()).unwrap().to_be_bytes();
    profile[..4].copy_from_slice(&length);
    profile
}

fn png_with(profile: Vec<u8>, pixels: &[u8], size: (u32, u32), colour: ExtendedColorType) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_icc_profile(profile).unwrap();
    encoder.write_image(pixels, size.0, size.1, colour).unwrap();
    bytes
}

fn middle(thumbnail: &Thumbnail) -> [u8; 4] {
    let picture = picture(thumbnail);
    picture.get_pixel(picture.width() / 2, picture.height() / 2).0
}

fn is_near(seen: [u8; 4], expected: [u8; 4]) -> bool {
    seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(expected) < 8)
}

fn has_profile(thumbnail: &Thumbnail) -> bool {
    ["ICC_PROFILE", "ICCP"].iter().any(|name| thumbnail.bytes.windows(name.len()).any(|at| at == name.as_bytes()))
}

#[test]
fn thumbnails_are_srgb_whatever_the_profile() {
    let red = [220, 30, 30].repeat(200 * 100);
    for length in [0, 3000, 6000, 300_000] {
        let profile = exchanged(length);
        let png = png_with(profile.clone(), &red, (200, 100), ExtendedColorType::Rgb8);
        let jpeg = jpeg(&RgbImage::from_raw(200, 100, red.clone()).unwrap(), |encoder| {
            encoder.add_icc_profile(&profile).unwrap();
        });
        for (original, media_type) in [(png, "image/png"), (jpeg, "image/jpeg")] {
            let thumbnail = drawn(&original, media_type, 160).unwrap();
            assert!(is_near(middle(&thumbnail), [30, 30, 220, 255]), "{media_type} {length}: {:?}", middle(&thumbnail));
            assert!(!has_profile(&thumbnail), "{media_type}");
        }
    }
    // Alpha stays.
    let half = [220, 30, 30, 128].repeat(200 * 100);
    let thumbnail = drawn(&png_with(exchanged(0), &half, (200, 100), ExtendedColorType::Rgba8), "image/png", 160);
    assert!(is_near(middle(&thumbnail.unwrap()), [30, 30, 220, 128]));
    // A wider gamut: its red is more than sRGB has, its other colours are nearly the same.
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let thumbnail = drawn(&png_with(p3, &red, (200, 100), ExtendedColorType::Rgb8), "image/png", 160).unwrap();
    let [seen, ..] = middle(&thumbnail);
    assert!(seen > 230, "{seen}");
}

#[test]
fn grey_has_the_tones_that_its_profile_says() {
    let linear = ColorProfile::new_gray_with_gamma(1.0).encode().unwrap();
    let grey = vec![128; 200 * 100];
    let png = png_with(linear.clone(), &grey, (200, 100), ExtendedColorType::L8);
    let thumbnail = drawn(&png, "image/png", 160).unwrap();
    assert!(is_near(middle(&thumbnail), [188, 188, 188, 255]), "{:?}", middle(&thumbnail));
    assert!(!has_profile(&thumbnail));
    // A grey profile says nothing of colours.
    let red = [220, 30, 30].repeat(200 * 100);
    let thumbnail = drawn(&png_with(linear, &red, (200, 100), ExtendedColorType::Rgb8), "image/png", 160).unwrap();
    assert!(is_near(middle(&thumbnail), [220, 30, 30, 255]));
}

#[test]
fn a_damaged_profile_is_none() {
    let red = [220, 30, 30].repeat(200 * 100);
    let profile = exchanged(0);
    let damaged = (0..profile.len()).step_by(7).map(|at| {
        let mut damaged = profile.clone();
        damaged[at] ^= 0xff;
        damaged
    });
    for profile in damaged.chain([profile[..200].to_vec(), b"no profile".to_vec(), vec![0xff; 5000]]) {
        // It is drawn, in some colours.
        drawn(&png_with(profile, &red, (200, 100), ExtendedColorType::Rgb8), "image/png", 160).unwrap();
    }
}

/// A bitmap of 32 bits a pixel, with masks, whose pixels have these bytes (blue, green, red, alpha).
fn bitmap32(pixel: impl Fn(u32) -> [u8; 4]) -> Vec<u8> {
    let pixels: Vec<u8> = (0..64 * 64).flat_map(pixel).collect();
    let mut file = b"BM".to_vec();
    file.extend([u32::try_from(122 + pixels.len()).unwrap(), 0, 122, 108].map(u32::to_le_bytes).concat());
    file.extend([64_i32, 64].map(i32::to_le_bytes).concat());
    file.extend([1, 0, 32, 0, 3, 0, 0, 0]);
    file.extend([0; 20]);
    file.extend([0x00ff_0000_u32, 0xff00, 0xff, 0xff00_0000].map(u32::to_le_bytes).concat());
    file.resize(122, 0);
    file.extend(pixels);
    file
}

/// An icon of 32 bits a pixel.
fn icon32(alpha: u8) -> Vec<u8> {
    let pixels = [30, 30, 220, alpha].repeat(32 * 32);
    let length = 40 + pixels.len() + 128;
    let mut file = vec![0, 0, 1, 0, 1, 0, 32, 32, 0, 0, 1, 0, 32, 0];
    file.extend([u32::try_from(length).unwrap(), 22, 40, 32, 64].map(u32::to_le_bytes).concat());
    file.extend([1, 0, 32, 0]);
    file.extend([0; 24]);
    file.extend(pixels);
    file.extend([0; 128]);
    file
}

#[test]
fn alpha_that_hides_everything_is_none() {
    for (original, media_type, expected) in [
        (bitmap32(|_| [30, 30, 220, 0]), "image/bmp", [220, 30, 30, 255]),
        (bitmap32(|_| [30, 30, 220, 128]), "image/bmp", [220, 30, 30, 128]),
        // One pixel that can be seen: then the others are meant to be invisible.
        (bitmap32(|n| if n == 0 { [0, 0, 0, 255] } else { [30, 30, 220, 0] }), "image/bmp", [0, 0, 0, 0]),
        (icon32(0), "image/vnd.microsoft.icon", [220, 30, 30, 255]),
        (icon32(255), "image/vnd.microsoft.icon", [220, 30, 30, 255]),
    ] {
        let seen = middle(&drawn(&original, media_type, 160).unwrap());
        assert!(is_near(seen, expected), "{media_type}: {seen:?}, not {expected:?}");
    }
    // In a PNG alpha is meant.
    let mut png = std::io::Cursor::new(Vec::new());
    RgbaImage::from_pixel(64, 64, Rgba([220, 30, 30, 0])).write_to(&mut png, image::ImageFormat::Png).unwrap();
    assert_eq!(middle(&drawn(&png.into_inner(), "image/png", 160).unwrap())[3], 0);
}
