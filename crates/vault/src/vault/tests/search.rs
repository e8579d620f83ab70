//! Searches agree with the records, whatever happened to the images.

use burrow_model::error::Error;
use burrow_model::key::{Key, Vaultwide};
use burrow_model::record::ImageRecord;
use burrow_model::status::Status;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::faults;
use crate::terms::{Phrase, host_of, words_of};
use crate::testing::{BEGINNING, Whole, World};
use crate::vault::{Edit, Estimate, Filter, Label, Order, Shape, TagCount, Vault, VaultSettings, Worker};

/// A small index, so that few images make segments of every level.
const SMALL: Shape = Shape { range: 4, fan: 2, top: 3 };

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Images: a GIF, a PNG and a BMP.
const FILES: [&[u8]; 3] = [
    b"GIF89a\x01\0\x01\0\0\0\0;",
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde",
    b"BM\x3a\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x18\0\0\0\0\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
];

const NAMES: [&str; 9] = [
    "Otter_2.PNG",
    "otters at night",
    "photo 0001",
    "photograph-0002",
    "東京タワー 夜",
    "แมวน้ำ",
    "Straße",
    "🦦 ok",
    "???",
];

const TAGS: [&str; 5] = ["cat", "cats", "a b", "été", "w:otter"];

fn vault(world: &World, shape: Shape) -> Vault<World> {
    Vault::new(world.clone(), VaultSettings { index: shape, ..VaultSettings::default() })
}

struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 += 1;
        usize::try_from(xxh3_64_with_seed(&self.0.to_le_bytes(), 7) % bound as u64).unwrap()
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn tags(&mut self) -> Vec<String> {
        let count = self.below(4);
        (0..count).map(|_| self.one_of(&TAGS).to_owned()).collect()
    }

    fn filter(&mut self) -> Filter {
        let mut filter = Filter::default();
        let one = |dice: &mut Self, of| dice.below(of) == 0;
        if one(self, 3) {
            filter.tags = (0..=self.below(2)).map(|_| self.one_of(&TAGS).to_owned()).collect();
        }
        if one(self, 2) {
            let words = [
                "o",
                "ott",
                "otter",
                "otters",
                "2",
                "png",
                "photo",
                "photo 0",
                "photog",
                "京",
                "京タ",
                "タワー 夜",
                "แมว",
                "STRASSE",
                "🦦",
                "zebra",
                "night otters",
                "?",
                "a 1",
                "pictures",
            ];
            filter.phrase = Phrase::new(self.one_of(&words));
        }
        filter.host = one(self, 5).then(|| self.one_of(&["a.example", "b.example", "c.example"]).to_owned());
        filter.media_type = one(self, 5).then(|| self.one_of(&["image/png", "gif", "jpg"]).to_owned());
        if one(self, 4) {
            use Status::{Failed, Pending, Ready, Storing};
            filter.status = Some(self.one_of(&[Pending, Storing, Ready, Failed]));
        }
        filter.unfinished = one(self, 10);
        filter.since = one(self, 5).then(|| BEGINNING + self.below(200) as u64 * DAY);
        filter.until = one(self, 5).then(|| BEGINNING + (200 + self.below(200)) as u64 * DAY);
        filter
    }
}

/// All pages of a list. Every page but the last must be full.
async fn all(vault: &Vault<World>, filter: &Filter, order: Order, limit: usize) -> Vec<ImageRecord> {
    let (mut images, mut cursor) = (Vec::new(), None);
    loop {
        let page = vault.list(filter, order, cursor, limit).await.unwrap();
        assert!(!page.unindexed);
        assert!(page.images.len() == limit || page.next.is_none(), "a page is not full: {filter:?}");
        images.extend(page.images);
        cursor = page.next;
        if cursor.is_none() {
            return images;
        }
    }
}

/// Does something to some image.
async fn change(vault: &Vault<World>, world: &World, dice: &mut Dice, images: &mut Vec<ImageRecord>) {
    world.pass(DAY / 2);
    let label = Label::new(Some(dice.one_of(&NAMES)), &dice.tags()).unwrap();
    let at = if images.is_empty() { 0 } else { dice.below(images.len()) };
    match dice.below(8) {
        0..=2 => images.push(vault.put(&mut Whole::new(dice.one_of(&FILES)), label).await.unwrap()),
        3..=4 => {
            let url = format!("http://{}/pictures/{}.gif", dice.one_of(&["a.example", "b.example"]), dice.below(5));
            let record = vault.accept(vault.draft_job(&url, label).unwrap(), Worker::Anybody).await.unwrap();
            if dice.below(3) > 0 {
                if dice.below(3) == 0 {
                    world.answers([(404, None, &b""[..])]);
                }
                vault.work_on(record.id, None).await.unwrap();
            }
            images.push(record);
        }
        5 if !images.is_empty() => {
            let edit = Edit::new(label.name.as_deref().filter(|_| dice.below(2) == 0), Some(&label.tags)).unwrap();
            match vault.edit(images[at].id, &edit, |_| Ok::<_, Error>(())).await {
                Ok(_) | Err(Error::NotReady(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        6 if !images.is_empty() => drop(vault.remove(images.swap_remove(at).id).await.unwrap()),
        7 if !images.is_empty() => {
            let record = vault.get(images[at].id).await.unwrap();
            if record.status() == Status::Failed {
                vault.retry(record, None, Worker::Anybody).await.unwrap();
            }
        }
        _ => {}
    }
}

fn meets(filter: &Filter, image: &ImageRecord) -> bool {
    let is_type = |asked: &String| {
        let content = image.content().ok();
        content.is_some_and(|it| it.media_type == *asked || it.media_type == format!("image/{asked}"))
    };
    filter.tags.iter().all(|tag| image.tags.contains(tag))
        && filter.status.is_none_or(|status| status == image.status())
        && (!filter.unfinished || [Status::Pending, Status::Storing].contains(&image.status()))
        && filter.phrase.matches(&words_of(image))
        && (filter.host.is_none() || filter.host == host_of(image))
        && filter.media_type.as_ref().is_none_or(is_type)
        && filter.since.is_none_or(|since| since <= image.created)
        && filter.until.is_none_or(|until| image.created < until)
}

/// Compares searches and counts with the records.
async fn compare(vault: &Vault<World>, dice: &mut Dice) {
    let images = all(vault, &Filter::default(), Order::Newest, 50).await;
    for _ in 0..40 {
        let (filter, limit) = (dice.filter(), 1 + dice.below(9));
        let mut expected: Vec<_> = images.iter().filter(|image| meets(&filter, image)).cloned().collect();
        assert_eq!(all(vault, &filter, Order::Newest, limit).await, expected, "{filter:?}");
        expected.reverse();
        assert_eq!(all(vault, &filter, Order::Oldest, limit).await, expected, "{filter:?}");
        // An estimate misses no image, and counts none that was never there.
        if let Some(Estimate { images, is_all }) = vault.estimate(&filter, 10_000).await.unwrap() {
            let accepted = vault.store.count(Vaultwide::Feed).await.unwrap();
            assert!(is_all && expected.len() as u64 <= images && images <= accepted, "{filter:?}: {images}");
            let few = vault.estimate(&filter, 2).await.unwrap().unwrap();
            assert_eq!(few, Estimate { images: images.min(2), is_all: images <= 2 }, "{filter:?}");
        }
    }
    let (mut tags, mut after) = (Vec::new(), None);
    loop {
        let page = vault.tags("", after.as_deref(), 2).await.unwrap();
        tags.extend(page.tags);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let mut expected: Vec<_> = TAGS
        .map(|tag| (tag.to_owned(), images.iter().filter(|image| image.tags.iter().any(|other| other == tag)).count()))
        .into_iter()
        .filter(|(_, images)| *images > 0)
        .map(|(tag, images)| TagCount { tag, images: images as u64 })
        .collect();
    expected.sort_by(|one, other| one.tag.cmp(&other.tag));
    assert_eq!(tags, expected);
    let cats: Vec<_> = expected.into_iter().filter(|count| count.tag.starts_with("cat")).collect();
    assert_eq!(vault.tags("cat", None, 100).await.unwrap().tags, cats);
    let numbers = vault.numbers().await.unwrap().unwrap();
    let ready =
        |kind: &str| images.iter().filter_map(|it| it.content().ok()).filter(|it| it.media_type == kind).count();
    for format in &numbers.formats {
        assert_eq!(format.images, ready(&format.media_type) as u64, "{}", format.media_type);
    }
    let counted: u64 = numbers.formats.iter().map(|format| format.images).sum();
    assert_eq!(counted, images.iter().filter(|image| image.content().is_ok()).count() as u64);
    assert_eq!(counted, numbers.days.iter().map(|day| day.images).sum::<u64>());
}

#[test]
fn searches_agree_with_the_records() {
    for seed in 0..8 {
        let (world, mut dice, mut images) = (World::default(), Dice(seed * 1_000_000), Vec::new());
        let vault = vault(&world, SMALL);
        world.run(async {
            for round in 0..8 {
                for _ in 0..dice.below(40) {
                    change(&vault, &world, &mut dice, &mut images).await;
                }
                compare(&vault, &mut dice).await;
                if round % 3 == 1 {
                    // The sweep deletes what was replaced.
                    world.pass(DAY);
                    vault.sweep().await.unwrap();
                    compare(&vault, &mut dice).await;
                }
                assert_eq!(faults(&vault, false).await, Vec::<String>::new(), "seed {seed}");
            }
        });
        assert!(!world.keys_of("b1:g:3:").is_empty(), "seed {seed} made no segment of the highest level");
    }
}

#[test]
fn a_vault_older_than_its_index_gets_one_by_repair() {
    let (world, mut dice, mut images) = (World::default(), Dice(5), Vec::new());
    let vault = vault(&world, SMALL);
    world.run(async {
        for _ in 0..100 {
            change(&vault, &world, &mut dice, &mut images).await;
        }
        // A vault without an index has nothing of one in its trash.
        while !world.keys_of("b1:t:").is_empty() {
            world.pass(DAY);
            vault.sweep().await.unwrap();
        }
        let keys = ["b1:e:", "b1:g:"].into_iter().flat_map(|prefix| world.keys_of(prefix));
        for key in
            keys.chain([Key::vaultwide(Vaultwide::Indexed), Key::vaultwide(Vaultwide::Log)].map(|key| key.to_string()))
        {
            world.forget(&key);
        }
        let filter = Filter { phrase: Phrase::new("otter"), ..Filter::default() };
        let page = vault.list(&filter, Order::Newest, None, 1000).await.unwrap();
        assert!(page.unindexed && !page.images.is_empty());
        assert!(vault.tags("", None, 10).await.unwrap().unindexed && vault.numbers().await.unwrap().is_none());
        assert_eq!(faults(&vault, false).await, Vec::<String>::new());
        assert_eq!(faults(&vault, true).await.len(), 1);
        assert_eq!(faults(&vault, true).await, Vec::<String>::new());
        compare(&vault, &mut dice).await;
        assert_eq!(all(&vault, &filter, Order::Newest, 1000).await, page.images);
        for _ in 0..100 {
            change(&vault, &world, &mut dice, &mut images).await;
        }
        compare(&vault, &mut dice).await;
        assert_eq!(faults(&vault, false).await, Vec::<String>::new());
    });
}

#[test]
fn a_damaged_index_is_noticed_and_made_anew() {
    let (world, mut dice, mut images) = (World::default(), Dice(9), Vec::new());
    let vault = vault(&world, SMALL);
    world.run(async {
        for _ in 0..60 {
            change(&vault, &world, &mut dice, &mut images).await;
        }
    });
    let pages = world.keys_of("b1:g:").into_iter().filter(|key| key.len() > 38);
    let entries = world.keys_of("b1:e:").into_iter().filter(|key| !key.ends_with("done"));
    for key in pages.chain(entries).collect::<Vec<_>>() {
        world.run(async {
            let before = world.value(&key);
            let used = {
                world.forget(&key);
                !faults(&vault, false).await.is_empty()
            };
            let filter = Filter { phrase: Phrase::new("otter"), ..Filter::default() };
            let walked = vault.list(&Filter::default(), Order::Newest, None, 1000).await.unwrap().images;
            if used && key.starts_with("b1:g:") {
                // The images are found all the same.
                let page = vault.list(&filter, Order::Newest, None, 1000).await.unwrap();
                let expected: Vec<_> = walked.into_iter().filter(|image| meets(&filter, image)).collect();
                assert_eq!(page.images, expected, "{key}");
            }
            world.store_at(&key, &before);
        });
    }
    let last = world.keys_of("b1:g:").into_iter().rfind(|key| key.len() > 38).unwrap();
    world.store_at(&last, b"damaged");
    world.run(async {
        let found = faults(&vault, true).await;
        assert!(!found.is_empty(), "{last} is not used");
        assert_eq!(faults(&vault, true).await, Vec::<String>::new());
        compare(&vault, &mut dice).await;
    });
}

#[test]
fn conditions_that_cannot_hold_are_refused() {
    let world = World::default();
    let vault = world.vault();
    let refused = |filter: &Filter| world.run(vault.list(filter, Order::Newest, None, 10)).unwrap_err().to_string();
    let filter = Filter { since: Some(5), until: Some(5), ..Filter::default() };
    assert!(refused(&filter).contains("since"));
    assert!(Filter::host("exa mple").is_err() && Filter::host("").is_err() && Filter::media_type("image/<>").is_err());
    assert_eq!(Filter::host("BÜCHER.example").unwrap(), "xn--bcher-kva.example");
    assert_eq!(Filter::media_type(".PNG").unwrap(), "png");
    assert!(world.run(vault.tags("", None, 0)).is_err() && world.run(vault.tags("", None, 1001)).is_err());
}
