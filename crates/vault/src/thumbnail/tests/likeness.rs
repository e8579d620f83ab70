//! Tests how many changed pictures keep their likeness, and how many others have it. `examples/likeness.rs` measures the
//! same over real pictures.

use image::imageops::{FilterType, resize};
use image::{GenericImageView as _, Rgb};

use super::*;
use crate::terms::NEAR;

/// How many pictures are made.
const PICTURES: u32 = 60;

/// A picture of random soft spots on a random gradient, with noise, as of a camera.
fn scene(seed: u32) -> RgbImage {
    // Knuth's MMIX.
    let mut state = u64::from(seed) * 0x9e37_79b9 + 1;
    let mut random = move |below: u32| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(state >> 33).unwrap() % below
    };
    let (width, height) = (480, 360);
    let spots: Vec<[i64; 6]> = (0..14)
        .map(|_| {
            let [x, y, r] = [random(width), random(height), 20 + random(140)].map(i64::from);
            let colour = [random(200), random(200), random(200)].map(|it| i64::from(it) - 100);
            [x, y, r * r, colour[0], colour[1], colour[2]]
        })
        .collect();
    let [across, down] = [random(80), random(80)].map(|it| i64::from(it) - 40);
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x), i64::from(y));
        let mut colour = [128 + across * (x - 240) / 240 + down * (y - 180) / 180; 3];
        for [at_x, at_y, square, red, green, blue] in &spots {
            let far = (x - at_x).pow(2) + (y - at_y).pow(2);
            for (colour, spot) in colour.iter_mut().zip([red, green, blue]) {
                *colour += spot * square / (square + 2 * far);
            }
        }
        let noise = i64::from(random(13)) - 6;
        Rgb(colour.map(|it| u8::try_from((it + noise).clamp(0, 255)).unwrap()))
    })
}

fn likeness_of(picture: &RgbImage, quality: u8) -> u64 {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder.encode(picture.as_raw(), picture.width() as u16, picture.height() as u16, ColorType::Rgb).unwrap();
    drawn(&bytes, "image/jpeg", 320).unwrap().likeness.expect("no plain picture")
}

fn scaled(picture: &RgbImage, percent: u32) -> RgbImage {
    let [width, height] = [picture.width(), picture.height()].map(|side| side * percent / 100);
    resize(picture, width, height, FilterType::Triangle)
}

/// Without so many percent of each side, two thirds of them on the left and at the top.
fn cropped(picture: &RgbImage, percent: u32) -> RgbImage {
    let [across, down] = [picture.width(), picture.height()].map(|side| side * percent / 100);
    picture.view(across * 2 / 3, down * 2 / 3, picture.width() - across, picture.height() - down).to_image()
}

#[test]
fn changed_pictures_are_found_and_others_are_not() {
    let scenes: Vec<RgbImage> = (0..PICTURES).map(scene).collect();
    let originals: Vec<u64> = scenes.iter().map(|picture| likeness_of(picture, 90)).collect();
    let found = |change: &dyn Fn(&RgbImage) -> u64| {
        let alike = scenes
            .iter()
            .zip(&originals)
            .filter(|(picture, original)| (change(picture) ^ **original).count_ones() <= NEAR);
        100 * u32::try_from(alike.count()).unwrap() / PICTURES
    };
    let png = |picture: &RgbImage| {
        drawn(&encoded(picture, image::ImageFormat::Png), "image/png", 160).unwrap().likeness.unwrap()
    };
    for (name, least, percent) in [
        ("PNG at another width", 100, found(&png)),
        ("JPEG 50", 100, found(&|it| likeness_of(it, 50))),
        ("JPEG 15", 95, found(&|it| likeness_of(it, 15))),
        ("half the size", 100, found(&|it| likeness_of(&scaled(it, 50), 85))),
        ("a fifth of the size", 95, found(&|it| likeness_of(&scaled(it, 20), 85))),
        ("twice the size", 100, found(&|it| likeness_of(&scaled(it, 200), 85))),
        ("cropped by 2 %", 90, found(&|it| likeness_of(&cropped(it, 2), 85))),
        ("cropped by 5 %", 40, found(&|it| likeness_of(&cropped(it, 5), 85))),
    ] {
        println!("{name}: {percent} % found");
        assert!(percent >= least, "{name}: {percent} % found, and not {least}");
    }
    let mut alarms = 0;
    for (n, one) in originals.iter().enumerate() {
        alarms += originals[n + 1..].iter().filter(|other| (one ^ **other).count_ones() <= NEAR).count();
    }
    assert_eq!(alarms, 0, "of {} pairs of other pictures", PICTURES * (PICTURES - 1) / 2);
}
