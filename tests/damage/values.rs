//! Flips one byte of one stored value: only the image that it belongs to is harmed.

use std::ops::Range;
use std::path::{Path, PathBuf};

use hyper::Method;
use redb::{Database, ReadableDatabase as _, ReadableTable as _, TableDefinition};
use serde_json::{Value, json};

use super::{BLOBS, FILE, KEY, Kept, NAME, Sample, listed, misread, upload};
use crate::support::client::{Client, Reply};
use crate::support::images::sha256;
use crate::support::process::{Ended, Process, serve, serving};
use crate::support::random::Random;
use crate::support::verify::verify;

const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");
const PLACES: TableDefinition<'_, (u128, u32), (u64, u32)> = TableDefinition::new("places");

/// The position of a value's version.
const VERSION: usize = 1;

/// A damaged value, and what must fail because of it. Everything else must work.
pub(super) struct Damage {
    pub(super) what: &'static str,
    pub(super) key: String,
    /// Paths of the damaged image that answer with a problem. The log then names the key.
    refused: Vec<String>,
    /// Whether the image's content is not sent, or not completely.
    unreadable: bool,
    unlisted: bool,
}

pub async fn a_flipped_byte_in_a_value_harms_only_what_it_belongs_to() {
    let sample = Sample::new().await;
    let (seed, mut wrong) = (Random::seed("BURROW_DAMAGE_SEED"), Vec::new());
    let mut random = Random::new(seed);
    for damage in damages(&sample) {
        let store = sample.copy();
        let position = flip(store.path(), &damage.key, &mut random);
        let verified = verified(&sample, store.path(), &damage).await;
        for fault in verified.into_iter().chain(faults(&sample, store.path(), &damage).await) {
            wrong.push(format!("{} ({}, byte {position}, seed {seed}): {fault}", damage.what, damage.key));
        }
    }
    super::nothing_of(&wrong);
}

/// A record or manifest of a newer version is called newer, not damaged, and stays as it is.
pub async fn what_a_newer_burrow_stored_is_not_called_damaged() {
    let sample = Sample::new().await;
    let id = &sample.victim.id;
    let [record, manifest, ..] = damages(&sample).map(|damage| damage.key);
    let (image, content) = (format!("/images/{id}"), format!("/images/{id}/content"));
    for (key, paths) in [(record, vec![&image, &content]), (manifest, vec![&content])] {
        let store = sample.copy();
        change(store.path(), &key, |value| value[VERSION] = 99);
        let before = value(store.path(), &key);
        for repair in [false, true] {
            let found = verify(store.path(), repair).await;
            assert!(
                found.findings.iter().any(|fault| fault["detail"].as_str().unwrap().contains("newer")),
                "{found:?}"
            );
            let kinds: Vec<_> = found.findings.iter().map(|fault| fault["kind"].as_str().unwrap()).collect();
            assert!(!kinds.contains(&"damaged-record"), "{found:?}");
        }
        assert_eq!(value(store.path(), &key), before, "repair leaves it as it is");
        let (_process, client) = serving(store.path()).await;
        for path in paths {
            let reply = client.get(path).await;
            assert_eq!((reply.status.as_u16(), &reply.json()["type"]), (500, &json!("/problems/newer")), "{path}");
        }
        assert_eq!(others(&sample, &client).await, Vec::<String>::new());
    }
}

/// The JSON of an image's record.
fn record(sample: &Sample, image: &Kept) -> Value {
    let value = value(sample.directory.path(), &format!("b1:i:{}", image.id)).unwrap();
    serde_json::from_slice(&value[10..]).unwrap()
}

/// The blob of an image, as its keys and its file name it.
pub(super) fn blob(sample: &Sample, image: &Kept) -> String {
    record(sample, image)["state"]["blob"].as_str().unwrap().replace('-', "")
}

/// A damage of an image's chunks, the first among them.
pub(super) fn unreadable(sample: &Sample, image: &Kept, what: &'static str) -> Damage {
    let (key, content) = (format!("b1:c:{}:0", blob(sample, image)), format!("/images/{}/content", image.id));
    // The server reads the first chunk before it sends anything, so it can still answer with a problem.
    Damage { what, key, refused: vec![content], unreadable: true, unlisted: false }
}

/// A damage for every kind of stored value (docs/storage-format.md).
fn damages(sample: &Sample) -> [Damage; 13] {
    let id = &sample.victim.id;
    let (json, blob) = (record(sample, &sample.victim), blob(sample, &sample.victim));
    let record = format!("b1:i:{id}");
    let (image, content) = (format!("/images/{id}"), format!("/images/{id}/content"));
    let by_name = format!("/images/by-name/{NAME}");
    let harmless = |what, key| Damage { what, key, refused: Vec::new(), unreadable: false, unlisted: false };
    [
        Damage {
            refused: vec![image, content.clone(), by_name.clone()],
            unreadable: true,
            unlisted: true,
            ..harmless("image record", record)
        },
        Damage {
            refused: vec![content, format!("{by_name}/content")],
            unreadable: true,
            ..harmless("manifest", format!("b1:m:{blob}"))
        },
        unreadable(sample, &sample.victim, "first chunk"),
        Damage { unreadable: true, ..harmless("last chunk", format!("b1:c:{blob}:2")) },
        harmless("digest", format!("b1:d:{}", sha256(&sample.victim.bytes))),
        harmless("name", format!("b1:n:{}:2", sha256(NAME.as_bytes()))),
        harmless("source", format!("b1:o:{}", sha256(b"http://origin.example/"))),
        Damage { unlisted: true, ..harmless("feed", format!("b1:f:{}", json["seq"])) },
        harmless("trash", "b1:t:1".into()),
        harmless("idempotency key", format!("b1:k:{}", sha256(KEY.as_bytes()))),
        harmless("mark", "b1:s:last-uploaded".into()),
        harmless("mark", "b1:s:settled".into()),
        harmless("mark", "b1:s:emptied".into()),
    ]
}

/// Checks that `verify` finds the damage and names the damaged image, that `--repair` leaves no other fault, and that
/// other images are not harmed.
pub(super) async fn verified(sample: &Sample, store: &Path, damage: &Damage) -> Vec<String> {
    let mut wrong = Vec::new();
    let harmed = if damage.unreadable { json!([sample.victim.id]) } else { json!([]) };
    let found = verify(store, false).await;
    if found.sound || found.summary["damaged_images"] != harmed {
        wrong.push(format!("verify: {found:?}"));
    }
    let copy = super::copy(store);
    let repaired = verify(copy.path(), true).await;
    let after = verify(copy.path(), false).await;
    if after.summary["damaged_images"] != harmed || after.sound == damage.unreadable {
        wrong.push(format!("verify --repair: {repaired:?}; then verify: {after:?}"));
    }
    let (_process, client) = serving(copy.path()).await;
    wrong.extend(others(sample, &client).await);
    wrong
}

/// All differences from the expected behaviour of a server over the damaged store.
pub(super) async fn faults(sample: &Sample, store: &Path, damage: &Damage) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut process = Process::spawn(&mut serve(store));
    let client = match process.ready().await {
        Ok(client) => client,
        Err(ended) => return vec![format!("it does not start: {}", ended.stderr)],
    };
    for path in &damage.refused {
        let reply = match client.try_send(Method::GET, path, &[], "").await {
            Ok(reply) => reply,
            Err(error) => {
                wrong.push(format!("{path}: {error:?}"));
                continue;
            }
        };
        if !is_corrupt(&reply) {
            wrong.push(format!("{path}: {} {}", reply.status, reply.text()));
        }
    }
    if misread(&client, &sample.victim).await.is_some() != damage.unreadable {
        wrong.push(format!("its content: {:?}", misread(&client, &sample.victim).await));
    }
    if listed(&client).await.contains(&sample.victim.id) == damage.unlisted {
        wrong.push("it is listed, or not".into());
    }
    wrong.extend(others(sample, &client).await);
    wrong.extend(goes_on(&client).await);
    key_again(sample, &client, damage, &mut wrong).await;
    // Uploads of the same content under the same name and another, and of another content under the same name.
    let mut again = Vec::new();
    for (name, bytes) in
        [(NAME, &sample.victim.bytes), ("else.bmp", &sample.victim.bytes), (NAME, &sample.others[0].bytes)]
    {
        match upload(&client, name, bytes.clone(), &[]).await {
            Ok(kept) => again.push(kept),
            Err(reply) => wrong.push(format!("upload as {name}: {} {}", reply.status, reply.text())),
        }
    }
    for kept in &again {
        wrong.extend(misread(&client, kept).await.map(|fault| format!("uploaded again, {fault}")));
    }
    let removed = client.send(Method::DELETE, &format!("/images/{}", sample.victim.id), &[], "").await;
    if removed.status != 204 {
        wrong.push(format!("DELETE: {} {}", removed.status, removed.text()));
    }
    let after = client.get(&format!("/images/{}", sample.victim.id)).await;
    if after.status != 404 {
        wrong.push(format!("after DELETE: {} {}", after.status, after.text()));
    }
    let (Ended { stderr: log, .. }, _) = process.stop().await;
    if (damage.unreadable || !damage.refused.is_empty()) && !log.contains(&damage.key) {
        wrong.push(format!("the log does not name it: {log}"));
    }
    let (_process, client) = serving(store).await;
    wrong.extend(others(sample, &client).await);
    for kept in &again {
        wrong.extend(misread(&client, kept).await.map(|fault| format!("in the end, {fault}")));
    }
    if let Some(Kept { id, .. }) = again.last() {
        let named = client.get(&format!("/images/by-name/{NAME}")).await;
        if named.status != 200 || named.json()["id"] != **id {
            wrong.push(format!("in the end, by name: {} {}", named.status, named.text()));
        }
    }
    wrong
}

fn is_corrupt(reply: &Reply) -> bool {
    reply.status == 500 && reply.json()["type"] == "/problems/corrupt"
}

/// Checks that a request with a damaged idempotency key is a problem, and with an undamaged one is answered as before.
async fn key_again(sample: &Sample, client: &Client, damage: &Damage, wrong: &mut Vec<String>) {
    let keyed = &sample.others[2];
    match upload(client, "keyed.svg", keyed.bytes.clone(), &[("idempotency-key", KEY)]).await {
        Ok(again) if again.id == keyed.id && !damage.key.starts_with("b1:k:") => {}
        Err(reply) if is_corrupt(&reply) && damage.key.starts_with("b1:k:") => {}
        Ok(again) => wrong.push(format!("a key that made {} now makes {}", keyed.id, again.id)),
        Err(reply) => wrong.push(format!("a request with a key: {} {}", reply.status, reply.text())),
    }
}

async fn others(sample: &Sample, client: &Client) -> Vec<String> {
    let mut wrong = Vec::new();
    let listed = listed(client).await;
    for other in &sample.others {
        wrong.extend(misread(client, other).await.map(|fault| format!("another image, {fault}")));
        if !listed.contains(&other.id) {
            wrong.push(format!("another image, {}, is not listed", other.id));
        }
    }
    wrong
}

async fn goes_on(client: &Client) -> Vec<String> {
    let mut wrong = Vec::new();
    for (method, path) in [(Method::GET, "/stats"), (Method::GET, "/"), (Method::POST, "/jobs/resume")] {
        let reply = client.send(method, path, &[], "").await;
        if reply.status != 200 {
            wrong.push(format!("{path}: {} {}", reply.status, reply.text()));
        }
    }
    wrong
}

fn value(store: &Path, key: &str) -> Option<Vec<u8>> {
    let database = Database::open(store.join(FILE)).unwrap();
    let table = database.begin_read().unwrap().open_table(VALUES).unwrap();
    table.get(key).unwrap().map(|value| value.value().to_vec())
}

/// Changes a stored value; where nothing is stored yet, 40 bytes of nonsense.
fn change(store: &Path, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let database = Database::open(store.join(FILE)).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(VALUES).unwrap();
        let mut value = table.get(key).unwrap().map_or_else(|| vec![7; 40], |value| value.value().to_vec());
        change(&mut value);
        table.insert(key, value.as_slice()).unwrap();
    }
    transaction.commit().unwrap();
}

/// Flips bits of one byte of a value or of a chunk in a file; returns its position there. If the key has no value, stores
/// nonsense.
fn flip(store: &Path, key: &str, random: &mut Random) -> usize {
    if let Some((file, place)) = place(store, key) {
        let mut bytes = std::fs::read(&file).unwrap();
        let position = random.within(place);
        bytes[position] ^= random.within(1..256) as u8;
        std::fs::write(&file, bytes).unwrap();
        return position;
    }
    let mut flipped = 0;
    change(store, key, |value| {
        // Any byte but the version: a value with a higher version is not damaged, but a newer Burrow's.
        flipped = match random.within(1..value.len()) {
            VERSION => 0,
            position => position,
        };
        value[flipped] ^= random.within(1..256) as u8;
    });
    flipped
}

/// The file that a chunk is in, and where.
fn place(store: &Path, key: &str) -> Option<(PathBuf, Range<usize>)> {
    let (blob, n) = key.strip_prefix("b1:c:")?.split_once(':')?;
    let database = Database::open(store.join(FILE)).unwrap();
    let places = database.begin_read().unwrap().open_table(PLACES).unwrap();
    let id = (u128::from_str_radix(blob, 16).unwrap(), n.parse().unwrap());
    let (offset, len) = places.get(id).unwrap()?.value();
    let offset = usize::try_from(offset).unwrap();
    Some((store.join(BLOBS).join(blob), offset..offset + len as usize))
}
