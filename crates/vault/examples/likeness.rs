//! Measures likenesses over a directory of pictures: how many changed copies are found, and how many other pictures.
//!
//! `cargo run --release -p burrow-vault --features testing --example likeness -- /usr/share/backgrounds`

#![allow(missing_docs, clippy::expect_used, clippy::unwrap_used, clippy::print_stdout, reason = "an example")]
#![allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "figures for people"
)]

use std::path::{Path, PathBuf};

use burrow_vault::testing::World;
use burrow_vault::thumbnail::draw;
use image::imageops::{FilterType, resize};
use image::{DynamicImage, GenericImageView as _, ImageFormat, RgbImage};

/// A change, and its name.
type Change = (&'static str, fn(&RgbImage) -> Vec<u8>);

const CHANGES: [Change; 15] = [
    ("PNG", png),
    ("JPEG 75", |it| jpeg(it, 75)),
    ("JPEG 30", |it| jpeg(it, 30)),
    ("JPEG 10", |it| jpeg(it, 10)),
    ("half the size", |it| jpeg(&scaled(it, 0.5, 0.5), 85)),
    ("a quarter of the size", |it| jpeg(&scaled(it, 0.25, 0.25), 85)),
    ("160 pixels wide", |it| jpeg(&scaled(it, 160.0 / f64::from(it.width()), 160.0 / f64::from(it.width())), 85)),
    ("1.5 times the size", |it| jpeg(&scaled(it, 1.5, 1.5), 85)),
    ("10 % wider", |it| jpeg(&scaled(it, 1.1, 1.0), 85)),
    ("grey", |it| jpeg(&DynamicImage::ImageRgb8(it.clone()).grayscale().into_rgb8(), 85)),
    ("brighter", |it| jpeg(&DynamicImage::ImageRgb8(it.clone()).brighten(25).into_rgb8(), 85)),
    ("cropped by 2 %", |it| jpeg(&cropped(it, 0.02), 85)),
    ("cropped by 5 %", |it| jpeg(&cropped(it, 0.05), 85)),
    ("cropped by 10 %", |it| jpeg(&cropped(it, 0.10), 85)),
    ("cropped by 20 %", |it| jpeg(&cropped(it, 0.20), 85)),
];

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (width, height) = (u16::try_from(picture.width()).unwrap(), u16::try_from(picture.height()).unwrap());
    let encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.encode(picture.as_raw(), width, height, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

fn scaled(picture: &RgbImage, across: f64, down: f64) -> RgbImage {
    let side = |length: u32, factor: f64| ((f64::from(length) * factor) as u32).max(1);
    resize(picture, side(picture.width(), across), side(picture.height(), down), FilterType::Triangle)
}

/// Without so much of the width and of the height, more of it on the left and at the top.
fn cropped(picture: &RgbImage, by: f64) -> RgbImage {
    let cut = |length: u32| (f64::from(length) * by) as u32;
    let (across, down) = (cut(picture.width()), cut(picture.height()));
    let (x, y) = (across * 2 / 3, down * 2 / 3);
    picture.view(x, y, picture.width() - across, picture.height() - down).to_image()
}

fn likeness(world: &World, bytes: &[u8], media_type: &str) -> Option<u64> {
    world.run(draw(bytes, media_type, 320, true, world)).ok()?.likeness
}

fn pictures(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() && !entry.is_symlink() {
            found.extend(pictures(&entry));
        } else {
            found.push(entry);
        }
    }
    found.sort();
    found
}

fn main() {
    let directory = std::env::args().nth(1).expect("a directory");
    let world = World::default();
    let mut originals: Vec<u64> = Vec::new();
    let mut distances = vec![Vec::new(); CHANGES.len()];
    for path in pictures(Path::new(&directory)) {
        let Ok(bytes) = std::fs::read(&path) else { continue };
        let Some(format) =
            image::guess_format(&bytes).ok().filter(|it| matches!(it, ImageFormat::Png | ImageFormat::Jpeg))
        else {
            continue;
        };
        let Ok(picture) = image::load_from_memory(&bytes) else { continue };
        let picture = picture.into_rgb8();
        let Some(original) = likeness(&world, &bytes, format.to_mime_type()) else { continue };
        if originals.contains(&original) || picture.width().max(picture.height()) > 6000 || picture.width() < 64 {
            continue;
        }
        originals.push(original);
        for ((name, change), distances) in CHANGES.iter().zip(&mut distances) {
            let media_type = if *name == "PNG" { "image/png" } else { "image/jpeg" };
            let changed = likeness(&world, &change(&picture), media_type);
            distances.push(changed.map_or(64, |changed| (changed ^ original).count_ones()));
        }
    }
    let share = |distances: &[u32], most: u32| {
        100.0 * distances.iter().filter(|it| **it <= most).count() as f64 / distances.len().max(1) as f64
    };
    println!("{} pictures; found at a distance of at most", originals.len());
    println!("{:24}{:>8}{:>8}{:>8}{:>8}", "", 5, 7, 10, 12);
    for ((name, _), distances) in CHANGES.iter().zip(&distances) {
        let [a, b, c, d] = [5, 7, 10, 12].map(|most| share(distances, most));
        println!("{name:24}{a:7.1}%{b:7.1}%{c:7.1}%{d:7.1}%");
    }
    let mut others = Vec::new();
    for (n, one) in originals.iter().enumerate() {
        others.extend(originals.iter().skip(n + 1).map(|other| (one ^ other).count_ones()));
    }
    let count = |most: u32| others.iter().filter(|it| **it <= most).count();
    let [a, b, c, d] = [5, 7, 10, 12].map(count);
    println!("of {} pairs of other pictures: {a}, {b}, {c}, {d}", others.len());
}
