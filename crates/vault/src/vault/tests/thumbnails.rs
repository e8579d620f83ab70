//! Tests thumbnails over a store: drawn once, given up, drawn again, examined by `verify`.

#![expect(clippy::cast_possible_truncation, reason = "colours are made of positions")]

use burrow_model::envelope::encode;
use burrow_model::error::Error;
use burrow_model::key::{BlobId, Key};
use burrow_model::record::Preview;

use super::MINUTE;
use crate::ports::{Clock as _, Elsewhere};
use crate::testing::{Whole, World};
use crate::vault::{Discovery, FaultKind, HostFacts, Label, Plan, Shown, Vault, VaultSettings};

#[test]
fn a_thumbnail_is_drawn_once_and_by_one() {
    let world = World::default();
    let image = world.run(world.vault().put(&mut Whole::new(&png(400, 300)), Label::default())).unwrap();
    let vault = world.vault();
    let (first, second) = world.run(futures::future::join(vault.thumbnail(&image, 160), vault.thumbnail(&image, 160)));
    let Shown::Picture { size, bytes, .. } = first.unwrap() else { panic!("it was not drawn") };
    assert_eq!(size, (160, 120));
    let Shown::Picture { bytes: same, .. } = second.unwrap() else { panic!("it was not waited for") };
    assert_eq!(bytes, same);
    assert_eq!(world.run(vault.placeholders(&[image.clone(), image.clone()])).unwrap().iter().flatten().count(), 2);
    assert!(matches!(world.run(vault.thumbnail(&image, 100)), Err(Error::Invalid { field: "w", .. })));
    // Damaged ones are drawn again.
    let content = image.content().unwrap();
    world.store(&Key::thumbnail(content.blob, 160), b"rubbish");
    world.store(&Key::preview(content.blob), b"rubbish");
    let Shown::Picture { bytes: again, .. } = world.run(vault.thumbnail(&image, 160)).unwrap() else { panic!() };
    assert_eq!(bytes, again);
    // All of them are deleted with the blob.
    world.run(vault.remove(image.id)).unwrap();
    world.pass(61 * MINUTE);
    world.run(vault.sweep()).unwrap();
    assert_eq!((world.keys_of("b1:p:").len(), world.keys_of("b1:v:").len()), (0, 0));
}

#[test]
fn what_kills_its_decoder_is_given_up() {
    let world = World::default();
    let image = world.run(world.vault().put(&mut Whole::new(&png(400, 300)), Label::default())).unwrap();
    let blob = image.content().unwrap().blob;
    // Two instances died of it, the last one long ago.
    let begun = |since, died| encode(&Key::preview(blob), &Preview::Begun { since, died, likeness: None }).unwrap();
    world.store(&Key::preview(blob), &begun(world.now() - MINUTE, 1));
    let shown = world.run(world.vault().thumbnail(&image, 160)).unwrap();
    assert_eq!(shown, Shown::Nothing("its decoder failed".into()));
    // One began just now: the request waits for it, but not for ever.
    world.store(&Key::preview(blob), &begun(world.now() - 5, 0));
    let before = world.now();
    let shown = world.run(world.vault().thumbnail(&image, 160)).unwrap();
    assert_eq!(shown, Shown::NotYet);
    assert_eq!(world.now() - before, 10_000);
    // Then this one tries.
    world.pass(MINUTE);
    assert!(matches!(world.run(world.vault().thumbnail(&image, 160)).unwrap(), Shown::Picture { .. }));
    // One that began when the clock was far ahead is not waited for.
    world.store(&Key::preview(blob), &begun(world.now() + 600 * MINUTE, 0));
    let before = world.now();
    assert!(matches!(world.run(world.vault().thumbnail(&image, 640)).unwrap(), Shown::Picture { .. }));
    assert_eq!(world.now(), before);
    // If a helper draws, its death is known at once.
    let elsewhere = Vault::new(
        world.clone(),
        VaultSettings { host: HostFacts { packers: 2, ..HostFacts::default() }, ..VaultSettings::default() },
    );
    for (came_of_it, shown) in [
        (Elsewhere::Busy, Shown::NotYet),
        (Elsewhere::Died, Shown::NotYet),
        (Elsewhere::Busy, Shown::NotYet),
        (Elsewhere::Died, Shown::Nothing("its decoder failed".into())),
    ] {
        world.draws_elsewhere(Some(came_of_it));
        if came_of_it == Elsewhere::Died {
            // As an instance does before it draws.
            let died = match world.run(world.vault().store.preview(blob)).unwrap() {
                Some(Preview::Begun { since: Preview::NOBODY, died, .. }) => died,
                _ => 0,
            };
            world.store(&Key::preview(blob), &begun(world.now(), died));
        }
        assert_eq!(world.run(elsewhere.thumbnail(&image, 320)).unwrap(), shown);
    }
    world.draws_elsewhere(None);
    world.store(&Key::preview(blob), &begun(Preview::NOBODY, 0));
    assert!(matches!(world.run(elsewhere.thumbnail(&image, 320)).unwrap(), Shown::Picture { .. }));
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::from_fn(width, height, |x, y| image::Rgb([(x / 2) as u8, (y / 2) as u8, 9]))
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

#[test]
fn verify_finds_what_was_made_from_a_blob() {
    let world = World::default();
    let vault = world.vault();
    let image = world.run(vault.put(&mut Whole::new(&png(400, 300)), Label::default())).unwrap();
    let blob = image.content().unwrap().blob;
    world.run(vault.thumbnail(&image, 160)).unwrap();
    world.run(vault.thumbnail(&image, 320)).unwrap();
    let faults = |repair| {
        let faults = std::cell::RefCell::new(Vec::new());
        let plan = Plan { repair, alone: true };
        let tell = async |discovery| {
            if let Discovery::Fault(fault) = discovery {
                faults.borrow_mut().push((fault.kind, fault.key));
            }
        };
        world.run(vault.verify(plan, tell)).unwrap();
        faults.into_inner()
    };
    assert_eq!(faults(false), []);
    world.store(&Key::preview(blob), b"rubbish");
    world.store(&Key::thumbnail(blob, 320), b"rubbish");
    let gone = BlobId::new(1, &[7; 10]);
    world.store(&Key::thumbnail(gone, 160), b"of nobody");
    let expected = [
        (FaultKind::DamagedRecord, Key::preview(blob).to_string()),
        (FaultKind::DamagedRecord, Key::thumbnail(blob, 320).to_string()),
        (FaultKind::Orphan, Key::manifest(gone).to_string()),
    ];
    assert_eq!(faults(true), expected);
    assert_eq!(faults(false), []);
    assert_eq!(world.keys_of("b1:v:"), [Key::thumbnail(blob, 160).to_string()]);
}
