//! Thumbnails: drawn at the first request, then stored, and safe whatever the image is.

use hyper::Method;
use serde_json::json;

use crate::support::client::Reply;
use crate::support::host::{Burrow, Host};
use crate::support::images::{KINDS, bitmap, drawing, fixture};

/// Stores an image and returns its id.
async fn stored(burrow: &Burrow, media_type: &str, image: Vec<u8>) -> String {
    let reply = burrow.client.send(Method::POST, "/images", &[("content-type", media_type)], image).await;
    assert_eq!(reply.status, 201, "{}", reply.text());
    reply.json()["id"].as_str().unwrap().to_owned()
}

async fn thumbnail(burrow: &Burrow, id: &str, query: &str) -> Reply {
    burrow.client.get(&format!("/images/{id}/thumbnail{query}")).await
}

fn size(picture: &[u8]) -> (usize, usize) {
    let size = imagesize::blob_size(picture).unwrap();
    (size.width, size.height)
}

pub async fn small_pictures_are_made_and_kept(host: Host) {
    let burrow = host.start().await;
    let image = bitmap(3_000_000, 5);
    let id = stored(&burrow, "image/bmp", image.clone()).await;
    let before = burrow.client.get("/images").await.json();
    assert_eq!(before["images"][0]["placeholder"], json!(null));
    for (query, width) in [("?w=160", 160), ("", 320), ("?w=640", 640), ("?w=1280", 1024)] {
        let reply = thumbnail(&burrow, &id, query).await;
        assert_eq!(reply.status, 200, "{}", reply.text());
        let media_type = reply.header("content-type");
        assert!(["image/jpeg", "image/webp"].contains(&media_type), "{media_type}");
        assert!(reply.header("cache-control").contains("immutable"), "{}", reply.header("cache-control"));
        let (wide, high) = size(&reply.body);
        assert!(wide == width && high.abs_diff(width * 976 / 1024) <= 1, "{query}: {wide} {high}");
        assert!(reply.body.len() < 240 * 1024);
        let again = thumbnail(&burrow, &id, query).await;
        assert_eq!(again.body, reply.body);
        let path = format!("/images/{id}/thumbnail{query}");
        let condition = [("if-none-match", reply.header("etag"))];
        assert_eq!(burrow.client.send(Method::GET, &path, &condition, "").await.status, 304);
        let head = burrow.client.send(Method::HEAD, &path, &[], "").await;
        assert_eq!((head.header("content-length"), head.body.len()), (reply.body.len().to_string().as_str(), 0));
    }
    // The placeholder is in lists, and an image with the same content has the same one.
    let twin = stored(&burrow, "image/bmp", image).await;
    let listed = burrow.client.get("/images").await.json();
    let placeholder = listed["images"][1]["placeholder"].as_str().unwrap();
    assert!((8..40).contains(&placeholder.len()), "{placeholder}");
    assert_eq!(listed["images"][0]["placeholder"], placeholder);
    assert_eq!(listed["images"][0]["id"], twin);
    // A record does not get the placeholder, so its entity tag does not change.
    assert_eq!(burrow.client.get(&format!("/images/{id}")).await.json()["placeholder"], json!(null));
    for (query, status) in [("?w=100", 422), ("?w=x", 422), ("?w=", 422), ("?w=160&w=160", 422), ("?h=1", 422)] {
        assert_eq!(thumbnail(&burrow, &id, query).await.status, status, "{query}");
    }
    assert_eq!(thumbnail(&burrow, "01a2046e-6b62-7a16-ac60-792e15ac0352", "").await.status, 404);
    let waiting = burrow.client.add(&json!({ "url": "http://127.0.0.1:1/" })).await;
    burrow.client.settled(&waiting).await;
    assert_eq!(thumbnail(&burrow, &waiting, "").await.status, 409);
}

pub async fn every_kind_has_something_to_show(host: Host) {
    let burrow = host.start().await;
    for (name, media_type) in KINDS {
        let id = stored(&burrow, media_type, fixture(name)).await;
        let reply = thumbnail(&burrow, &id, "?w=160").await;
        assert_eq!(reply.status, 200, "{name}: {}", reply.text());
        let shown = reply.header("content-type").to_owned();
        match name {
            "drawing.svg" => {
                assert!(shown == "image/svg+xml" && reply.body == fixture(name));
                assert!(reply.header("content-security-policy").starts_with("sandbox"));
            }
            // A small original is its own thumbnail.
            "photo.jpg" => assert!(shown == "image/jpeg" && reply.body == fixture(name)),
            // The decoder cannot read this icon, but browsers display it.
            "photo.ico" => assert!(shown == media_type && reply.body == fixture(name)),
            "photo.avif" => {
                assert!(shown == "image/svg+xml" && reply.text().contains(">AVIF<"), "{}", reply.text());
                let path = format!("/images/{id}/thumbnail?w=160");
                let browser = [("accept", "image/avif,image/webp,*/*;q=0.8")];
                let reply = burrow.client.send(Method::GET, &path, &browser, "").await;
                assert!(reply.header("content-type") == "image/avif" && reply.body == fixture(name));
                assert!(reply.header("vary").contains("accept"));
            }
            _ => {
                assert!(["image/jpeg", "image/webp"].contains(&shown.as_str()), "{name}: {shown}");
                assert!(size(&reply.body).0 <= 160, "{name}");
            }
        }
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
    }
}

/// A drawing (SVG) with a script is sent with a policy under which browsers run nothing.
pub async fn drawings_run_nothing(host: Host) {
    let burrow = host.start().await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(document.domain)</script></svg>".to_vec();
    let id = stored(&burrow, "image/svg+xml", svg.clone()).await;
    let reply = thumbnail(&burrow, &id, "").await;
    assert!(reply.body == svg);
    let policy = reply.header("content-security-policy");
    assert!(
        policy.contains("sandbox") && !policy.contains("allow-scripts") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    // A drawing that is large, or would keep the browser busy, is not its own thumbnail.
    let each = |n: u32| format!("<g id='a{n}'>{}</g>", format!("<use href='#a{}'/>", n - 1).repeat(10));
    let bomb: String = (1..10).map(each).collect();
    let bomb = format!("<svg xmlns='http://www.w3.org/2000/svg'><circle id='a0' r='9'/>{bomb}</svg>");
    for svg in [drawing(1_200_000, 1), bomb.into_bytes()] {
        let id = stored(&burrow, "image/svg+xml", svg).await;
        let reply = thumbnail(&burrow, &id, "").await;
        assert!(reply.body.len() < 2000 && reply.text().contains(">SVG<"), "{}", reply.text());
    }
}

pub async fn what_cannot_be_decoded_is_told(host: Host) {
    let burrow = host.start().await;
    // The first bytes of a PNG, with its format and size; the rest is missing.
    let mut broken = fixture("photo.png");
    broken.truncate(60);
    // A header that announces far too many pixels.
    let mut bomb = bitmap(5_000, 1);
    bomb[18..22].copy_from_slice(&30_000_i32.to_le_bytes());
    bomb[22..26].copy_from_slice(&30_000_i32.to_le_bytes());
    bomb.extend(bitmap(3_000_000, 2));
    for (media_type, image, format) in [("image/png", broken, "PNG"), ("image/bmp", bomb, "BMP")] {
        let id = stored(&burrow, media_type, image).await;
        for _ in 0..2 {
            let reply = thumbnail(&burrow, &id, "").await;
            assert_eq!((reply.status.as_u16(), reply.header("content-type")), (200, "image/svg+xml"));
            assert!(reply.text().contains(&format!(">{format}<")), "{}", reply.text());
        }
    }
    assert_eq!(burrow.client.get("/healthz").await.status, 200);
}

/// The server answers other requests while it draws a thumbnail that takes long.
pub async fn nobody_waits_for_a_picture_to_be_drawn(host: Host) {
    let burrow = host.start().await;
    let id = stored(&burrow, "image/png", large_png()).await;
    let drawing = thumbnail(&burrow, &id, "?w=1280");
    let others = async {
        let mut answered = 0;
        loop {
            assert_eq!(burrow.client.get("/stats").await.status, 200);
            answered += 1;
            if answered == 5 {
                return;
            }
        }
    };
    let (mut others, mut drawing) = (std::pin::pin!(others), std::pin::pin!(drawing));
    let first = futures::future::select(&mut others, &mut drawing).await;
    let futures::future::Either::Left(((), drawing)) = first else { panic!("the picture was drawn first") };
    let reply = drawing.await;
    assert_eq!((reply.status.as_u16(), size(&reply.body)), (200, (1280, 960)));
}

/// A PNG of 48 million pixels, each row of one colour: small to send, slow to decode.
fn large_png() -> Vec<u8> {
    use std::io::Write as _;
    const SIZE: (u32, u32) = (8000, 6000);
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8; 4], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        let mut sum = flate2::Crc::new();
        sum.update(kind);
        sum.update(data);
        bytes.extend(sum.sum().to_be_bytes());
    };
    let header = [&SIZE.0.to_be_bytes()[..], &SIZE.1.to_be_bytes(), &[8, 2, 0, 0, 0]].concat();
    chunk(b"IHDR", &header);
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let mut row = vec![0; 1 + 3 * SIZE.0 as usize];
    for y in 0..SIZE.1 {
        row[1..].fill((y / 25) as u8);
        packer.write_all(&row).unwrap();
    }
    chunk(b"IDAT", &packer.finish().unwrap());
    chunk(b"IEND", &[]);
    bytes
}
