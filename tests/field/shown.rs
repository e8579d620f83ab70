//! How an image is shown: turned, or as several pictures.

use std::io::Cursor;

use hyper::Method;
use image::codecs::gif::GifEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::{Frame, ImageEncoder as _, RgbImage, RgbaImage};
use serde_json::json;

use crate::support::host::{Host, burrow};
use crate::support::images::fixture;

/// A JPEG of 40 x 30 pixels with this orientation.
fn turned(orientation: u8) -> Vec<u8> {
    let exif =
        [b"II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".as_slice(), &[orientation, 0, 0, 0], &[0; 4]].concat();
    let mut file = Vec::new();
    let mut encoder = JpegEncoder::new(&mut file);
    encoder.set_exif_metadata(exif).unwrap();
    encoder.encode_image(&RgbImage::new(40, 30)).unwrap();
    file
}

/// A GIF of 40 x 30 pixels with so many pictures.
fn film(pictures: usize) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = GifEncoder::new(&mut file);
    encoder.encode_frames((0..pictures).map(|_| Frame::new(RgbaImage::new(40, 30)))).unwrap();
    drop(encoder);
    file.into_inner()
}

/// Orientation and animation are in the record, on the page and in the output of `burrow show`.
pub async fn orientation_and_animation_are_told(host: Host) {
    let burrow_server = host.start().await;
    let client = &burrow_server.client;
    for (what, file, orientation, animated, told) in [
        ("upright", turned(1), json!(1), json!(false), None),
        ("turned", turned(6), json!(6), json!(false), Some("turned by 90° clockwise")),
        ("mirrored", turned(5), json!(5), json!(false), Some("mirrored, then turned by 270° clockwise")),
        ("a picture", film(1), json!(null), json!(false), None),
        ("a film", film(2), json!(null), json!(true), Some("40 × 30, animated")),
        ("a drawing", fixture("drawing.svg"), json!(null), json!(null), None),
    ] {
        let record = client.send(Method::POST, "/images", &[("content-type", "image/x")], file).await.json();
        assert_eq!((&record["orientation"], &record["animated"]), (&orientation, &animated), "{what}: {record}");
        if animated != json!(null) {
            // The size is that of the stored pixels.
            assert_eq!((&record["width"], &record["height"]), (&json!(40), &json!(30)), "{what}");
        }
        let id = record["id"].as_str().unwrap();
        let page = client.send(Method::GET, &format!("/images/{id}"), &[("accept", "text/html")], "").await.text();
        let mut texts = vec![page];
        if matches!(host, Host::Native) {
            let output = burrow(burrow_server.store()).args(["show", id]).output().await.unwrap();
            texts.push(String::from_utf8(output.stdout).unwrap());
            let output = burrow(burrow_server.store()).args(["show", "--json", id]).output().await.unwrap();
            let shown: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!((&shown["orientation"], &shown["animated"]), (&orientation, &animated), "{what}");
        }
        for text in texts {
            assert!(told.is_none_or(|told| text.contains(told)), "{what}: {text}");
            assert_eq!(
                text.contains("turned by"),
                told.is_some_and(|told| told.contains("turned by")),
                "{what}: {text}"
            );
            assert_eq!(text.contains("animated"), animated == json!(true), "{what}: {text}");
        }
    }
}
