//! Tests every format and orientation, damaged originals, and originals that exceed a limit.

#![expect(clippy::cast_possible_truncation, reason = "colours are made of positions")]

use image::{Delay, ExtendedColorType, Frame, GrayImage, ImageEncoder as _, Rgb, RgbImage, Rgba};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::*;
use crate::testing::World;

mod colours;
mod cut;
mod likeness;

fn drawn(original: &[u8], media_type: &str, width: u32) -> Result<Thumbnail, Undrawable> {
    let world = World::default();
    world.run(draw(original, media_type, width, true, &world))
}

fn picture(thumbnail: &Thumbnail) -> RgbaImage {
    let picture = image::load_from_memory(&thumbnail.bytes).unwrap().into_rgba8();
    assert_eq!(picture.dimensions(), (thumbnail.width, thumbnail.height));
    picture
}

/// A picture whose quarters are red, green, blue and white.
fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => [230, 20, 20],
            (false, true) => [20, 220, 20],
            (true, false) => [20, 20, 230],
            (false, false) => [240, 240, 240],
        })
    })
}

fn encoded(picture: &RgbImage, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg(picture: &RgbImage, change: impl FnOnce(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    change(&mut encoder);
    encoder.encode(picture.as_raw(), picture.width() as u16, picture.height() as u16, ColorType::Rgb).unwrap();
    bytes
}

/// The colour in the middle of each quarter: `r`, `g`, `b` or `w`, row by row.
fn colours_of(thumbnail: &Thumbnail) -> String {
    let (picture, width, height) = (picture(thumbnail), thumbnail.width, thumbnail.height);
    let at = |x: u32, y: u32| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        match [red, green, blue].map(|colour| colour > 160) {
            _ if alpha < 255 => panic!("alpha {alpha}"),
            [true, false, false] => 'r',
            [false, true, false] => 'g',
            [false, false, true] => 'b',
            [true, true, true] => 'w',
            _ => panic!("{red} {green} {blue}"),
        }
    };
    let (left, right, top, bottom) = (width / 4, 3 * width / 4, height / 4, 3 * height / 4);
    [at(left, top), at(right, top), at(left, bottom), at(right, bottom)].iter().collect()
}

#[test]
fn every_format_is_drawn() {
    use image::ImageFormat::{Bmp, Gif, Ico, Png, Qoi, Tiff, WebP};
    let picture = quarters(200, 100);
    for (format, media_type) in [
        (Bmp, "image/bmp"),
        (Gif, "image/gif"),
        (Ico, "image/vnd.microsoft.icon"),
        (Png, "image/png"),
        (Qoi, "image/x-qoi"),
        (Tiff, "image/tiff"),
        (WebP, "image/webp"),
    ] {
        let mut original = std::io::Cursor::new(Vec::new());
        DynamicImage::from(picture.clone()).into_rgba8().write_to(&mut original, format).unwrap();
        let thumbnail = drawn(&original.into_inner(), media_type, 160).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), (160, 80), "{media_type}");
        assert_eq!(colours_of(&thumbnail), "rgbw", "{media_type}");
        assert!(placeholder::colours(&thumbnail.placeholder).is_some(), "{media_type}");
    }
    for is_progressive in [false, true] {
        let image = jpeg(&picture, |encoder| encoder.set_progressive(is_progressive));
        let thumbnail = drawn(&image, "image/jpeg", 160).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), (160, 80));
        assert_eq!((colours_of(&thumbnail).as_str(), thumbnail.media_type), ("rgbw", "image/jpeg"));
    }
    for media_type in ["image/svg+xml", "image/avif", "image/heif", "image/jxl"] {
        let error = drawn(b"", media_type, 160).unwrap_err().to_string();
        assert!(error.contains(media_type), "{error}");
    }
}

#[test]
fn a_thumbnail_is_never_larger_than_its_image_or_its_box() {
    for (size, width, expected) in [
        ((50, 40), 320, (50, 40)),
        ((4000, 1000), 320, (320, 80)),
        ((400, 4000), 160, (32, 320)),
        ((161, 161), 160, (160, 160)),
        ((1, 3000), 160, (1, 320)),
        ((3000, 1), 160, (160, 1)),
    ] {
        let image = jpeg(&quarters(size.0, size.1), |_| {});
        let thumbnail = drawn(&image, "image/jpeg", width).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), expected, "{size:?}");
        let thumbnail =
            drawn(&encoded(&quarters(size.0, size.1), image::ImageFormat::Png), "image/png", width).unwrap();
        assert_eq!((thumbnail.width, thumbnail.height), expected, "{size:?}");
    }
}

/// EXIF with only the tag of orientation (TIFF 6.0, 274).
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
    exif
}

#[test]
fn pictures_are_turned_as_their_cameras_were() {
    for (orientation, expected, is_turned) in [
        (1, "rgbw", false),
        (2, "grwb", false),
        (3, "wbgr", false),
        (4, "bwrg", false),
        (5, "rbgw", true),
        (6, "brwg", true),
        (7, "wgbr", true),
        (8, "gwrb", true),
    ] {
        let image = jpeg(&quarters(400, 100), |encoder| encoder.add_exif_metadata(&exif(orientation)).unwrap());
        let thumbnail = drawn(&image, "image/jpeg", 160).unwrap();
        assert_eq!(colours_of(&thumbnail), expected, "{orientation}");
        let size = if is_turned { (80, 320) } else { (160, 40) };
        assert_eq!((thumbnail.width, thumbnail.height), size, "{orientation}");
    }
}

#[test]
fn what_is_transparent_stays_so() {
    let picture = RgbaImage::from_fn(400, 200, |x, _| Rgba([200, 30, 30, if x < 200 { 255 } else { 0 }]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let thumbnail = drawn(&bytes.into_inner(), "image/png", 160).unwrap();
    assert_eq!(thumbnail.media_type, "image/webp");
    let small = super::tests::picture(&thumbnail);
    assert!(small.get_pixel(20, 20).0[3] == 255 && small.get_pixel(140, 20).0[3] == 0);
    assert_eq!(small.get_pixel(20, 20).0[..3], [200, 30, 30]);
}

#[test]
fn no_thumbnail_is_larger_than_a_value_of_the_store() {
    let mut noise = 1_u32;
    let mut random = || {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        noise as u8
    };
    let picture = RgbaImage::from_fn(1280, 1280, |_, _| Rgba([random(), random(), random(), random()]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    let thumbnail = drawn(&bytes.into_inner(), "image/png", 1280).unwrap();
    assert_eq!((thumbnail.media_type, thumbnail.width), ("image/jpeg", 1280));
    assert!(thumbnail.bytes.len() <= MAX_THUMBNAIL, "{}", thumbnail.bytes.len());
}

#[test]
fn other_depths_and_colours() {
    let grey = GrayImage::from_fn(200, 100, |x, _| image::Luma([x as u8]));
    let deep: Vec<u8> = (0..200 * 100_u32).flat_map(|n| ((n % 200 * 256) as u16).to_be_bytes()).collect();
    let mut png16 = Vec::new();
    let mut encoder = png::Encoder::new(&mut png16, 200, 100);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_depth(png::BitDepth::Sixteen);
    encoder.write_header().unwrap().write_image_data(&deep).unwrap();
    let mut png8 = std::io::Cursor::new(Vec::new());
    grey.write_to(&mut png8, image::ImageFormat::Png).unwrap();
    let mut jpeg8 = Vec::new();
    Encoder::new(&mut jpeg8, 95).encode(grey.as_raw(), 200, 100, ColorType::Luma).unwrap();
    let mut tiff16 = std::io::Cursor::new(Vec::new());
    let native: Vec<u16> = (0..200 * 100_u32).map(|n| (n % 200 * 256) as u16).collect();
    image::ImageBuffer::<image::Luma<u16>, _>::from_raw(200, 100, native)
        .unwrap()
        .write_to(&mut tiff16, image::ImageFormat::Tiff)
        .unwrap();
    for (bytes, media_type) in [
        (png16, "image/png"),
        (png8.into_inner(), "image/png"),
        (jpeg8, "image/jpeg"),
        (tiff16.into_inner(), "image/tiff"),
    ] {
        let small = picture(&drawn(&bytes, media_type, 160).unwrap());
        for x in [10, 80, 150] {
            let [red, green, blue, alpha] = small.get_pixel(x, 30).0;
            let expected = (x * 200 / 160) as u8;
            assert!(
                red.abs_diff(expected) < 6 && red.abs_diff(green) < 4 && red.abs_diff(blue) < 4,
                "{media_type} {x}: {red}"
            );
            assert_eq!(alpha, 255);
        }
    }
    // Ink: much cyan means little red.
    let ink: Vec<u8> = [220, 10, 10, 5].repeat(64 * 64);
    let mut cmyk = Vec::new();
    Encoder::new(&mut cmyk, 95).encode(&ink, 64, 64, ColorType::Cmyk).unwrap();
    let small = picture(&drawn(&cmyk, "image/jpeg", 160).unwrap());
    let [red, green, blue, _] = small.get_pixel(30, 30).0;
    assert!(red < 60 && green > 200 && blue > 200, "{red} {green} {blue}");
}

#[test]
fn interlaced_pngs_and_palettes() {
    // Four pixels a side, with a palette of two colours of which the second is half transparent.
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 4, 4);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_palette(vec![255, 0, 0, 0, 0, 255]);
    encoder.set_trns(vec![255, 128]);
    encoder.write_header().unwrap().write_image_data(&[0, 0, 1, 1].repeat(4)).unwrap();
    let small = picture(&drawn(&bytes, "image/png", 160).unwrap());
    assert_eq!(small.get_pixel(0, 0).0, [255, 0, 0, 255]);
    assert_eq!(small.get_pixel(3, 3).0, [0, 0, 255, 128]);
    let interlaced = include_bytes!("../../../../tests/fixtures/images/interlaced.png");
    let thumbnail = drawn(interlaced, "image/png", 160).unwrap();
    assert_eq!((colours_of(&thumbnail).as_str(), thumbnail.width), ("rgbw", 160));
}

#[test]
fn of_animations_the_first_frame_is_drawn() {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for colour in [[250, 0, 0, 255], [0, 0, 250, 255]] {
        let frame = RgbaImage::from_pixel(40, 40, Rgba(colour));
        encoder.encode_frame(Frame::from_parts(frame, 0, 0, Delay::from_numer_denom_ms(100, 1))).unwrap();
    }
    drop(encoder);
    let small = picture(&drawn(&bytes, "image/gif", 160).unwrap());
    let [red, _, blue, _] = small.get_pixel(20, 20).0;
    assert!(red > 200 && blue < 60);
}

/// The decoder panics on a TIFF that has each colour in tiles of its own, if the picture ends within a tile.
#[test]
fn tiff_with_tiles_by_colour_is_refused() {
    // 20 by 20 pixels of 3 colours, in 12 tiles of 16 by 16.
    let (tiles, directory) = (12 * 256, 8 + 12 * 256_u32);
    let offsets = directory + 2 + 11 * 12 + 4;
    let lengths = offsets + 12 * 4;
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, 3, 1, 20),
        (257, 3, 1, 20),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 2),
        (277, 3, 1, 3),
        (284, 3, 1, 2),
        (322, 3, 1, 16),
        (323, 3, 1, 16),
        (324, 4, 12, offsets),
    ];
    let mut file = b"II*\0".to_vec();
    file.extend(directory.to_le_bytes());
    file.extend(vec![100; tiles]);
    file.extend(11_u16.to_le_bytes());
    for (tag, kind, values, value) in entries.into_iter().chain([(325, 4, 12, lengths)]) {
        file.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
        file.extend([values.to_le_bytes(), value.to_le_bytes()].concat());
    }
    file.extend([0; 4]);
    file.extend((0..12).flat_map(|tile| (8 + tile * 256_u32).to_le_bytes()));
    file.extend([256_u32; 12].iter().flat_map(|length| length.to_le_bytes()));
    let error = drawn(&file, "image/tiff", 160).unwrap_err().to_string();
    assert!(error.contains("tiles of its own"), "{error}");
}

#[test]
fn what_would_take_too_much_is_refused_before_it_does() {
    // The header states a size that is too large.
    let mut png = encoded(&quarters(4, 4), image::ImageFormat::Png);
    png[16..24].copy_from_slice(&[0, 0, 0x9c, 0x40, 0, 0, 0x9c, 0x40]);
    let sum = crc32fast::hash(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    let error = drawn(&png, "image/png", 160).unwrap_err().to_string();
    assert!(error.contains("1600000000 pixels") && error.contains("100000000"), "{error}");
    // A column of pixels, which is not shrunk.
    png[16..24].copy_from_slice(&[0, 0, 0, 1, 0x05, 0xf5, 0xe1, 0]);
    let sum = crc32fast::hash(&png[12..29]).to_be_bytes();
    png[29..33].copy_from_slice(&sum);
    let error = drawn(&png, "image/png", 160).unwrap_err().to_string();
    assert!(error.contains("would take 400") && error.contains("bytes of memory"), "{error}");
    // An entry states more values than the file has bytes.
    let mut tiff = encoded(&quarters(4, 4), image::ImageFormat::Tiff);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    tiff[directory + 2 + 4..directory + 2 + 8].copy_from_slice(&8_000_000_u32.to_le_bytes());
    let error = drawn(&tiff, "image/tiff", 160).unwrap_err().to_string();
    assert!(error.contains("would take 256") && error.contains("bytes of memory"), "{error}");
    let mut bmp = encoded(&quarters(4, 4), image::ImageFormat::Bmp);
    bmp[18..22].copy_from_slice(&30_000_i32.to_le_bytes());
    bmp[22..26].copy_from_slice(&30_000_i32.to_le_bytes());
    let error = drawn(&bmp, "image/bmp", 160).unwrap_err().to_string();
    assert!(error.contains("bytes of memory"), "{error}");
    let progressive = |sampling| {
        let mut image = jpeg(&quarters(64, 64), |encoder| {
            encoder.set_progressive(true);
            encoder.set_sampling_factor(sampling);
        });
        let at = image.windows(2).position(|marker| marker == [0xff, 0xc2]).unwrap();
        image[at + 5..at + 9].copy_from_slice(&[0x11, 0x94, 0x0f, 0xa0]);
        drawn(&image, "image/jpeg", 160)
    };
    // 4,500 by 4,000 pixels. All three components have a coefficient for each, or two of them a quarter as many.
    let error = progressive(SamplingFactor::F_1_1).unwrap_err().to_string();
    assert!(error.contains("would take 109"), "{error}");
    assert!(progressive(SamplingFactor::F_2_2).is_ok());
    let world = World::default();
    let mut webp = Vec::new();
    let large = vec![0; 4 * 2000 * 1600];
    image::codecs::webp::WebPEncoder::new_lossless(&mut webp)
        .write_image(&large, 2000, 1600, ExtendedColorType::Rgba8)
        .unwrap();
    let error = world.run(draw(&webp, "image/webp", 160, false, &world)).unwrap_err().to_string();
    assert!(error.contains("3200000 pixels"), "{error}");
    assert!(drawn(&webp, "image/webp", 160).is_ok());
}

#[test]
fn what_is_damaged_is_told_and_panics_nowhere() {
    use image::ImageFormat::{Bmp, Gif, Ico, Png, Qoi, Tiff, WebP};
    let picture = quarters(60, 40);
    let mut originals: Vec<(Vec<u8>, &str)> = [
        (Bmp, "image/bmp"),
        (Gif, "image/gif"),
        (Ico, "image/vnd.microsoft.icon"),
        (Png, "image/png"),
        (Qoi, "image/x-qoi"),
        (Tiff, "image/tiff"),
        (WebP, "image/webp"),
    ]
    .map(|(format, media_type)| (encoded(&picture, format), media_type))
    .into();
    originals.push((jpeg(&picture, |_| {}), "image/jpeg"));
    originals.push((jpeg(&picture, |encoder| encoder.set_progressive(true)), "image/jpeg"));
    for (original, media_type) in originals {
        for length in 0..original.len().min(400) {
            let _ = drawn(&original[..length], media_type, 160);
        }
        assert!(drawn(&original[..14], media_type, 160).is_err(), "{media_type}");
        for at in 0..original.len().min(600) {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = original.clone();
                damaged[at] ^= flip;
                let _ = drawn(&damaged, media_type, 160);
            }
        }
    }
}
