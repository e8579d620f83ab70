//! Audits a store without the vault: references, counters, and keys that nothing refers to.

use std::collections::{BTreeMap, BTreeSet};

use burrow_model::envelope::decode;
use burrow_model::key::{BlobId, ImageId, Job, Key, Sha256Hex, Vaultwide};
use burrow_model::record::{
    Attempt, ImageRecord, Manifest, Namesake, Pointer, Record, Repacking, Rubbish, Segment, State, Trash,
};
use burrow_vault::thumbnail::WIDTHS;
use burrow_vault::vault::Shape;
use serde_json::{from_value, json};
use xxhash_rust::xxh3::xxh3_64;

use crate::disk::Map;
use crate::journal::{Class, Journal, Problem};
use crate::operations::SHAPE;

/// The result of auditing a store.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Keys that are in use.
    used: BTreeSet<String>,
    /// Manifests of blobs in the trash.
    trashed: BTreeSet<String>,
}

impl Ledger {
    /// Audits a store that was swept.
    pub fn of(map: &Map, journal: &Journal, problems: &mut Vec<Problem>) -> Self {
        let mut ledger = Self::default();
        let mut found = |class, text: String| problems.push(Problem::new(class, text));
        let mut records: Vec<ImageRecord> =
            with_prefix(map, "b1:i:").filter_map(|(id, _)| load(map, &Key::image(ImageId::parse(id)?))).collect();
        let mut sharers = BTreeMap::<String, (BlobId, i64)>::new();
        records.retain(|record| {
            let feed = Key::feed(record.seq);
            if load(map, &feed) != Some(Pointer::Image(record.id)) {
                if journal.is_kept(record.id) {
                    found(Class::Lost, format!("{feed} does not lead to {}", record.name));
                }
                found(Class::Leak, format!("{} is not listed", record.name));
                if !matches!(record.state, State::Ready(_)) {
                    // No user was told of it, and no worker will take it up.
                    return false;
                }
            }
            ledger.note(&Key::image(record.id));
            // A process that read whether it is removed may have left a counter that is 0.
            if map.count(Key::removal(record.id).as_str()) == 0 {
                ledger.note(&Key::removal(record.id));
            }
            ledger.note(&feed);
            true
        });
        for record in &records {
            if let State::Ready(content) = &record.state {
                sharers.entry(content.blob.to_string()).or_insert((content.blob, -1)).1 += 1;
            }
        }
        Self::check_counters(map, &records, &mut found);
        for (blob, expected) in sharers.into_values() {
            ledger.check_blob(map, blob, expected, &mut found);
        }
        ledger.note_trash(map);
        ledger.check_stored_bytes(map, &mut found);
        for (entry, _) in with_prefix(map, "b1:n:") {
            let Some((name, n)) = entry.split_once(':') else { continue };
            let name = Sha256Hex::parse(name).expect("a digest");
            let key = Key::namesake(&name, n.parse().expect("a number"));
            let bears_it = |record: &ImageRecord| Sha256Hex::of(record.name.as_bytes()) == name;
            if load::<Namesake>(map, &key)
                .is_some_and(|it| records.iter().any(|record| record.id == it.id && bears_it(record)))
            {
                ledger.note(&key);
            }
        }
        for (url, _) in with_prefix(map, "b1:o:") {
            let key = Key::source(&Sha256Hex::parse(url).expect("a digest"));
            let comes_from_it = |record: &ImageRecord| {
                record.source.as_ref().is_some_and(|source| Sha256Hex::of(source.as_bytes()).as_str() == url)
            };
            if let Some(Pointer::Image(id)) = load(map, &key)
                && records.iter().any(|record| record.id == id && comes_from_it(record))
            {
                ledger.note(&key);
            }
        }
        for (digest, _) in with_prefix(map, "b1:d:") {
            let key = from_value(json!(digest)).map(|digest| Key::digest(&digest)).expect("a digest");
            if let Some(Pointer::Blob(blob)) = load(map, &key)
                && ledger.used.contains(Key::manifest(blob).as_str())
            {
                ledger.note(&key);
            }
        }
        let index = index(map);
        for (key, _) in map.iter() {
            // The counter of a name stays, so that no number is given out twice.
            let stays = key.starts_with("b1:s:")
                || Job::ALL.iter().any(|&job| key == Key::job(job).as_str())
                || (key.starts_with("b1:n:") && key.matches(':').count() == 2);
            if !stays && !index.contains(key) && !ledger.used.contains(key) {
                found(Class::Leak, format!("nothing refers to {key}"));
            }
        }
        ledger
    }

    /// Keys that are in use. After every image was removed and swept there must be none.
    pub fn remains<'a>(&'a self, map: &'a Map) -> impl Iterator<Item = &'a str> {
        self.used.iter().map(String::as_str).filter(|key| map.get(key).is_some())
    }

    fn note(&mut self, key: &Key) {
        self.used.insert(key.to_string());
    }

    fn check_counters(map: &Map, records: &[ImageRecord], found: &mut impl FnMut(Class, String)) {
        let (mut ready, mut pending, mut failed, mut bytes) = (0, 0, 0, 0);
        for record in records {
            match &record.state {
                State::Ready(content) => {
                    ready += 1;
                    bytes += content.size;
                }
                State::Pending { .. } | State::Storing { .. } => pending += 1,
                State::Failed { .. } => failed += 1,
            }
        }
        for (counter, expected) in [
            (Vaultwide::Ready, ready),
            (Vaultwide::Pending, pending),
            (Vaultwide::Failed, failed),
            (Vaultwide::OriginalBytes, i64::try_from(bytes).unwrap()),
        ] {
            let key = Key::vaultwide(counter);
            let count = map.count(key.as_str());
            if count != expected {
                found(Class::Drift, format!("{key} is {count}, not {expected}"));
            }
        }
        let newest = records.iter().map(|record| record.seq).max().unwrap_or(0);
        if map.count(Key::vaultwide(Vaultwide::Feed).as_str()) < i64::try_from(newest).unwrap() {
            found(Class::Lost, format!("the feed does not reach number {newest}"));
        }
    }

    /// Checks the counters of stored bytes: a manifest that leaked counts until it is in the trash.
    fn check_stored_bytes(&mut self, map: &Map, found: &mut impl FnMut(Class, String)) {
        let (mut stored, mut repacked, mut saved) = (0, 0, 0);
        for (blob, _) in with_prefix(map, "b1:m:") {
            let key = Key::manifest(from_value(json!(blob)).expect("a blob's id"));
            if let Some(manifest) = load::<Manifest>(map, &key).filter(|_| !self.trashed.contains(key.as_str())) {
                stored += manifest.stored_size().cast_signed();
                repacked += i64::from(manifest.repacked.is_some());
                saved += manifest.saved().cast_signed();
            }
        }
        for (counter, all) in
            [(Vaultwide::StoredBytes, stored), (Vaultwide::Repacked, repacked), (Vaultwide::SavedBytes, saved)]
        {
            let key = Key::vaultwide(counter);
            let count = map.count(key.as_str());
            if count != all {
                found(Class::Drift, format!("{key} is {count}, not {all}"));
            }
        }
    }

    /// Checks a blob that images use.
    fn check_blob(&mut self, map: &Map, blob: BlobId, sharers: i64, found: &mut impl FnMut(Class, String)) {
        let key = Key::manifest(blob);
        let Some(manifest) = load::<Manifest>(map, &key) else {
            return found(Class::Lost, format!("{key} is gone, and an image needs it"));
        };
        self.note(&key);
        for (n, &(len, sum)) in (0..).zip(&manifest.chunks) {
            let key = Key::chunk(manifest.place(blob), n);
            self.note(&key);
            match map.get(key.as_str()) {
                Some(chunk) if chunk.len() == len as usize && xxh3_64(chunk) == sum => {}
                _ => found(Class::Lost, format!("{key} is gone or damaged, and an image needs it")),
            }
        }
        let key = Key::sharers(blob);
        let counted = map.count(key.as_str());
        if counted < sharers {
            found(Class::Lost, format!("{key} is {counted} with {sharers} sharers: it will end too early"));
        }
        if counted > sharers {
            found(Class::Leak, format!("{key} is {counted} with {sharers} sharers: nobody will end it"));
        }
        self.note(&key);
        self.note(&Key::sharing_ended(blob));
        self.note_pictures(blob);
        self.note_repacking(map, blob, &manifest, found);
    }

    /// Checks that the record of a blob's repacking says of its form what the manifest says.
    fn note_repacking(&mut self, map: &Map, blob: BlobId, manifest: &Manifest, found: &mut impl FnMut(Class, String)) {
        let key = Key::repacking(blob);
        self.note(&key);
        let repacking = load::<Repacking>(map, &key);
        let is_unfinished = matches!(repacking, Some(Repacking { last: Attempt::Begun { .. }, .. }));
        let form = repacking.and_then(|repacking| repacking.form);
        if form != manifest.form() && !is_unfinished {
            found(Class::Drift, format!("{key} says {form:?}, and the manifest {:?}", manifest.form()));
        }
    }

    fn note_pictures(&mut self, blob: BlobId) {
        self.note(&Key::preview(blob));
        for width in WIDTHS {
            self.note(&Key::thumbnail(blob, width));
        }
    }

    /// Marks what waits in the trash as in use until the sweep deletes it.
    fn note_trash(&mut self, map: &Map) {
        let emptied = match load(map, &Key::vaultwide(Vaultwide::Emptied)) {
            Some(Pointer::Number(number)) => number,
            _ => 0,
        };
        for (number, _) in with_prefix(map, "b1:t:") {
            let number: u64 = number.parse().expect("a number");
            let Some(entry) = load::<Trash>(map, &Key::trash(number)).filter(|_| number > emptied) else { continue };
            self.note(&Key::trash(number));
            match entry.what {
                Rubbish::Blob(blob) => {
                    let key = Key::manifest(blob);
                    let manifest = load::<Manifest>(map, &key);
                    let place = manifest.as_ref().map_or(blob, |manifest| manifest.place(blob));
                    let chunks = manifest.map_or(0, |manifest| manifest.chunks.len());
                    self.note(&key);
                    self.trashed.insert(key.to_string());
                    (0..chunks).for_each(|n| self.note(&Key::chunk(place, u32::try_from(n).unwrap())));
                    // What an attempt left that a crash cut off is deleted with the blob.
                    if let Some(Attempt::Begun { writes: Some(writes), .. }) =
                        load::<Repacking>(map, &Key::repacking(blob)).map(|repacking| repacking.last)
                    {
                        for (place, chunks) in [(writes.place, writes.chunks), writes.replaces] {
                            (0..chunks).for_each(|n| self.note(&Key::chunk(place, n)));
                        }
                    }
                    self.note(&Key::repacking(blob));
                    self.note(&Key::sharers(blob));
                    self.note(&Key::sharing_ended(blob));
                    self.note_pictures(blob);
                }
                Rubbish::Removal(id) => {
                    self.note(&Key::removal(id));
                    self.note(&Key::blob_left(id));
                }
                Rubbish::Log(range) => {
                    self.note(&Key::logged(range));
                    numbers_of(range).for_each(|n| self.note(&Key::log(n)));
                }
                Rubbish::Segment(level, first, id) => {
                    let key = Key::segment(level, first);
                    let segment = load::<Segment>(map, &key).filter(|segment| segment.id == id);
                    for n in 0..segment.map_or(0, |segment| segment.pages.len() as u32) {
                        self.note(&key);
                        self.note(&Key::postings(id, n));
                    }
                }
                Rubbish::Building(level, first, window) => {
                    self.note(&Key::building(level, first, window));
                    self.note(&Key::building(level, first, window + 1));
                }
                Rubbish::Takeover(id, updated, window) => self.note(&Key::takeover(id, updated, window)),
                Rubbish::Chunks(place, chunks) => (0..chunks).for_each(|n| self.note(&Key::chunk(place, n))),
                Rubbish::Repacking(blob, ended, window) => {
                    self.note(&Key::repacking_claim(blob, ended, window));
                    self.note(&Key::repacking_claim(blob, ended, window + 1));
                }
                Rubbish::Job(job, version, window) => {
                    self.note(&Key::job_claim(job, version, window));
                    self.note(&Key::job_claim(job, version, window + 1));
                }
                Rubbish::Answer(key, window) => {
                    self.note(&Key::answered(&key));
                    self.note(&Key::answering(&key, window));
                    // The claims of the neighbouring windows are deleted with it.
                    for window in [window.saturating_sub(1), window + 1] {
                        self.note(&Key::answering(&key, window));
                    }
                }
            }
        }
    }
}

/// The numbers of the entries of a range of the index's log.
fn numbers_of(range: u64) -> std::ops::RangeInclusive<u64> {
    let len = SHAPE.get().range;
    range * len + 1..=(range + 1) * len
}

/// The keys of the index that a search reads, and the counters of ranges that were sealed.
fn index(map: &Map) -> BTreeSet<String> {
    let Shape { range: len, fan, top } = SHAPE.get();
    let newest = map.count(Key::vaultwide(Vaultwide::Log).as_str()).cast_unsigned();
    let base = match load(map, &Key::vaultwide(Vaultwide::Indexed)) {
        Some(Pointer::Number(after)) => after / len,
        _ => 0,
    };
    let (mut keys, mut first) = (BTreeSet::new(), base);
    while first * len < newest {
        let level = (0..=top).rev().find(|level| {
            let ranges = fan.pow(*level);
            let is_there = map.get(Key::segment(*level, first).as_str()).is_some();
            (first - base).is_multiple_of(ranges) && (first + ranges) * len <= newest && is_there
        });
        if let Some(level) = level {
            let key = Key::segment(level, first);
            let segment = load::<Segment>(map, &key).expect("a segment");
            keys.extend((0..segment.pages.len() as u32).map(|n| Key::postings(segment.id, n).to_string()));
            keys.insert(key.to_string());
        } else {
            keys.extend(numbers_of(first).map(|n| Key::log(n).to_string()));
            keys.insert(Key::logged(first).to_string());
        }
        first += level.map_or(1, |level| fan.pow(level));
    }
    let sealed = map.iter().filter(|(key, _)| key.ends_with(":done") && map.count(key) >= 1 << 32);
    keys.extend(sealed.map(|(key, _)| key.to_owned()));
    keys
}

fn with_prefix<'a>(map: &'a Map, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a [u8])> {
    map.iter().filter_map(move |(key, value)| Some((key.strip_prefix(prefix)?, value)))
}

pub fn load<R: Record>(map: &Map, key: &Key) -> Option<R> {
    decode(key, map.get(key.as_str())?).ok()
}
