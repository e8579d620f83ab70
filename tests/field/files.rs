//! Files as programs and cameras write them, and as broken transfers leave them.

use std::io::Cursor;

use hyper::Method;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder as _, ImageFormat, Rgb, RgbImage, RgbaImage};
use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::host::Host;

/// Stores a file and returns its record.
async fn stored(client: &Client, what: &str, file: Vec<u8>) -> Value {
    let reply = client.send(Method::POST, "/images", &[("content-type", "application/octet-stream")], file).await;
    assert_eq!(reply.status, 201, "{what}: {}", reply.text());
    reply.json()
}

/// The thumbnail of an image, decoded. A thumbnail has no profile.
async fn thumbnail(client: &Client, what: &str, record: &Value) -> RgbaImage {
    let id = record["id"].as_str().unwrap();
    let reply = client.get(&format!("/images/{id}/thumbnail?w=320")).await;
    assert_eq!(reply.status, 200, "{what}: {}", reply.text());
    for name in ["ICC_PROFILE", "ICCP"] {
        assert!(!reply.body.windows(name.len()).any(|at| at == name.as_bytes()), "{what} has a profile");
    }
    image::load_from_memory(&reply.body).unwrap_or_else(|error| panic!("{what}: {error}")).into_rgba8()
}

/// The colour at a place, in per cent of width and height.
fn at(picture: &RgbaImage, x: u32, y: u32) -> [u8; 4] {
    picture.get_pixel(picture.width() * x / 100, picture.height() * y / 100).0
}

fn assert_near(what: &str, seen: [u8; 4], expected: [u8; 4]) {
    assert!(seen.iter().zip(expected).all(|(seen, expected)| seen.abs_diff(expected) < 25), "{what}: {seen:?}");
}

/// Red on the left, blue on the right.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| Rgb(if x < width / 2 { [220, 30, 30] } else { [30, 40, 210] }))
}

fn encoded(picture: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, 95).encode_image(picture).unwrap();
    bytes
}

/// Bytes that no codec shrinks.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..length).map(|_| next()).collect()
}

/// The bytes of `file` with others in front of the frame of a JPEG.
fn before_frame(file: &[u8], inserted: &[u8]) -> Vec<u8> {
    let frame = file.windows(2).position(|marker| marker == [0xff, 0xc0]).unwrap();
    [&file[..frame], inserted, &file[frame..]].concat()
}

/// Rows of blue, green, red, and `more` bytes a pixel, from the top.
fn rows(picture: &RgbImage, more: &[u8]) -> Vec<u8> {
    picture.pixels().flat_map(|pixel| [&[pixel[2], pixel[1], pixel[0]], more].concat()).collect()
}

/// A bitmap with this header behind its length, and these pixels.
fn bitmap(header: &[u8], pixels: &[u8]) -> Vec<u8> {
    let length = u32::try_from(header.len() + 4).unwrap();
    let head = [length + 14 + u32::try_from(pixels.len()).unwrap(), 0, length + 14, length].map(u32::to_le_bytes);
    [b"BM", &head.concat()[..], header, pixels].concat()
}

fn info_header(width: i32, height: i32, bits: u8, more: usize) -> Vec<u8> {
    let compression = if more > 0 { 3 } else { 0 };
    [&[width, height].map(i32::to_le_bytes).concat()[..], &[1, 0, bits, 0, compression, 0, 0, 0], &vec![0; 20 + more]]
        .concat()
}

/// Width and height of every file are right, or none.
pub async fn sizes_are_right_or_none(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let picture = halves(96, 64);
    let photo = jpeg(&picture);
    let metadata =
        [&[0xff, 0xe1, 0xea, 0x62][..], b"http://ns.adobe.com/xmp/extension/\0", &vec![b'A'; 59_965]].concat();
    let core_header = [96_u16, 64, 1, 24].map(u16::to_le_bytes).concat();
    // A TIFF of 16 bits whose directory is behind its pixels, as libtiff writes it, beyond the first block.
    let pixels = noise(320_000);
    let entry = |tag: u16, value: u32| [&tag.to_le_bytes()[..], &[4, 0, 1, 0, 0, 0], &value.to_le_bytes()].concat();
    let entries =
        [(256, 400), (257, 400), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 400), (279, 320_000)];
    let directory: Vec<u8> = entries.iter().flat_map(|&(tag, value)| entry(tag, value)).collect();
    let tiff = [b"II*\0", &320_008_u32.to_le_bytes()[..], &pixels, &[9, 0], &directory, &[0; 4]].concat();
    let gif = b"GIF89a\0\0\0\0\xf0\0\0\xff\0\0\0\0\xff\x2c\0\0\0\0\x02\0\x02\0\0\x02\x03\x44\x02\x05\0\x3b".to_vec();
    for (what, file, size) in [
        ("a fill byte before the frame", before_frame(&photo, &[0xff]), json!([96, 64])),
        ("300 KB of metadata", before_frame(&photo, &metadata.repeat(5)), json!([96, 64])),
        ("rows from the top", bitmap(&info_header(96, -64, 24, 0), &rows(&picture, &[])), json!([96, 64])),
        ("OS/2", bitmap(&core_header, &rows(&picture, &[])), json!([96, 64])),
        ("a directory at the end", tiff, json!([400, 400])),
        ("a screen without a size", gif, json!([2, 2])),
        ("a negative width", bitmap(&info_header(-96, 64, 24, 0), &rows(&picture, &[])), json!([null, null])),
    ] {
        let record = stored(client, what, file).await;
        assert_eq!(json!([record["width"], record["height"]]), size, "{what}");
    }
}

/// A drawing is known by its first element, however the document is written.
pub async fn drawings_are_known_as_xml(host: Host) {
    let burrow = host.start().await;
    let root = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"40\" height=\"30\"/>";
    let utf16 = |unit: fn(u16) -> [u8; 2]| {
        format!("\u{feff}<?xml version=\"1.0\"?>\r\n{root}").encode_utf16().flat_map(unit).collect()
    };
    for (what, drawing) in [
        ("a prefix", b"<?xml version='1.0'?>\n<ns0:svg xmlns:ns0=\"http://www.w3.org/2000/svg\"/>".to_vec()),
        ("UTF-16, little-endian", utf16(u16::to_le_bytes)),
        ("UTF-16, big-endian", utf16(u16::to_be_bytes)),
        (
            "line breaks in the document type",
            format!("<!DOCTYPE\n svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\"\n\"x\">\n{root}").into_bytes(),
        ),
        ("a space behind the subset", format!("<!DOCTYPE svg [ <!ENTITY a \"b\"> ] >\n{root}").into_bytes()),
    ] {
        assert_eq!(stored(&burrow.client, what, drawing).await["media_type"], "image/svg+xml", "{what}");
    }
    let headers = [("content-type", "image/svg+xml")];
    let other = "<x:svg xmlns:x=\"urn:other\"/>";
    assert_eq!(burrow.client.send(Method::POST, "/images", &headers, other).await.status, 422);
}

/// Of a cut file what came is drawn, and the page of the image says so.
pub async fn of_cut_files_what_came_is_drawn(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let mut random = noise(960 * 640).into_iter();
    let picture = RgbImage::from_fn(960, 640, |_, _| Rgb([200 + random.next().unwrap() % 40, 30, 30]));
    let (photo, png) = (jpeg(&picture), encoded(&picture, ImageFormat::Png));
    let webp = encoded(&picture, ImageFormat::WebP);
    for (what, file, percent) in [
        ("JPEG", &photo, 70),
        ("JPEG", &photo, 99),
        ("PNG", &png, 70),
        ("PNG", &png, 99),
        ("WebP", &webp, 70),
        ("WebP", &webp, 99),
    ] {
        let what = format!("{percent} % of a {what}");
        let record = stored(client, &what, file[..file.len() * percent / 100].to_vec()).await;
        let small = thumbnail(client, &what, &record).await;
        assert_near(&what, at(&small, 50, 20), [220, 30, 30, 255]);
        assert_near(&what, at(&small, 50, 50), [220, 30, 30, 255]);
        if percent < 90 {
            assert_near(&what, at(&small, 50, 99), [128, 128, 128, 255]);
        }
        let page = client
            .send(Method::GET, &format!("/images/{}", record["id"].as_str().unwrap()), &[("accept", "text/html")], "")
            .await;
        assert!(page.text().contains("a part of the picture is missing"), "{what}");
    }
    // Without its last bytes a file is whole.
    for (what, file, end) in [("JPEG", &photo, 2), ("PNG", &png, 12)] {
        let what = format!("a {what} without its end");
        let record = stored(client, &what, file[..file.len() - end].to_vec()).await;
        assert_near(&what, at(&thumbnail(client, &what, &record).await, 50, 99), [220, 30, 30, 255]);
    }
}

/// An ICC profile (ICC.1:2010) of a display, with these tags, in at least `length` bytes.
fn profile(space: [u8; 4], tags: &[(&[u8; 4], Vec<u8>)], length: usize) -> Vec<u8> {
    let (mut table, mut data) = (Vec::new(), Vec::new());
    let start = 132 + 12 * tags.len();
    for (name, tag) in tags {
        let place = [u32::try_from(start + data.len()).unwrap(), u32::try_from(tag.len()).unwrap()];
        table.extend([&name[..], &place.map(u32::to_be_bytes).concat()].concat());
        data.extend(tag);
        data.resize(data.len().next_multiple_of(4), 0);
    }
    let whole = (start + data.len()).max(length);
    let mut profile = u32::try_from(whole).unwrap().to_be_bytes().to_vec();
    profile.extend(b"lcms\x02\x10\0\0mntr");
    profile.extend(space);
    profile.extend(b"XYZ \x07\xe4\0\x01\0\x01\0\0\0\0\0\0acsp");
    profile.resize(68, 0);
    profile.extend([63190, 65536, 54061].map(i32::to_be_bytes).concat());
    profile.resize(128, 0);
    profile.extend(u32::try_from(tags.len()).unwrap().to_be_bytes());
    profile.extend(table);
    profile.extend(data);
    profile.resize(whole, 0);
    profile
}

fn xyz(values: [i32; 3]) -> Vec<u8> {
    [b"XYZ \0\0\0\0", &values.map(i32::to_be_bytes).concat()[..]].concat()
}

/// A tone curve: a power, in 256ths.
fn curve(power: u16) -> Vec<u8> {
    [b"curv\0\0\0\0\0\0\0\x01", &power.to_be_bytes()[..]].concat()
}

/// The colours of a thumbnail are sRGB, whatever profile the original has; and bytes that nobody meant as alpha hide
/// nothing.
pub async fn thumbnails_are_srgb(host: Host) {
    let burrow = host.start().await;
    let client = &burrow.client;
    let png = |profile: Vec<u8>, pixels: &[u8], (width, height), colour| {
        let mut bytes = Vec::new();
        let mut encoder = PngEncoder::new(&mut bytes);
        encoder.set_icc_profile(profile).unwrap();
        encoder.write_image(pixels, width, height, colour).unwrap();
        bytes
    };
    // sRGB's primaries, red and blue exchanged.
    let exchanged = |length| {
        let colours = [(b"rXYZ", [9378, 3972, 46799]), (b"gXYZ", [25238, 46983, 6364]), (b"bXYZ", [28574, 14582, 911])];
        let mut tags = vec![(b"wtpt", xyz([63190, 65536, 54061]))];
        tags.extend(colours.map(|(name, colour)| (name, xyz(colour))));
        tags.extend([b"rTRC", b"gTRC", b"bTRC"].map(|name| (name, curve(563))));
        profile(*b"RGB ", &tags, length)
    };
    let picture = halves(96, 64);
    for length in [0, 3000, 6000] {
        let what = format!("a profile of {length} bytes");
        let file = png(exchanged(length), &picture, (96, 64), ExtendedColorType::Rgb8);
        let small = thumbnail(client, &what, &stored(client, &what, file).await).await;
        assert_near(&what, at(&small, 20, 50), [30, 30, 220, 255]);
    }
    let linear = profile(*b"GRAY", &[(b"wtpt", xyz([63190, 65536, 54061])), (b"kTRC", curve(256))], 0);
    let file = png(linear, &vec![128; 400 * 300], (400, 300), ExtendedColorType::L8);
    let small = thumbnail(client, "grey", &stored(client, "grey", file).await).await;
    assert_near("grey", at(&small, 50, 50), [188, 188, 188, 255]);
    // Alpha that is 0 everywhere.
    let masks = [0x00ff_0000_u32, 0xff00, 0xff, 0xff00_0000].map(u32::to_le_bytes).concat();
    let mut header = info_header(96, 64, 32, 68);
    header[36..52].copy_from_slice(&masks);
    let file = bitmap(&header, &rows(&picture, &[0]));
    let small = thumbnail(client, "alpha", &stored(client, "alpha", file).await).await;
    assert_near("alpha", at(&small, 20, 50), [220, 30, 30, 255]);
}
