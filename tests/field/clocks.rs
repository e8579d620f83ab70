//! Clocks that were wrong.

use std::path::Path;

use burrow_model::envelope::{decode, encode};
use burrow_model::key::{ImageId, Key};
use burrow_model::lease::Lease;
use burrow_model::record::{ImageRecord, State};
use hyper::Method;
use redb::{Database, ReadableDatabase as _, TableDefinition};
use serde_json::json;
use tokio::sync::watch;

use crate::support::images::fixture;
use crate::support::origin::{Behaviour, Origin};
use crate::support::process::serving;
use crate::support::verify::verify;

const VALUES: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("values");

const MINUTE: u64 = 60_000;

/// Changes an image's record in the store of a server that is not running.
fn change(store: &Path, id: &str, how: impl FnOnce(&mut ImageRecord)) {
    let database = Database::open(store.join("vault.redb")).unwrap();
    let key = Key::image(ImageId::parse(id).unwrap());
    let value = database.begin_read().unwrap().open_table(VALUES).unwrap().get(key.as_str()).unwrap().unwrap();
    let mut record: ImageRecord = decode(&key, value.value()).unwrap();
    how(&mut record);
    let write = database.begin_write().unwrap();
    write.open_table(VALUES).unwrap().insert(key.as_str(), &*encode(&key, &record).unwrap()).unwrap();
    write.commit().unwrap();
}

/// A server is killed during a job, and its record is made what it would be if the server's clock had been ahead. The
/// next server, whose clock is right, does the job at once.
pub async fn a_job_of_a_killed_server_whose_clock_was_wrong() {
    for (ahead, has_generation) in [(MINUTE, true), (70 * 365 * 24 * 60 * MINUTE, true), (MINUTE, false)] {
        let (store, origin) = (tempfile::tempdir().unwrap(), Origin::start().await);
        let (open, gate) = watch::channel(false);
        let url = origin.serve("/photo.png", Behaviour::Gated(fixture("photo.png").into(), gate));
        let (mut server, client) = serving(store.path()).await;
        let id = client.add(&json!({ "url": url })).await;
        while client.get(&format!("/images/{id}")).await.json()["status"] != "storing" {
            tokio::task::yield_now().await;
        }
        server.kill().await;
        change(store.path(), &id, |record| {
            let State::Storing { lease, .. } = &mut record.state else { panic!("{record:?}") };
            assert_eq!(lease.generation, Some(1));
            // A Burrow that knew no generations wrote none.
            *lease = Lease { until: lease.until + ahead, generation: lease.generation.filter(|_| has_generation) };
            record.created += ahead;
            record.updated += ahead;
        });
        open.send(true).unwrap();
        let (_server, client) = serving(store.path()).await;
        assert_eq!(client.settled(&id).await["status"], "ready");
        assert!(client.content(&id).await == fixture("photo.png"));
        let resumed = client.send(Method::POST, "/jobs/resume", &[], "").await;
        assert_eq!(resumed.json()["busy"], 0, "{}", resumed.text());
    }
}

/// A store that is opened again and again counts its openings, and `verify` knows the counter.
pub async fn openings_are_counted_and_verified() {
    let store = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        serving(store.path()).await.0.stop().await;
    }
    let found = verify(store.path(), true).await;
    assert!(found.findings.is_empty(), "{found:?}");
    let database = Database::open(store.path().join("vault.redb")).unwrap();
    let values = database.begin_read().unwrap().open_table(VALUES).unwrap();
    let generation = values.get("b1:s:generation").unwrap().unwrap();
    assert_eq!(generation.value(), 3_u64.to_le_bytes(), "two servers and `verify`");
}
