//! Tests that of a cut file what came is drawn.

use super::*;

/// Red above and blue below, in so much noise that the file grows with the picture.
fn bands(width: u32, height: u32) -> RgbImage {
    let mut noise = 1_u32;
    RgbImage::from_fn(width, height, |_, y| {
        noise ^= noise << 13;
        noise ^= noise >> 17;
        noise ^= noise << 5;
        let faint = (noise % 40) as u8;
        Rgb(if y < height / 2 { [200 + faint, 20, 20] } else { [20, 20, 200 + faint] })
    })
}

/// The colour at a height, from 0 to 99 per cent: `r`, `b`, or `-` for the grey where nothing came.
fn at(thumbnail: &Thumbnail, percent: u32) -> char {
    let picture = picture(thumbnail);
    let [red, green, blue, _] = picture.get_pixel(picture.width() / 2, picture.height() * percent / 100).0;
    match [red > 160, green > 100, blue > 160] {
        [true, false, false] => 'r',
        [false, false, true] => 'b',
        [false, true, false] => '-',
        _ => panic!("{red} {green} {blue} at {percent}"),
    }
}

#[test]
fn of_a_cut_file_what_came_is_drawn() {
    let picture = bands(400, 400);
    let png = encoded(&picture, image::ImageFormat::Png);
    let baseline = jpeg(&picture, |_| {});
    let bmp = encoded(&picture, image::ImageFormat::Bmp);
    // Of 25 x 25 units: an interval is a row, less than a row, or more than one.
    let restarts = |interval| {
        let change = move |encoder: &mut Encoder<&mut Vec<u8>>| {
            encoder.set_sampling_factor(SamplingFactor::F_2_2);
            encoder.set_restart_interval(interval);
        };
        (jpeg(&picture, change), "image/jpeg", 5, 95)
    };
    let webp = encoded(&picture, image::ImageFormat::WebP);
    for (original, media_type, came, missing) in [
        (png, "image/png", 5, 95),
        (baseline, "image/jpeg", 5, 95),
        restarts(25),
        restarts(7),
        restarts(60),
        (webp, "image/webp", 5, 95),
        (bmp, "image/bmp", 95, 5),
    ] {
        let whole = drawn(&original, media_type, 160).unwrap();
        assert_eq!((at(&whole, 5), at(&whole, 95), whole.is_cut), ('r', 'b', false), "{media_type}");
        for percent in [30, 70, 85] {
            let thumbnail = drawn(&original[..original.len() * percent / 100], media_type, 160).unwrap();
            assert_eq!((thumbnail.width, thumbnail.height), (160, 160));
            assert!(thumbnail.is_cut, "{media_type} {percent}");
            let expected = if came == 5 { 'r' } else { 'b' };
            assert_eq!((at(&thumbnail, came), at(&thumbnail, missing)), (expected, '-'), "{media_type} {percent}");
        }
    }
}

#[test]
fn a_cut_webp_needs_no_metadata_that_its_flags_promise() {
    let mut original = Vec::new();
    let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut original);
    encoder.set_exif_metadata(vec![0; 1000]).unwrap();
    encoder.write_image(&bands(400, 400), 400, 400, ExtendedColorType::Rgb8).unwrap();
    let half = &original[..original.len() / 2];
    let thumbnail = drawn(half, "image/webp", 160).unwrap();
    assert_eq!((at(&thumbnail, 5), at(&thumbnail, 95), thumbnail.is_cut), ('r', '-', true));
    // Only metadata is missing.
    let thumbnail = drawn(&original[..original.len() - 900], "image/webp", 160).unwrap();
    assert_eq!((at(&thumbnail, 5), at(&thumbnail, 95), thumbnail.is_cut), ('r', 'b', false));
    // Nothing is filled up to a length that no file may have.
    let mut endless = half.to_vec();
    endless[4..8].fill(0xff);
    assert!(drawn(&endless, "image/webp", 160).is_err());
    // Nothing came.
    for length in [12, 20, 21, 30, 60] {
        assert!(drawn(&original[..length], "image/webp", 160).is_err(), "{length}");
    }
}

#[test]
fn a_progressive_jpeg_gets_sharper_with_each_scan() {
    for interval in [0, 7] {
        let original = jpeg(&bands(400, 400), |encoder| {
            encoder.set_progressive(true);
            encoder.set_restart_interval(interval);
        });
        for percent in [60, 80, 95] {
            let thumbnail = drawn(&original[..original.len() * percent / 100], "image/jpeg", 160).unwrap();
            assert!(thumbnail.is_cut && at(&thumbnail, 5) == 'r', "{percent} {interval}");
        }
    }
}

#[test]
fn an_interlaced_png_is_drawn_from_its_first_passes() {
    let interlaced = include_bytes!("../../../../../tests/fixtures/images/interlaced.png");
    let whole = drawn(interlaced, "image/png", 160).unwrap();
    assert!(!whole.is_cut);
    let cut = drawn(&interlaced[..interlaced.len() * 3 / 4], "image/png", 160).unwrap();
    assert!(cut.is_cut);
    assert_eq!((cut.width, cut.height), (whole.width, whole.height));
}

#[test]
fn a_file_that_lacks_only_its_end_is_whole() {
    let picture = bands(200, 200);
    let png = encoded(&picture, image::ImageFormat::Png);
    let thumbnail = drawn(&png[..png.len() - 12], "image/png", 160).unwrap();
    assert_eq!((at(&thumbnail, 5), at(&thumbnail, 95), thumbnail.is_cut), ('r', 'b', false));
    let jpeg = jpeg(&picture, |_| {});
    let thumbnail = drawn(&jpeg[..jpeg.len() - 2], "image/jpeg", 160).unwrap();
    assert_eq!((at(&thumbnail, 5), at(&thumbnail, 95)), ('r', 'b'));
    // Of a file that is cut in its head nothing can be drawn.
    for (original, media_type) in [(png, "image/png"), (jpeg, "image/jpeg")] {
        assert!(drawn(&original[..60], media_type, 160).is_err(), "{media_type}");
    }
}

#[test]
fn a_phones_picture_of_108_million_pixels_is_drawn() {
    // Flat, so that the file is small; its pixels are as many as those of a phone.
    let (width, height) = (12_000_u32, 9_000_u32);
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 50);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    let grey = vec![200; (width * height) as usize];
    encoder.encode(&grey, width as u16, height as u16, ColorType::Luma).unwrap();
    drop(grey);
    let thumbnail = drawn(&bytes, "image/jpeg", 160).unwrap();
    assert_eq!((thumbnail.width, thumbnail.height, thumbnail.is_cut), (160, 120, false));
    let world = World::default();
    let here = world.run(draw(&bytes, "image/jpeg", 160, false, &world)).unwrap_err();
    assert!(matches!(&here, Undrawable::Here(why) if why.contains("108000000")), "{here}");
}
