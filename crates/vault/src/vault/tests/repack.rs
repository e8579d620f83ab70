//! Tests of repacking.

use burrow_model::error::Error;
use burrow_model::key::{ImageId, Key, Vaultwide};
use burrow_model::lease::Lease;
use burrow_model::record::{Attempt, Codec, ImageRecord, Repacking};

use super::faults;
use crate::codec::whole;
use crate::compression::Compression;
use crate::ports::Kv as _;
use crate::store::blob::Form;
use crate::testing::{Whole, World};
use crate::vault::{Archived, ArchivedState, Filter, HostFacts, Label, Left, Order, Outcome, Vault, VaultSettings};

/// A JPEG of some 60 KB.
fn photo(seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 28) as u8
    };
    let (width, height) = (600_u32, 400_u32);
    let pixels: Vec<u8> = (0..width * height)
        .flat_map(|n| [n % width / 4, n / width / 3, (n % width * (n / width)) >> 10])
        .map(|value| u8::try_from(value).unwrap() + noise())
        .collect();
    let mut bytes = Vec::new();
    jpeg_encoder::Encoder::new(&mut bytes, 90).encode(&pixels, 600, 400, jpeg_encoder::ColorType::Rgb).unwrap();
    bytes
}

/// A PNG of some 300 KB: slopes that go up and down, and noise.
fn drawing() -> Vec<u8> {
    let mut state = 7_u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 29
    };
    let (width, height) = (400_u32, 300_u32);
    let pixels: Vec<u8> = (0..width * height)
        .map(|n| (n % width, n / width))
        .flat_map(|(x, y)| [x * x / 90 + y, y * y / 70 + x, x * y / 60])
        .map(|slope| u8::try_from((slope % 400).min(399 - slope % 400) + noise()).unwrap())
        .collect();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&pixels).unwrap();
    bytes
}

fn with(world: &World, compression: Compression, codec_memory: u64) -> Vault<World> {
    Vault::new(world.clone(), VaultSettings { compression, codec_memory, ..VaultSettings::default() })
}

async fn put(vault: &Vault<World>, bytes: &[u8]) -> ImageRecord {
    vault.put(&mut Whole::new(bytes), Label::default()).await.unwrap()
}

async fn read(vault: &Vault<World>, image: &ImageRecord, range: std::ops::Range<u64>) -> Result<Vec<u8>, Error> {
    let mut reader = vault.open(image).await?.read(Form::Original, range);
    let mut bytes = Vec::new();
    while let Some(piece) = reader.next().await? {
        assert!(!piece.is_empty());
        bytes.extend(piece);
    }
    Ok(bytes)
}

#[test]
fn a_photo_becomes_smaller_and_stays_the_same() {
    let (world, original) = (World::default(), photo(1));
    world.run(async {
        let vault = world.vault();
        let (one, twin) = (put(&vault, &original).await, put(&vault, &original).await);
        let before = vault.statistics().await.unwrap();
        let Outcome::Smaller { before: was, after } = vault.repack(one.id).await.unwrap() else {
            panic!("not smaller")
        };
        assert_eq!(was, before.stored_bytes);
        assert!(after < was * 85 / 100, "{after} of {was}");
        let now = vault.statistics().await.unwrap();
        assert_eq!((now.stored_bytes, now.repacked, now.saved_bytes), (after, 1, was - after));
        let numbers = vault.numbers().await.unwrap().unwrap();
        let (format, day) = (&numbers.formats[0], &numbers.days[0]);
        assert_eq!((format.images, format.stored_bytes), (2, was + after), "what is saved counts once");
        assert_eq!((day.images, day.stored_bytes), (2, was + after));
        for image in [&one, &twin] {
            let shown = vault.get(image.id).await.unwrap();
            assert_eq!((shown.content().unwrap().codec, shown.content().unwrap().stored_size), (Codec::Lepton, after));
            let size = original.len() as u64;
            assert!(read(&vault, image, 0..size).await.unwrap() == original);
            assert!(read(&vault, image, 20_000..20_001).await.unwrap() == original[20_000..20_001]);
            assert!(read(&vault, image, size - 5..size).await.unwrap() == original[original.len() - 5..]);
            assert!(!vault.open(image).await.unwrap().has(Form::Gzip));
        }
        let page = vault.list(&Filter::default(), Order::Newest, None, 5).await.unwrap();
        assert!(page.images.iter().all(|image| image.content().unwrap().codec == Codec::Lepton));
        let Outcome::Kept(why) = vault.repack(twin.id).await.unwrap() else { panic!("twice") };
        assert!(why.contains("lepton"), "{why}");
        // A later upload of the same content shares the repacked blob.
        let third = put(&vault, &original).await;
        assert_eq!(third.content().unwrap().blob, one.content().unwrap().blob);
        assert_eq!(vault.verify_content(third.id).await.unwrap(), original.len() as u64);
        assert!(faults(&vault, false).await.is_empty(), "{:?}", faults(&vault, false).await);
        // An hour later the old chunks are gone; when the last image is, so is everything.
        world.pass(61 * 60_000);
        vault.sweep().await.unwrap();
        assert!(read(&vault, &one, 0..9).await.unwrap() == original[..9]);
        assert_eq!(world.keys_of("b1:c:").len(), 1);
        for image in [one.id, twin.id, third.id] {
            vault.remove(image).await.unwrap();
        }
        world.pass(61 * 60_000);
        vault.sweep().await.unwrap();
        for prefix in ["b1:c:", "b1:m:", "b1:r:", "b1:u:", "b1:t:"] {
            assert!(world.keys_of(prefix).is_empty(), "{:?}", world.keys_of(prefix));
        }
        let end = vault.statistics().await.unwrap();
        assert_eq!((end.stored_bytes, end.repacked, end.saved_bytes), (0, 0, 0));
        assert!(faults(&vault, false).await.is_empty(), "{:?}", faults(&vault, false).await);
    });
}

/// An image that comes back from an archive and shares the repacked blob counts as its twin does.
#[test]
fn what_is_restored_counts_as_what_was_there() {
    let world = World::default();
    world.run(async {
        let vault = world.vault();
        let photo = put(&vault, &photo(1)).await;
        let Outcome::Smaller { before, after } = vault.repack(photo.id).await.unwrap() else { panic!("not smaller") };
        let content = vault.get(photo.id).await.unwrap().content().unwrap().clone();
        let archived = Archived {
            id: ImageId::new(1, &[9; 10]),
            label: Label::new(Some("again"), &[]).unwrap(),
            source: None,
            referrer: None,
            created: photo.created,
            updated: photo.updated,
            attempts: 1,
            state: ArchivedState::Ready(content.sha256),
        };
        vault.restore(archived, None::<&mut Whole>).await.unwrap();
        let numbers = vault.numbers().await.unwrap().unwrap();
        assert_eq!((numbers.formats[0].images, numbers.formats[0].stored_bytes), (2, before + after));
        assert!(faults(&vault, false).await.is_empty(), "{:?}", faults(&vault, false).await);
    });
}

#[test]
fn an_index_made_anew_counts_what_repacking_saved() {
    let world = World::default();
    world.run(async {
        let vault = world.vault();
        let photo = put(&vault, &photo(1)).await;
        vault.repack(photo.id).await.unwrap();
        let right = vault.numbers().await.unwrap();
        world.delete(&Key::vaultwide(Vaultwide::Indexed)).await.unwrap();
        assert!(!faults(&vault, true).await.is_empty());
        assert_eq!(vault.numbers().await.unwrap(), right);
        assert!(faults(&vault, false).await.is_empty(), "{:?}", faults(&vault, false).await);
    });
}

#[test]
fn what_the_policy_or_a_limit_forbids_stays_and_is_tried_when_allowed() {
    let (world, original) = (World::default(), photo(2));
    world.run(async {
        let fast = with(&world, Compression::Fast, 1 << 30);
        let image = put(&fast, &original).await;
        let gif = put(&fast, b"GIF89a\x01\0\x01\0\0\0\0;").await;
        let listed = async |vault: &Vault<World>| vault.repackable(&Filter::default(), None, 9).await.unwrap().images;
        assert!(matches!(fast.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("compression = fast")));
        assert!(listed(&fast).await.is_empty());
        let little = with(&world, Compression::Balanced, 1 << 20);
        assert_eq!(listed(&little).await, [image.id]);
        assert!(matches!(little.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("bytes of memory")));
        assert!(listed(&little).await.is_empty());
        let balanced = world.vault();
        assert_eq!(listed(&balanced).await, [image.id]);
        assert!(matches!(balanced.repack(gif.id).await, Ok(Outcome::Kept(_))));
        // The attempt that a limit forbade is no experience of what this saves.
        let left = async |vault: &Vault<World>| vault.left_to_repack().await.unwrap();
        assert_eq!(left(&fast).await, Left { images: 0, saves: None, is_exact: true });
        assert_eq!(left(&balanced).await, Left { images: 1, saves: None, is_exact: true });
        let done = balanced.repack_for(std::time::Duration::from_secs(9)).await.unwrap();
        assert_eq!((done.repacked, done.kept, done.busy, done.is_done), (1, 0, 0, true));
        assert!(listed(&balanced).await.is_empty());
        assert_eq!(left(&balanced).await, Left { images: 0, saves: None, is_exact: true });
        let other = put(&balanced, &photo(3)).await;
        let now = left(&balanced).await;
        let stored = other.content().unwrap().stored_size;
        assert!(now.images == 1 && now.saves.is_some_and(|saves| saves > stored / 20 && saves < stored), "{now:?}");
    });
}

#[test]
fn a_png_is_packed_as_well_as_the_time_to_unpack_it_allows() {
    let (world, original) = (World::default(), drawing());
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &original).await;
        let stored = async || {
            let content = vault.get(image.id).await.unwrap().content().unwrap().clone();
            assert!(read(&vault, &image, 0..original.len() as u64).await.unwrap() == original);
            assert!(read(&vault, &image, 7000..7001).await.unwrap() == original[7000..7001]);
            (content.codec, content.stored_size)
        };
        // The best takes over eight times half a second here, and the fast form not eight times two seconds.
        world.steps_take(240);
        let repacked = vault.repack(image.id).await;
        assert!(matches!(repacked, Ok(Outcome::Smaller { .. })), "{repacked:?}");
        let (codec, fast) = stored().await;
        assert_eq!(codec, Codec::PixelsFast);
        assert!(fast < original.len() as u64 * 19 / 20, "{fast} of {}", original.len());
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("pixels-fast")));
        let small = with(&world, Compression::Small, 104 << 20);
        assert!(matches!(small.repack(image.id).await, Ok(Outcome::Smaller { .. })));
        let (codec, best) = stored().await;
        assert_eq!(codec, Codec::Pixels);
        assert!(best < fast, "{best}, {fast}");
        for vault in [&vault, &small] {
            assert!(
                matches!(vault.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("packed with pixels"))
            );
        }
        let now = vault.statistics().await.unwrap();
        assert_eq!((now.repacked, now.stored_bytes), (1, best));
    });
}

#[test]
fn what_neither_form_unpacks_in_time_stays_and_is_tried_when_allowed() {
    let (world, original) = (World::default(), drawing());
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &original).await;
        let chunks = world.keys_of("b1:c:");
        world.steps_take(8000);
        let Ok(Outcome::Kept(why)) = vault.repack(image.id).await else { panic!("not kept") };
        assert!(why.contains("longer than the 2000 ms that are allowed"), "{why}");
        assert_eq!(world.keys_of("b1:c:"), chunks, "what was written for it is gone");
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(_))));
        let small = with(&world, Compression::Small, 104 << 20);
        assert!(matches!(small.repack(image.id).await, Ok(Outcome::Smaller { .. })));
        assert!(read(&small, &image, 0..original.len() as u64).await.unwrap() == original);
    });
}

#[test]
fn what_is_tiny_is_not_repacked() {
    let (world, tiny) = (World::default(), &include_bytes!("../../../../recompress/tests/golden/grey-6.png")[..]);
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, tiny).await;
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("nothing under 2048")));
    });
}

#[test]
fn what_does_not_pay_or_come_back_is_remembered() {
    let (world, mut damaged) = (World::default(), photo(3));
    // A scan that ends too early, and bytes that mean nothing.
    damaged.truncate(900);
    let mut state = 1_u32;
    damaged.extend((0..20_000).map(|_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    }));
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &damaged).await;
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(_))));
        assert!(vault.repackable(&Filter::default(), None, 9).await.unwrap().images.is_empty());
        assert!(read(&vault, &image, 0..damaged.len() as u64).await.unwrap() == damaged);
        assert_eq!(world.keys_of("b1:c:").len(), 1, "what was written for it is gone");
        assert_eq!(world.keys_of("b1:r:").iter().filter(|key| key.matches(':').count() == 2).count(), 1);
    });
}

#[test]
fn a_codec_that_kills_its_instances_does_not_get_the_blob_again() {
    let (world, original) = (World::default(), photo(4));
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &original).await;
        let blob = image.content().unwrap().blob;
        die_of(&world, &vault, &image, Codec::Lepton).await;
        // The next codec gets it.
        vault.repack(image.id).await.unwrap();
        let with = vault.store.repacking(blob).await.unwrap().unwrap().with;
        assert_eq!(with, (Codec::Lzma, whole::version(Codec::Lzma)));
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(_))));
        assert!(read(&vault, &image, 0..original.len() as u64).await.unwrap() == original);
    });
}

#[test]
fn a_blob_that_kills_the_instances_of_its_only_codec_is_left_alone() {
    let (world, original) = (World::default(), [&b"II*\0\x08\0\0\0"[..], &photo(4)].concat());
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &original).await;
        die_of(&world, &vault, &image, Codec::Lzma).await;
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(why)) if why.contains("failed on it 2 times")));
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Kept(_))));
        assert!(read(&vault, &image, 0..original.len() as u64).await.unwrap() == original);
    });
}

#[test]
fn a_process_that_was_stopped_says_nothing_of_the_codec() {
    let (world, original) = (World::default(), photo(6));
    world.run(async {
        let image = put(&world.vault(), &original).await;
        let blob = image.content().unwrap().blob;
        let host = HostFacts { generation: Some(2), ..HostFacts::default() };
        let vault = Vault::new(world.clone(), VaultSettings { host, ..VaultSettings::default() });
        // The process of generation 1 was stopped while it packed; an instance of it had died of it before.
        let lease = Lease { until: vault.now() + 15 * 60_000, generation: Some(1) };
        let last = Attempt::Begun { lease, died: 1, writes: None };
        let with = (Codec::Lepton, whole::version(Codec::Lepton));
        vault.store.save_repacking(blob, &Repacking { ended: 0, with, last, better: None, form: None }).await.unwrap();
        assert!(matches!(vault.repack(image.id).await, Ok(Outcome::Smaller { .. })));
    });
}

/// Two instances, one after the other, die while they pack with this codec: each is dropped at its first wait after the
/// record was written.
async fn die_of(world: &World, vault: &Vault<World>, image: &ImageRecord, codec: Codec) {
    for _ in 0..2 {
        die(vault, image, codec).await;
        assert_eq!(vault.repack(image.id).await.unwrap(), Outcome::Busy);
        world.pass(31 * 60_000);
    }
}

/// Leaves what an instance leaves that dies while it packs with this codec.
async fn die(vault: &Vault<World>, image: &ImageRecord, codec: Codec) {
    let blob = image.content().unwrap().blob;
    let (before, now) = (vault.store.repacking(blob).await.unwrap(), vault.now());
    assert!(vault.store.claim_repacking(blob, 0).await.unwrap(), "{}", image.id);
    let died = match before {
        Some(Repacking { last: Attempt::Begun { died, .. }, .. }) => died + 1,
        _ => 0,
    };
    let lease = Lease { until: now + 15 * 60_000, generation: None };
    let last = Attempt::Begun { lease, died, writes: None };
    let with = (codec, whole::version(codec));
    vault.store.save_repacking(blob, &Repacking { ended: 0, with, last, better: None, form: None }).await.unwrap();
}

#[test]
fn a_damaged_packed_form_is_an_error_that_names_the_image() {
    let (world, original) = (World::default(), photo(5));
    world.run(async {
        let vault = world.vault();
        let image = put(&vault, &original).await;
        vault.repack(image.id).await.unwrap();
        let manifest = vault.open(&image).await.unwrap().manifest();
        let chunk = Key::chunk(manifest.place(image.content().unwrap().blob), 0);
        for value in [&b""[..], b"\xcf\x84 not lepton"] {
            world.store(&chunk, value);
            let error = read(&vault, &image, 0..10).await.unwrap_err();
            assert!(matches!(&error, Error::Corrupt(why) if why.contains(&image.id.to_string())), "{error}");
        }
    });
}
