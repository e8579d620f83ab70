//! Similar pictures are found through everything that happens to their images.

use image::{Rgb, RgbImage};

use crate::terms::NEAR;
use crate::testing::{Whole, World};
use crate::vault::{Alike, Discovery, Edit, FaultKind, Filter, Label, Order, Plan, Shape, Vault, VaultSettings};
use burrow_model::error::Error;
use burrow_model::key::Key;
use burrow_model::record::{ImageRecord, Preview};

/// A small index, so that few images make segments of every level.
const SMALL: Shape = Shape { range: 4, fan: 2, top: 3 };

fn vault(world: &World) -> Vault<World> {
    Vault::new(world.clone(), VaultSettings { index: SMALL, ..VaultSettings::default() })
}

/// A picture of four soft spots; another `seed` makes another one.
fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
    let spots = [1_i64, 2, 3, 4].map(|n| {
        let place = |prime: i64| (i64::from(seed) * prime * n + 31 * n) % 256;
        (place(97), place(57), 40 + place(23) / 4, if n % 2 == 0 { 110 } else { -110 })
    });
    RgbImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x * 256 / width), i64::from(y * 256 / height));
        let light = |(at_x, at_y, radius, light): &(i64, i64, i64, i64)| {
            light * radius * radius / (radius * radius + 2 * ((x - at_x).pow(2) + (y - at_y).pow(2)))
        };
        let grey = u8::try_from((128 + spots.iter().map(light).sum::<i64>()).clamp(0, 255)).unwrap();
        Rgb([grey, 255 - grey / 2, grey])
    })
}

fn png(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn put(world: &World, bytes: &[u8], name: &str) -> ImageRecord {
    world.run(vault(world).put(&mut Whole::new(bytes), Label::new(Some(name), &[]).unwrap())).unwrap()
}

/// The names of the similar images, the nearest first.
fn similar(world: &World, image: &ImageRecord) -> Vec<String> {
    let Alike { images, is_incomparable, unindexed } = world.run(vault(world).similar(image, 100)).unwrap();
    assert!(!is_incomparable && !unindexed);
    assert!(images.iter().all(|it| it.distance <= NEAR));
    images.into_iter().map(|it| it.image.name).collect()
}

fn faults(world: &World, repair: bool) -> Vec<FaultKind> {
    let faults = std::cell::RefCell::new(Vec::new());
    let tell = async |discovery| {
        if let Discovery::Fault(fault) = discovery {
            faults.borrow_mut().push(fault.kind);
        }
    };
    world.run(vault(world).verify(Plan { repair, alone: true }, tell)).unwrap();
    faults.into_inner()
}

#[test]
fn similar_pictures_are_found_and_stay_found() {
    let world = World::default();
    let [whole, half, other] = [picture(320, 240, 1), picture(160, 120, 1), picture(320, 240, 2)].map(|it| png(&it));
    let (a, b) = (put(&world, &whole, "a"), put(&world, &half, "b"));
    put(&world, &other, "other");
    // Nothing has been drawn yet: the likeness of this one is made now, and those of others are not known.
    assert_eq!(similar(&world, &a), [""; 0]);
    for image in world.run(vault(&world).list(&Filter::default(), Order::Oldest, None, 10)).unwrap().images {
        world.run(vault(&world).thumbnail(&image, 160)).unwrap();
    }
    assert_eq!(similar(&world, &a), ["b"]);
    assert_eq!(similar(&world, &b), ["a"]);
    // An image that comes to content that was drawn is found at once, and so is one that was renamed.
    let twin = put(&world, &whole, "twin");
    assert_eq!(similar(&world, &b), ["twin", "a"]);
    let edit = Edit::new(Some("renamed"), Some(&["tag".into()])).unwrap();
    world.run(vault(&world).edit(a.id, &edit, |_| Ok::<(), Error>(()))).unwrap();
    assert_eq!(similar(&world, &b), ["twin", "renamed"]);
    assert_eq!(faults(&world, false), []);
    // Many entries of the log make segments of it, and merge them.
    for n in 0..40 {
        put(&world, &png(&picture(8, 8, 5 + n)), &format!("{n}"));
        world.pass(1);
    }
    assert_eq!(similar(&world, &b), ["twin", "renamed"]);
    world.run(vault(&world).remove(twin.id)).unwrap();
    assert_eq!(similar(&world, &b), ["renamed"]);
    assert_eq!(faults(&world, false), []);
    // Searches do not meet the entries of likenesses.
    for order in [Order::Newest, Order::Oldest] {
        let since = Filter { since: Some(1), ..Filter::default() };
        let page = world.run(vault(&world).list(&since, order, None, 100)).unwrap();
        assert_eq!((page.images.len(), page.next, page.unindexed), (43, None, false));
    }
    // A repair makes the index anew, with the likenesses that are known.
    for key in world.keys_of("b1:g:").into_iter().chain(world.keys_of("b1:e:")) {
        world.forget(&key);
    }
    assert!(!faults(&world, true).is_empty());
    assert_eq!(similar(&world, &b), ["renamed"]);
    assert_eq!(faults(&world, false), []);
}

#[test]
fn what_shared_content_before_it_was_drawn_is_found_after_a_walk() {
    let world = World::default();
    let bytes = png(&picture(200, 100, 3));
    let (a, _b) = (put(&world, &bytes, "a"), put(&world, &bytes, "b"));
    world.run(vault(&world).thumbnail(&a, 320)).unwrap();
    assert_eq!(similar(&world, &a), [""; 0]);
    let page = world.run(vault(&world).likenesses(None, 1)).unwrap();
    assert_eq!((page.images.len(), page.next, page.is_last), (1, 1, false));
    let page = world.run(vault(&world).likenesses(Some(1), 10)).unwrap();
    assert_eq!((page.images.len(), page.images[0].is_made, page.next, page.is_last), (1, true, 2, true));
    assert_eq!(similar(&world, &a), ["b"]);
    assert_eq!(faults(&world, false), []);
}

#[test]
fn a_likeness_is_made_once_and_stays() {
    let world = World::default();
    let a = put(&world, &png(&picture(640, 480, 4)), "a");
    let blob = a.content().unwrap().blob;
    let likeness = || world.run(vault(&world).store.likeness(blob)).unwrap();
    assert_eq!(likeness(), None);
    world.run(vault(&world).thumbnail(&a, 640)).unwrap();
    let first = likeness().unwrap().unwrap();
    for width in [160, 320, 1280] {
        world.run(vault(&world).thumbnail(&a, width)).unwrap();
        assert_eq!(likeness(), Some(Some(first)), "{width}");
    }
    // A preview of an earlier version has none, and its thumbnails are there.
    let earlier = Preview::Drawn { placeholder: "1QcSHQRnh493V4dIh4eXh1h4kJUI".into(), cut: false, likeness: None };
    world.run(vault(&world).store.save_preview(blob, &earlier)).unwrap();
    let again = world.run(vault(&world).likeness(&a)).unwrap().unwrap();
    assert!((again ^ first).count_ones() <= 3, "{again:016x} {first:016x}");
    // What is plain, and what is no picture, has none, and is not drawn again and again.
    let plain = put(&world, &png(&RgbImage::from_pixel(99, 77, Rgb([9, 9, 9]))), "plain");
    let alike = world.run(vault(&world).similar(&plain, 10)).unwrap();
    assert!(alike.is_incomparable && alike.images.is_empty());
    let calls = world.calls();
    assert_eq!(world.run(vault(&world).likeness(&plain)).unwrap(), None);
    assert_eq!(world.calls() - calls, 1);
    let drawing = put(&world, b"<svg xmlns='http://www.w3.org/2000/svg'/>", "drawing");
    assert_eq!(world.run(vault(&world).likeness(&drawing)).unwrap(), None);
    assert_eq!(faults(&world, false), []);
}

#[test]
fn what_leads_to_no_likeness_is_found_and_mended() {
    let world = World::default();
    let a = put(&world, &png(&picture(300, 200, 6)), "a");
    let bits = world.run(vault(&world).likeness(&a)).unwrap().unwrap();
    assert_eq!(faults(&world, false), []);
    // The entry of an image that is not there any more, and one with other bits.
    for (seq, bits) in [(99, bits), (a.seq, !bits)] {
        world.run(vault(&world).store.log(&crate::terms::of_likeness(seq, bits))).unwrap();
        assert_eq!(faults(&world, false), [FaultKind::Stale], "{seq}");
        assert_eq!(faults(&world, true), [FaultKind::Stale], "{seq}");
        assert_eq!(faults(&world, false), [], "{seq}");
    }
    // Without its preview nothing is known of a likeness, so nothing is wrong.
    world.forget(Key::preview(a.content().unwrap().blob).as_str());
    assert_eq!(faults(&world, false), []);
}
