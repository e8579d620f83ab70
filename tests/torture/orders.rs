//! Random requests that add images, by URL, as bytes and as forms, from origins good and bad.

use std::sync::LazyLock;
use std::time::Duration;

use hyper::body::Bytes;
use serde_json::json;

use crate::repacking::{exact, photo};
use crate::support::client::encode;
use crate::support::images::{bitmap, drawing, noise, sha256};
use crate::support::origin::{Behaviour, Origin};
use crate::support::random::Random;
use crate::uploads::{MULTIPART, form, part};

/// Bytes of an image.
#[derive(Clone)]
pub struct Content {
    pub bytes: Bytes,
    pub sha256: String,
}

/// The outcome that a job must have, given its origin's behaviour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Ready,
    Failed,
    /// It failed, and the request to retry it was not answered.
    Either,
}

/// A request that adds images. It can be sent again.
#[derive(Clone)]
pub struct Order {
    pub kind: &'static str,
    pub path: String,
    pub headers: Vec<(&'static str, String)>,
    pub body: Bytes,
    pub key: bool,
    pub wanted: Vec<Wanted>,
}

/// One image of a request.
#[derive(Clone)]
pub struct Wanted {
    pub name: String,
    pub tags: Vec<String>,
    pub content: Content,
    pub fate: Fate,
    pub url: Option<String>,
    /// The path at the origin, if the origin fails now and can be repaired later.
    pub mendable: Option<String>,
    /// The id of the image, if it was listed although the request was never answered.
    pub adopted: Option<String>,
}

impl Content {
    /// A random content of 64 bytes to 4 MiB. Most are small. Bitmaps and photographs can be made smaller in the store.
    pub fn random(random: &mut Random) -> Self {
        let bits = 6 + random.within(0..16).min(random.within(0..16));
        let (size, seed) = (random.within(1 << bits..2 << bits), random.number());
        let bytes = match random.within(0..3) {
            _ if size < 4000 => drawing(size, seed),
            0 => bitmap(size, seed),
            1 => photograph(seed),
            _ => noise(size, seed),
        };
        Self { sha256: sha256(&bytes), bytes: bytes.into() }
    }
}

/// A photograph as JPEG or PNG, another file for each seed: the seed is a comment, or follows the image.
fn photograph(seed: u64) -> Vec<u8> {
    static JPEG: LazyLock<Vec<u8>> = LazyLock::new(photo);
    static PNG: LazyLock<Vec<u8>> = LazyLock::new(|| exact(image::ImageFormat::Png));
    if seed.is_multiple_of(4) {
        return [&PNG[..], &seed.to_be_bytes()].concat();
    }
    let (start, rest) = JPEG.split_at(2);
    [start, &[0xff, 0xfe, 0, 10], &seed.to_be_bytes(), rest].concat()
}

impl Order {
    /// A random request with this number, which no other request has. Some of its names and contents are those of
    /// others.
    pub fn random(number: usize, round: usize, known: &[Content], origin: &Origin, random: &mut Random) -> Self {
        let name = |random: &mut Random, nth: usize| {
            let shared = random.percent(15);
            if shared { format!("shared-{round}-{}", random.within(0..4)) } else { format!("{number}-{nth}") }
        };
        let want = |random: &mut Random, nth: usize| Wanted {
            name: name(random, nth),
            tags: vec![format!("round-{round}")],
            content: match random.pick(known) {
                Some(known) if random.percent(20) => known.clone(),
                _ => Content::random(random),
            },
            fate: Fate::Ready,
            url: None,
            mendable: None,
            adopted: None,
        };
        let first = want(random, 0);
        let mut order = match random.within(0..10) {
            0..5 => Self::job(number, first, origin, random),
            5..9 => Self::upload(first),
            _ => {
                let more = (1..random.within(2..5)).map(|nth| want(random, nth)).collect();
                Self::files(first, more)
            }
        };
        if random.percent(20) {
            order.key = true;
            order.headers.push(("idempotency-key", format!("\"key-{number}\"")));
        }
        order
    }

    fn job(number: usize, mut wanted: Wanted, origin: &Origin, random: &mut Random) -> Self {
        let path = format!("/{number}");
        let bytes = wanted.content.bytes.clone();
        let image = Behaviour::Image(bytes.clone());
        let behaviour = match random.within(0..300) {
            0..210 => image,
            210..240 => Behaviour::Slow(bytes, Duration::from_millis(random.within(10..300) as u64)),
            240..255 => Behaviour::AtFirst(Box::new(Behaviour::Status(503)), Box::new(image)),
            255..270 => Behaviour::AtFirst(Box::new(Behaviour::Truncated(bytes)), Box::new(image)),
            270..285 => Behaviour::Redirect(origin.image(&format!("{path}/moved"), bytes)),
            285..299 => Behaviour::Status(404),
            _ => Behaviour::Truncated(bytes),
        };
        if matches!(behaviour, Behaviour::Status(_) | Behaviour::Truncated(_)) {
            wanted.fate = Fate::Failed;
            wanted.mendable = Some(path.clone());
        }
        let url = origin.serve(&path, behaviour);
        let body = json!({ "url": url, "name": wanted.name, "tags": wanted.tags }).to_string().into();
        wanted.url = Some(url);
        let mut headers = vec![("content-type", "application/json".to_owned())];
        let wait = random.percent(40);
        if wait {
            headers.push(("prefer", "wait=20".to_owned()));
        }
        let kind = if wait { "jobs waited for" } else { "jobs" };
        Self { kind, path: "/images".into(), headers, body, key: false, wanted: vec![wanted] }
    }

    fn upload(wanted: Wanted) -> Self {
        let tags: Vec<String> = wanted.tags.iter().map(|tag| format!("&tag={}", encode(tag))).collect();
        let tags = tags.concat();
        Self {
            kind: "uploads",
            path: format!("/images?name={}{tags}", encode(&wanted.name)),
            headers: vec![("content-type", "application/octet-stream".to_owned())],
            body: wanted.content.bytes.clone(),
            key: false,
            wanted: vec![wanted],
        }
    }

    fn files(first: Wanted, more: Vec<Wanted>) -> Self {
        let mut parts = vec![part("tags", None, first.tags.join(",").as_bytes())];
        let wanted: Vec<_> = std::iter::once(first).chain(more).collect();
        parts.extend(wanted.iter().map(|wanted| part("file", Some(&wanted.name), &wanted.content.bytes)));
        Self {
            kind: "requests with files",
            path: "/images".into(),
            headers: vec![(MULTIPART.0, MULTIPART.1.to_owned())],
            body: form(&parts).into(),
            key: false,
            wanted,
        }
    }
}
