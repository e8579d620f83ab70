//! Measures what the index costs: calls of the store for each image, and the time of searches, over a store in memory.
//!
//! `cargo run --release -p burrow-vault --features testing --example search_cost -- 10000 100000`

#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::indexing_slicing, reason = "an example")]
#![allow(clippy::cast_precision_loss, reason = "figures for people")]

use std::time::Instant;

use burrow_vault::terms::Phrase;
use burrow_vault::testing::{Whole, World};
use burrow_vault::vault::{Filter, Label, Order, Plan, Vault};

/// How often each search is made.
const TIMES: usize = 200;

const IMAGE: &[u8] = b"GIF89a\x01\0\x01\0\0\0\0;";

fn label(n: u64) -> Label {
    let mut tags = vec![if n.is_multiple_of(2) { "even".into() } else { "odd".into() }, format!("year {}", n % 30)];
    if n.is_multiple_of(5000) {
        tags.push("odd".into());
    }
    if n % 997 == 3 {
        tags.push("few".into());
    }
    let animal = ["otter", "beaver", "vole", "heron"][(n % 4) as usize];
    Label::new(Some(&format!("{animal}_{n:06}.gif")), &tags).unwrap()
}

fn measure(world: &World, vault: &Vault<World>, what: &str, filter: &Filter) {
    let mut times = Vec::new();
    let (mut found, calls) = (0, world.calls());
    for _ in 0..TIMES {
        let begin = Instant::now();
        let page = world.run(vault.list(filter, Order::Newest, None, 50)).unwrap();
        times.push(begin.elapsed().as_secs_f64() * 1000.0);
        found = page.images.len();
    }
    times.sort_by(f64::total_cmp);
    let calls = (world.calls() - calls) / TIMES as u64;
    println!(
        "  {what}: {found} images, {calls} calls, p50 {:.2} ms, p99 {:.2} ms",
        times[TIMES / 2],
        times[TIMES * 99 / 100]
    );
}

fn main() {
    for count in std::env::args().skip(1).map(|count| count.parse::<u64>().unwrap()) {
        let world = World::default();
        let vault = world.vault();
        let (begin, mut slowest) = (Instant::now(), 0.0_f64);
        for n in 0..count {
            let begin = Instant::now();
            world.pass(1000);
            world.run(vault.put(&mut Whole::new(IMAGE), label(n))).unwrap();
            slowest = slowest.max(begin.elapsed().as_secs_f64() * 1000.0);
        }
        let seconds = begin.elapsed().as_secs_f64();
        println!(
            "{count} images put: {:.1} calls and {:.0} us each; the slowest took {slowest:.0} ms",
            world.calls() as f64 / count as f64,
            seconds * 1e6 / count as f64,
        );
        let index: usize = ["b1:e:", "b1:g:"]
            .into_iter()
            .flat_map(|prefix| world.keys_of(prefix))
            .map(|key| world.value(&key).len())
            .sum();
        println!("  the index takes {} bytes an image", index as u64 / count);
        let tagged =
            |tags: &[&str]| Filter { tags: tags.iter().map(|&tag| tag.to_owned()).collect(), ..Filter::default() };
        let words = |text: &str| Filter { phrase: Phrase::new(text), ..Filter::default() };
        measure(&world, &vault, "no condition", &Filter::default());
        measure(&world, &vault, "one rare word", &words(&format!("{:06}", count / 3)));
        measure(&world, &vault, "a frequent word", &words("otter"));
        measure(&world, &vault, "a beginning of many words", &words("0000"));
        measure(&world, &vault, "one letter", &words("o"));
        measure(&world, &vault, "a word that no image has", &words("elephant"));
        measure(&world, &vault, "a rare tag", &tagged(&["few"]));
        measure(&world, &vault, "two frequent tags that meet rarely", &tagged(&["even", "odd"]));
        let begin = Instant::now();
        let verified = world.run(vault.verify(Plan { repair: false, alone: true }, async |_| {})).unwrap();
        println!("  verify of {} keys: {:.1} s", verified.keys, begin.elapsed().as_secs_f64());
        let begin = Instant::now();
        world.forget("b1:s:indexed");
        world.run(vault.verify(Plan { repair: true, alone: true }, async |_| {})).unwrap();
        println!("  verify that makes the index anew: {:.1} s", begin.elapsed().as_secs_f64());
        measure(&world, &vault, "the two tags after that", &tagged(&["even", "odd"]));
    }
}
