//! Tests of the Spin store, over files made as Spin makes them and one that Spin made.

use super::*;

/// A Spin app that has not run yet.
pub(in super::super) struct App(tempfile::TempDir);

impl App {
    pub(in super::super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("spin.toml"), "spin_manifest_version = 2\n").unwrap();
        Self(directory)
    }

    pub(in super::super) fn path(&self) -> &Path {
        self.0.path()
    }
}

async fn all_keys(store: &SpinSqlite, prefix: &str) -> Vec<String> {
    let batches: Vec<_> = store.keys(prefix).collect().await;
    batches.into_iter().flat_map(|batch| batch.unwrap()).collect()
}

/// tests/fixtures/spin-4.1/README.md says how the file was made with Spin.
#[tokio::test]
async fn what_spin_wrote_is_read_and_gone_on_with() {
    let app = App::new();
    let database = app.path().join(FILE);
    std::fs::create_dir(app.path().join(".spin")).unwrap();
    std::fs::write(&database, include_bytes!("../../../../tests/fixtures/spin-4.1/sqlite_key_value.db")).unwrap();
    let store = SpinSqlite::open(app.path()).unwrap();
    let counters = [
        ("feed", 3),
        ("ready", 2),
        ("pending", 0),
        ("failed", 0),
        ("trash", 2),
        ("original-bytes", 12512),
        ("stored-bytes", 11632),
    ];
    for (name, count) in counters {
        assert_eq!(store.increment(&format!("b1:s:{name}"), 0).await.unwrap(), count, "{name}");
    }
    let images = all_keys(&store, "b1:i:").await;
    assert_eq!(images, ["b1:i:01a205b3-f273-74ee-a086-50fb3f57fc6e", "b1:i:01a205b3-f2a8-739b-ac59-f426d48bd0d6"]);
    let record = store.get(&images[0]).await.unwrap().unwrap();
    assert!(record.starts_with(b"I\x01") && String::from_utf8_lossy(&record).contains("otter.png"));
    assert_eq!(all_keys(&store, "").await.len(), 31);
    let chunk = store.get("b1:c:01a205b3f26970b2953653fef1fa9032:0").await.unwrap().unwrap();
    assert!(chunk.len() == 3242 && chunk.starts_with(b"\x89PNG"));
    assert_eq!(store.increment("b1:s:feed", 1).await.unwrap(), 4);
    drop(store);
    let spins = Connection::open(&database).unwrap();
    let journal: String = spins.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    let bytes: Vec<u8> = spins.query_row(GET, [STORE, "b1:s:feed"], |row| row.get(0)).unwrap();
    assert_eq!((journal.as_str(), bytes), ("delete", 4_i64.to_le_bytes().to_vec()));
}

#[tokio::test]
async fn a_new_store_is_as_spin_makes_it() {
    let app = App::new();
    let store = SpinSqlite::open(app.path()).unwrap();
    store.set("b1:i:one", b"value".to_vec()).await.unwrap();
    drop(store);
    let spins = tempfile::tempdir().unwrap().path().join("spins.db");
    std::fs::create_dir_all(spins.parent().unwrap()).unwrap();
    std::fs::write(&spins, include_bytes!("../../../../tests/fixtures/spin-4.1/sqlite_key_value.db")).unwrap();
    let schema = |path: &Path| -> String {
        let database = Connection::open(path).unwrap();
        let schema =
            "SELECT sql || (SELECT journal_mode FROM pragma_journal_mode) || (SELECT encoding FROM pragma_encoding)
                      FROM sqlite_schema WHERE type='table'";
        database.query_row(schema, [], |row| row.get(0)).unwrap()
    };
    assert_eq!(schema(&app.path().join(FILE)), schema(&spins));
}

#[tokio::test]
async fn another_process_may_write_meanwhile() {
    let app = App::new();
    let store = Arc::new(SpinSqlite::open(app.path()).unwrap());
    let database = app.path().join(FILE);
    let spin = tokio::task::spawn_blocking(move || {
        let mut spin = Connection::open(database).unwrap();
        for _ in 0..100 {
            // Spin itself reads before it takes the lock, and fails at once if another process writes then.
            let transaction = spin.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
            let old: Option<Vec<u8>> =
                transaction.query_row(GET, [STORE, "b1:s:n"], |row| row.get(0)).optional().unwrap();
            let sum = counter("b1:s:n", old.as_deref()).unwrap() + 1;
            transaction.execute(SET, params![STORE, "b1:s:n", sum.to_le_bytes()]).unwrap();
            transaction.commit().unwrap();
        }
    });
    for _ in 0..100 {
        store.increment("b1:s:n", 1).await.unwrap();
    }
    spin.await.unwrap();
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 200);
    // Other labels are other stores.
    let other = Connection::open(app.path().join(FILE)).unwrap();
    other.execute(SET, params!["other", "b1:s:n", 7_i64.to_le_bytes()]).unwrap();
    assert_eq!(store.increment("b1:s:n", 0).await.unwrap(), 200);
    assert_eq!(all_keys(&store, "").await, ["b1:s:n"]);
}

#[test]
fn what_is_no_store_of_spins_is_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::write(path("text"), "not a database, but long enough to look whether it is one".repeat(20)).unwrap();
    std::fs::write(path("empty"), "").unwrap();
    Connection::open(path("other.db")).unwrap().execute("CREATE TABLE t (x)", []).unwrap();
    std::fs::create_dir(path("dir")).unwrap();
    for (name, why) in [
        ("text", "not a database; name the directory of a Spin app"),
        ("empty", "lacks the table"),
        ("other.db", "lacks the table"),
        ("dir", "neither .spin/sqlite_key_value.db nor a spin.toml"),
        ("absent", "neither .spin/sqlite_key_value.db nor a spin.toml"),
    ] {
        let before = std::fs::read(path(name)).ok();
        let KvError(error) = SpinSqlite::open(&path(name)).unwrap_err();
        assert!(error.contains(why) && error.contains(name) && !error.contains('\n'), "{error}");
        assert_eq!(std::fs::read(path(name)).ok(), before);
    }
    assert_eq!(std::fs::read_dir(path("dir")).unwrap().count(), 0);
}
